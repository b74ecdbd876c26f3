// One session as a page for an auditor: complete in itself, without scripts, readable with no network. Pure.
import type { Payloads } from '../core/entry.ts';
import type { JsonObject } from '../core/json.ts';
import { printable } from '../core/printable.ts';
import { doorsOf, gistOf, whoOf, word } from './describe.ts';
import { asTold } from './payload.ts';

export interface ReportedStep {
  readonly body: JsonObject;
  /** A text says why they cannot be shown. */
  readonly payloads: Payloads | string | undefined;
}

export interface SessionReport {
  readonly session: string;
  readonly origin: string;
  readonly steps: readonly ReportedStep[];
  /** The newest checkpoint's note, which covers the entries. */
  readonly checkpoint: string | undefined;
}

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024; background: #fff; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid #dde1e6; }
th { font-weight: 600; } pre { margin: .3rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; background: #f4f6f8; padding: .4rem .6rem; border-radius: 4px; }
.refused, .outcome-failed, .outcome-unknown, .outcome-withheld { border-left: 4px solid #b42318; } .outcome-succeeded { border-left: 4px solid #1a7f37; }
.intent { border-left: 4px solid #1f6feb; } small { color: #57606a; }`;

export function sessionHtml({ session, origin, steps, checkpoint }: SessionReport): string {
  const title = `Session ${session}`;
  const first = steps[0]?.body;
  const last = steps.at(-1)?.body;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escape(title)}</h1>
<p>${escape(first === undefined ? '' : whoOf(first))}<br>
<small>${steps.length} entries, from ${escape(word(first?.['time']))} to ${escape(word(last?.['time']))}, of the log ${escape(origin)}</small></p>
<table>
<thead><tr><th>Entry</th><th>Time</th><th>What</th><th>Tool</th><th>Details</th></tr></thead>
<tbody>
${steps.map(row).join('\n')}
</tbody>
</table>
<h2>Checkpoint</h2>
${checkpoint === undefined ? '<p>None covers these entries yet.</p>' : `<pre>${escape(checkpoint)}</pre>`}
</body>
</html>
`;
}

function row({ body, payloads }: ReportedStep): string {
  const type = word(body['type']);
  const style = type === 'outcome' ? `outcome-${word(body['outcome'])}` : type;
  const time = word(body['time']).replace('T', ' ');
  return `<tr class="${escape(style)}"><td>${escape(word(body['seq']))}</td><td>${escape(time)}</td><td>${escape(type)}</td><td>${escape(word(body['tool']))}</td><td>${details(body, payloads)}</td></tr>`;
}

function details(body: JsonObject, payloads: ReportedStep['payloads']): string {
  const parts = [escape(gistOf(body))];
  const doors = doorsOf(body['doors']);
  if (doors !== '') parts.push(`<br><small>${escape(doors)}</small>`);
  if (typeof payloads === 'string') parts.push(`<br><small>payload ${escape(payloads)}</small>`);
  else if (payloads !== undefined) {
    for (const [name, value] of asTold(payloads)) {
      parts.push(`<pre>${escape(name)}: ${escape(printable(JSON.stringify(value)))}</pre>`);
    }
  }
  return parts.join('');
}

/** Entries carry what agents sent. */
function escape(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
