// The reason of an abort that the caller asked for in so many words. One that merely went away gives another.

export class CancelledByCaller extends Error {
  constructor() {
    super('the caller cancelled the call');
    this.name = 'CancelledByCaller';
  }
}
