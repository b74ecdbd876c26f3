// What `--help` says is of one voice: whoever has read one page of it finds their way on the next.
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { approvalsCommand } from '../../src/cli/approvals.ts';
import { backendsCommand } from '../../src/cli/backends.ts';
import { checkCommand } from '../../src/cli/check.ts';
import { demoCommand } from '../../src/cli/demo.ts';
import { explainCommand } from '../../src/cli/explain.ts';
import { grantsCommand } from '../../src/cli/grants.ts';
import { keysCommand } from '../../src/cli/keys.ts';
import { leasesCommand } from '../../src/cli/leases.ts';
import { logCommand } from '../../src/cli/log.ts';
import { loginCommand, logoutCommand, whoamiCommand } from '../../src/cli/login.ts';
import { maskCommand } from '../../src/cli/mask.ts';
import { pinCommand } from '../../src/cli/pin.ts';
import { principalsCommand } from '../../src/cli/principals.ts';
import { serveCommand } from '../../src/cli/serve.ts';
import { stdioCommand } from '../../src/cli/stdio.ts';
import { storeCommand } from '../../src/cli/store.ts';
import { tokensCommand } from '../../src/cli/tokens.ts';

const COMMANDS = [
  ...[demoCommand(), serveCommand(), stdioCommand(), checkCommand(), explainCommand(), pinCommand(), maskCommand()],
  ...[keysCommand(), storeCommand(), logCommand(), approvalsCommand(), grantsCommand(), leasesCommand()],
  ...[principalsCommand(), backendsCommand(), tokensCommand(), loginCommand(), logoutCommand(), whoamiCommand()],
].map((command) => [command.name(), command] as const);
const INNER = COMMANDS.flatMap(([name, { commands }]) =>
  commands.map((command) => [`${name} ${command.name()}`, command] as const),
);

/** A list of commands says what each does: a verb, as one would ask for it, and no full stop. */
const IN_A_LIST = /^[a-z]+(?<!s) .*[^.]$/;

test.each(COMMANDS)('%s: a line in the list, and sentences on its page', (_, command) => {
  expect(command.summary()).toMatch(IN_A_LIST);
  expect(command.description()).toMatch(/^[A-Z][a-z]+s .*\.$/);
});

test.each(INNER)('%s: a line in the list', (_, command) => {
  expect(command.description()).toMatch(IN_A_LIST);
});

test.each([...COMMANDS, ...INNER])('%s: every argument and option is explained', (_, command: Command) => {
  for (const { description } of [...command.registeredArguments, ...command.options]) expect(description).not.toBe('');
  expect(command.helpInformation()).not.toContain('[]');
});
