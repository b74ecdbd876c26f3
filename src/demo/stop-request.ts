// Ctrl-C and SIGTERM as an abort signal, so that what was started is also ended. Effectful.

export interface StopRequest extends Disposable {
  readonly signal: AbortSignal;
  /** Resolves when the signal is aborted. */
  readonly asked: Promise<void>;
}

/** npm passes a signal on that the terminal has sent to the whole group: it then arrives twice. */
const ECHO_MS = 300;

/** The first signal asks for an orderly end. Another one ends the process at once; what it started dies with it. */
export function stopRequest(): StopRequest {
  const controller = new AbortController();
  const asked = new Promise<void>((resolve) => {
    controller.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  let askedAt = 0;
  const onSignal = (): void => {
    if (!controller.signal.aborted) askedAt = performance.now();
    else if (performance.now() - askedAt > ECHO_MS) process.exit(1);
    controller.abort();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    asked,
    [Symbol.dispose]() {
      for (const name of names) process.off(name, onSignal);
    },
  };
}
