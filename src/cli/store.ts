// `sallyport store`: prepares a Postgres that several brokers share.
import { Command, Option } from 'commander';
import { colours as pc } from './colours.ts';
import { initPostgresStore } from '../store/postgres-schema.ts';
import { UsageError } from './terminal.ts';

interface InitOptions {
  readonly ownerUrl: string;
  readonly brokerRole: string;
}

export function storeCommand(): Command {
  const init = new Command('init')
    .description('create or update the schema as its owner, and let the brokers work with it')
    .addOption(
      new Option('--owner-url <url>', 'login that owns the tables; no broker uses it')
        .env('SALLYPORT_OWNER_URL')
        .makeOptionMandatory(),
    )
    .requiredOption('--broker-role <name>', 'the role the brokers log in with; it must exist')
    .action(async ({ ownerUrl, brokerRole }: InitOptions) => {
      if (!/^postgres(ql)?:\/\//.test(ownerUrl)) {
        throw new UsageError(
          '--owner-url is no address of a Postgres',
          'Such as postgres://OWNER:PASSWORD@HOST/DATABASE.',
        );
      }
      try {
        await initPostgresStore(ownerUrl, brokerRole);
      } catch (error) {
        throw new UsageError(
          `the store could not be initialised: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
      process.stdout.write(`${pc.green('ready')}: brokers may log in as ${brokerRole}\n`);
    });
  return new Command('store')
    .summary('prepare a store that several brokers share')
    .description('Prepares a Postgres that several brokers share.')
    .addCommand(init.exitOverride().showHelpAfterError('(try --help)'));
}
