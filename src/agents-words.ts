// What the model is told when a call brings no result at all. Pure. Called by src/agents.ts.
// A refusal by the broker is a result and comes in the broker's own words; this is for what lies before it.
// Without it, the Agents SDK tells the model "Please try again" whatever happened.
import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';

const SAME_CALL =
  'If it is still needed, make exactly the same call again: that continues it and does not run it twice.';

/** Words the model can act on. They hold nothing of the error's own text, except a JSON-RPC error's, which is the broker's. */
export function wordsForFailure(error: unknown, timeoutMs: number): string {
  if (error instanceof ProtocolError) return `The call was refused: ${error.message}`;
  if (error instanceof SdkHttpError && (error.data.status === 401 || error.data.status === 403)) {
    return 'The broker does not accept the identity of this application. The call was not made, and making it again will not help.';
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
    return `No answer came within ${duration(timeoutMs)}. The call may still be running, or waiting for a person. ${SAME_CALL}`;
  }
  return `The connection to the broker failed, so it is not known whether the call was made. ${SAME_CALL}`;
}

/** "45 seconds", "16 minutes". */
function duration(ms: number): string {
  const [count, unit] = ms < 120_000 ? [Math.ceil(ms / 1000), 'second'] : [Math.round(ms / 60_000), 'minute'];
  return new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(count);
}
