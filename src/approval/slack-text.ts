// Text in Slack's markup that shows what somebody else wrote and obeys none of it. Pure.
import type { JsonObject } from '../core/json.ts';
import { printable } from '../core/printable.ts';

/** Slack's three control characters; https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** On one line, in the type of code: there no markup counts, and a backtick, which would end it, is written as `\u0060`. */
export function inlineCode(text: string): string {
  return `\`${escaped(unquoted(printable(text)))}\``;
}

/** As a block of code, line by line. */
export function codeBlock(text: string): string {
  return `\`\`\`\n${text.split('\n').map(printable).map(unquoted).map(escaped).join('\n')}\n\`\`\``;
}

/** Arguments as they would be read back: a string cannot look like two. */
export function jsonBlock(values: JsonObject): string {
  return codeBlock(JSON.stringify(values, null, 2));
}

function unquoted(text: string): string {
  return text.replaceAll('`', '\\u0060');
}
