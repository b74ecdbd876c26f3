// HTML that cannot be broken out of: every value put into a template is escaped, and shows what it is made of. Pure.
import { printable } from '../core/printable.ts';

/** Markup, made by `html` alone. */
export class Html {
  readonly #markup: string;

  private constructor(markup: string) {
    this.#markup = markup;
  }

  static of(strings: TemplateStringsArray, values: readonly Value[]): Html {
    return new Html(strings.reduce((markup, part, index) => markup + markupOf(values[index - 1]) + part));
  }

  toString(): string {
    return this.#markup;
  }
}

type Value = Html | string | number | undefined | readonly Html[];

/** Texts are escaped for content and quoted attributes; undefined is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return Html.of(strings, values);
}

function markupOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Html) return value.toString();
  if (typeof value === 'object') return value.map(String).join('');
  return escape(String(value));
}

/** Line breaks stay: what needs them stands in `pre` or a text field. */
function escape(text: string): string {
  const shown = text.split('\n').map(printable).join('\n');
  return shown.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
