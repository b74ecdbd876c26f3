// What every tool kind promises, run on each with a real backend behind it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BackendError } from '../../src/core/errors.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { ToolAnswer } from '../../src/core/tool.ts';
import type { CompiledTool } from '../../tools/tool-kind.ts';

/** Planted in what the backend says when it fails. */
export const BACKEND_SECRET = 'backend-secret-8c21';

export interface KindUnderTest extends AsyncDisposable {
  /** Answers at once, with its argument `value` somewhere in the answer. */
  readonly echo: CompiledTool;
  /** Reads, and does not answer for a minute. */
  readonly hangs: CompiledTool;
  /** Changes something, and does not answer for a minute. */
  readonly hangsInChange: CompiledTool;
  /** Answers with more than `maxBytes`. */
  readonly oversize: CompiledTool;
  readonly maxBytes: number;
  /** Fails, and says BACKEND_SECRET. */
  readonly fails: CompiledTool;
  call(tool: CompiledTool, args: JsonObject, more?: { signal?: AbortSignal; timeoutMs?: number }): Promise<ToolAnswer>;
}

export function describeToolKind(name: string, open: () => Promise<KindUnderTest>): void {
  describe(`the tool kind ${name}`, () => {
    let kind: KindUnderTest;
    beforeAll(async () => {
      kind = await open();
    });
    afterAll(() => kind[Symbol.asyncDispose]());

    const failure = (call: Promise<ToolAnswer>): Promise<unknown> =>
      call.then(
        () => 'an answer',
        (error: unknown) => error,
      );

    test('describes arguments by a closed object schema', () => {
      for (const { inputSchema } of [kind.echo, kind.hangs, kind.oversize]) {
        expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      }
    });

    test('answers with what is JSON, and nothing else', async () => {
      const answer = await kind.call(kind.echo, { value: 'é🎉' });
      expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
      expect(JSON.stringify(answer)).toContain('é🎉');
    });

    test('stops when it is cancelled, and says so', async () => {
      const controller = new AbortController();
      const call = failure(kind.call(kind.hangs, {}, { signal: controller.signal, timeoutMs: 60_000 }));
      setTimeout(() => {
        controller.abort();
      }, 200);
      const started = performance.now();
      expect(await call).toMatchObject({ name: 'BackendError', code: 'cancelled' });
      expect(performance.now() - started).toBeLessThan(2_000);
    });

    test('stops at the deadline, and says so', async () => {
      const error = await failure(kind.call(kind.hangs, {}, { timeoutMs: 200 }));
      expect(error).toMatchObject({ name: 'BackendError', code: 'deadline_exceeded' });
    });

    test('never says of a change that was stopped that it is known to have succeeded', async () => {
      const error = (await failure(kind.call(kind.hangsInChange, {}, { timeoutMs: 200 }))) as BackendError;
      expect(error).toBeInstanceOf(BackendError);
      expect(['deadline_exceeded', 'outcome_unknown']).toContain(error.code);
    });

    test('does not begin what was cancelled before', async () => {
      const error = await failure(kind.call(kind.echo, { value: 'x' }, { signal: AbortSignal.abort() }));
      expect(error).toMatchObject({ name: 'BackendError', code: 'cancelled' });
    });

    test('bounds an answer, and says that it did', async () => {
      const answer = await kind.call(kind.oversize, {}).catch((error: unknown) => error);
      if (answer instanceof BackendError) return;
      expect(JSON.stringify(answer).length).toBeLessThanOrEqual(kind.maxBytes + 1_024);
      expect(answer).toMatchObject({ structured: { truncated: true } });
    });

    test('tells a failure in its own words, with nothing of what the backend said', async () => {
      const error = (await failure(kind.call(kind.fails, {}))) as BackendError;
      expect(error).toBeInstanceOf(BackendError);
      expect(error.words ?? '').not.toContain(BACKEND_SECRET);
      expect(error.detail).not.toContain(BACKEND_SECRET);
    });

    test('serves the next call after each of these', async () => {
      expect(JSON.stringify(await kind.call(kind.echo, { value: 'still here' }))).toContain('still here');
    });
  });
}
