import { ProtocolError, SdkError, SdkErrorCode, SdkHttpError } from '@modelcontextprotocol/client';
import { describe, expect, test } from 'vitest';
import { wordsForFailure } from '../../../src/agents-words.ts';

const words = (error: unknown): string => wordsForFailure(error, 960_000);

describe('a call that brought no result is told to the model', () => {
  test('as unfinished, to be made again unchanged, when no answer came in time', () => {
    const told = words(new SdkError(SdkErrorCode.RequestTimeout, 'Request timed out'));
    expect(told).toContain('within 16 minutes');
    expect(told).toContain('exactly the same call again');
  });

  test('as refused, in the words of the broker, when the broker answered with an error', () => {
    expect(words(new ProtocolError(-32602, 'There is no such tool.'))).toBe(
      'The call was refused: There is no such tool.',
    );
  });

  test.each([401, 403])('as hopeless when the broker does not know the app (%i)', (status) => {
    const told = words(new SdkHttpError(SdkErrorCode.ClientHttpAuthentication, 'no', { status }));
    expect(told).toContain('was not made');
    expect(told).not.toContain('again: ');
  });

  test('as unknown when the connection failed, without the address it failed at', () => {
    const told = words(new TypeError('fetch failed: connect ECONNREFUSED 10.1.2.3:443'));
    expect(told).toContain('not known whether the call was made');
    expect(told).not.toContain('10.1.2.3');
  });
});
