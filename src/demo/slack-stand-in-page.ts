// The page of the Slack stand-in: messages as Slack shows them, with buttons that work. Pure.
import type { StandInBlock } from './slack-stand-in-blocks.ts';
import type { StandInDialog, StandInMessage, StandInUser } from './slack-stand-in.ts';

const STYLE = `body{font:15px/1.45 sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d}
article{border-top:1px solid #ddd;padding:1rem 0}pre{background:#f8f8f8;border:1px solid #ddd;padding:.5rem;white-space:pre-wrap}
code{color:#c01343}textarea{width:100%;box-sizing:border-box}.told{background:#fffbe6;padding:.5rem}`;

export function messagesPage(
  messages: readonly StandInMessage[],
  users: readonly StandInUser[],
  ephemeral: readonly string[],
  dialogs: readonly StandInDialog[],
): string {
  const shown = messages.toReversed().map((message) => article(message, users));
  const told = ephemeral.map((text) => `<p class="told">Only visible to you: ${markup(text)}</p>`);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Slack stand-in</title><style>${STYLE}</style>
<h1>#approvals</h1><p>A stand-in for Slack, on this machine only.</p>${dialogs.map(dialogOf).join('')}${told.join('')}${shown.join('')}</html>`;
}

function article({ ts, blocks, changes }: StandInMessage, users: readonly StandInUser[]): string {
  const edited = changes === 0 ? '' : ' <small>(edited)</small>';
  const who = users.map(({ id, name }) => `<option value="${attribute(id)}">${attribute(name)}</option>`).join('');
  const clickable = blocks.some(({ type }) => type === 'actions');
  const as = clickable ? `<label>Click as <select name="user">${who}</select></label>` : '';
  return `<article><b>Sallyport</b>${edited}<form method="post" action="/click">
<input type="hidden" name="ts" value="${attribute(ts)}">${blocks.map(blockOf).join('')}${as}</form></article>`;
}

function dialogOf({ view, errors }: StandInDialog): string {
  const said = errors.map((text) => `<p class="told">${attribute(text)}</p>`);
  return `<form method="post" action="/submit"><fieldset><legend>${attribute(view.title.text)}</legend>${said.join('')}
${view.blocks.map(blockOf).join('')}<button>${attribute(view.submit.text)}</button></fieldset></form>`;
}

function blockOf({ type, text, label, optional, element, elements = [] }: StandInBlock): string {
  if (type === 'input' && element?.type === 'static_select') {
    const options = (element.options ?? []).map(
      (one) => `<option value="${attribute(one.value)}">${attribute(one.text.text)}</option>`,
    );
    return `<p><label>${attribute(label?.text ?? '')} <select name="grant">${options.join('')}</select></label></p>`;
  }
  if (type === 'input') {
    const required = optional === true ? '' : ' required';
    return `<p><label>${attribute(label?.text ?? '')}<textarea name="reason"${required}></textarea></label></p>`;
  }
  if (type !== 'actions') return `<div>${markup(text?.text ?? '')}</div>`;
  const buttons = elements.map((one) => {
    const words = attribute(one.text?.text ?? '');
    if (one.url !== undefined) return `<a href="${attribute(one.url)}">${words}</a>`;
    const verdict = one.action_id?.endsWith('approve') === true ? 'approve' : 'deny';
    return `<button name="verdict" value="${verdict}">${words}</button>`;
  });
  return `<p>${buttons.join(' ')}</p>`;
}

/** Slack's markup as far as it is used: code before all else, since nothing counts inside it. Code may stand in what is bold. */
function markup(text: string): string {
  const parts = text.split(/(```[\s\S]*?```|`[^`\n]*`)/);
  return parts
    .map((part) => {
      if (part.startsWith('```')) return `<pre>${verbatim(part.slice(3, -3).trim())}</pre>`;
      if (part.startsWith('`')) return `<code>${verbatim(part.slice(1, -1))}</code>`;
      return quoted(part)
        .replaceAll(/<!date\^\d+\^[^|>]*\|([^>]*)>/g, '$1')
        .replaceAll(/<(https?:[^|>]+)\|([^>]*)>/g, '<a href="$1">$2</a>')
        .replaceAll('\n', '<br>');
    })
    .join('')
    .replaceAll(/\*((?:(?!<br>|<pre>)[^*])+)\*/g, '<b>$1</b>');
}

function verbatim(text: string): string {
  return quoted(text).replaceAll('*', '&#42;');
}

/** Slack's text is escaped already, but for quotation marks; its own links and dates are not text. */
function quoted(text: string): string {
  return text.replaceAll('"', '&quot;');
}

function attribute(text: string): string {
  return quoted(text.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
}
