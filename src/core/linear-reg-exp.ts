// Regular expressions that somebody else wrote, for Ajv: on RE2, in linear time. With RegExp one text could hold the whole broker.
import { RE2JS } from '@bufbuild/re2';

/** Throws for a pattern that RE2 does not know: look-around, back-references. */
export const linearRegExp = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern);
    return { test: (text: string) => compiled.test(text), toString: () => `re2:${pattern}` };
  },
  { code: 'linearRegExp' },
);
