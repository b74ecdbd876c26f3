// Tells the demo's story in the terminal. Colours only where somebody looks at it. Effectful: prints.
import type { Colours } from '../cli/colours.ts';
import { printable } from '../core/printable.ts';
import type { FollowedCall } from './followed-call.ts';

/** Where the story goes, and its colours. */
export interface Audience {
  write(text: string): void;
  readonly colours: Colours;
}

export interface Narrator {
  heading(text: string): void;
  /** Rows of a name and what there is to say about it. */
  facts(rows: readonly (readonly [name: string, text: string])[]): void;
  paragraph(text: string): void;
  call(number: number, call: FollowedCall): void;
  /** `problem` is what was found instead of what `text` says. */
  check(text: string, problem: string | undefined): void;
  /** The last word: `failed` names the checks that failed. */
  verdict(failed: readonly string[]): void;
  commands(what: string, commands: readonly string[]): void;
}

export function narrator(audience: Audience): Narrator {
  const c = audience.colours;
  const print = (text = ''): void => {
    audience.write(`${text}\n`);
  };
  const fact = (name: string, text: string): void => {
    print(`   ${c.dim(name.padEnd(10))} ${text}`);
  };

  return {
    heading(text) {
      print(`\n${c.bold(text)}\n`);
    },
    facts(rows) {
      for (const [name, text] of rows) fact(name, text);
    },
    paragraph(text) {
      print(`   ${text}`);
    },
    call(number, call) {
      print(`\n${c.bold(`${String(number)}. The agent asks: ${call.tool}`)} ${call.arguments}`);
      fact('decision', decisionOf(call, c));
      if (call.reviewed !== undefined) {
        const { person, verdict, reason, seq } = call.reviewed;
        const said = reason === undefined ? '' : `: “${reason}”`;
        fact(
          'approval',
          `${person.name} said ${verdict === 'approve' ? c.green('yes') : c.red('no')}${said} (#${String(seq)})`,
        );
      }
      if (call.lease !== undefined) {
        const expires = new Date(call.lease.expires).toTimeString().slice(0, 8);
        const { provider, reference } = call.lease;
        // What is made without a secret has no name of its own.
        const name = reference === provider ? provider : `${provider} ${c.cyan(reference)}`;
        fact('lease', `${name} on ${call.lease.backend}, made for this session, until ${expires}`);
      }
      fact('agent saw', shortened(printable(call.shown.replaceAll(/\s+/g, ' '))));
      const masked = Object.entries(call.outcome?.masked ?? {}).map(([path, count]) => `${path} (${String(count)})`);
      if (masked.length > 0) fact('masked', masked.join(', '));
      for (const line of logLines(call)) fact('log', line);
    },
    check(text, problem) {
      print(problem === undefined ? `   ${c.green('ok')}  ${text}` : `   ${c.red('FAILED')}  ${text}: ${problem}`);
    },
    verdict(failed) {
      print();
      if (failed.length === 0) print(`   ${c.green('Every step went as it should.')}`);
      for (const text of failed) print(`   ${c.red('This did not go as it should:')} ${text}`);
    },
    commands(what, commands) {
      print(`   ${c.dim(`# ${what}`)}`);
      for (const command of commands) print(`   ${command}`);
      print();
    },
  };
}

function decisionOf(call: FollowedCall, c: Colours): string {
  const decision = call.intent?.decision ?? call.refused?.decision;
  if (decision === undefined)
    return call.refused === undefined ? c.yellow('none') : c.yellow(`refused: ${call.refused.code}`);
  const word = { allow: c.green('allowed'), deny: c.red('denied'), require_approval: c.yellow('needs approval') }[
    decision.effect
  ];
  const rules = decision.rules.map((rule) => c.bold(rule)).join(', ');
  return rules === '' ? `${word}, as no rule allows it` : `${word} by rule ${rules}`;
}

/** As much as somebody reads of it. */
function shortened(text: string): string {
  const rest = text.length - 320;
  return rest < 40 ? text : `${text.slice(0, 320)} … (${String(rest)} characters more)`;
}

function logLines({ refused, intent, outcome }: FollowedCall): string[] {
  return [
    ...(refused === undefined ? [] : [`#${String(refused.seq)} refused: ${refused.code}; the call was not made`]),
    ...(intent === undefined ? [] : [`#${String(intent.seq)} intent, written before the backend was asked`]),
    ...(outcome === undefined
      ? []
      : [`#${String(outcome.seq)} outcome: ${outcome.outcome} (${doorTimes(outcome.doors)})`]),
  ];
}

/** In the order they are passed; the log sorts them by name. */
const DOORS = ['identify', 'parse', 'decide', 'approve', 'intent', 'credential', 'backend', 'mask'];

function doorTimes(doors: Readonly<Record<string, number>>): string {
  return DOORS.flatMap((door) => (doors[door] === undefined ? [] : [`${door} ${doors[door].toFixed(1)} ms`])).join(
    ', ',
  );
}
