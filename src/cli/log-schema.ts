// `sallyport log schema`: the form of an entry, for whoever reads the log with other tools.
import { Command } from 'commander';
import { entrySchema } from '../log/entry-schema.ts';

export function schemaCommand(): Command {
  return new Command('schema')
    .description('print the JSON Schema of an entry')
    .action(() => void process.stdout.write(`${JSON.stringify(entrySchema, null, 2)}\n`));
}
