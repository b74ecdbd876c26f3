// Thrown where somebody could not be signed in. `message` is for them, and says nothing of how; `cause` is for operators.

export class SignInError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SignInError';
  }
}
