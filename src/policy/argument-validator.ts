// Holds arguments against a tool's schema, and says what is wrong in words that hold none of their values.
import type { AnySchemaObject, DefinedError, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { JsonObject, JsonSchema } from '../core/json.ts';
import { linearRegExp } from '../core/linear-reg-exp.ts';
import { linearUniqueItems } from '../core/linear-unique-items.ts';
import { classOfToken, tokenArguments } from '../core/value-token.ts';

/** One mistake is often the cause of several texts; more than these help nobody. */
const MAX_TEXTS = 10;
/** Of larger arguments the first mistake alone is told: a list can hold half a million, and each would be made an object of. */
const MAX_CHARACTERS_TOLD_OF = 16_384;
/** Names of unknown arguments come from the agent. */
const MAX_NAME_CHARACTERS = 64;

export type Validate = (args: JsonObject) => readonly string[];

/** Compiles schemas into validators. A validator throws where its schema is none. Make one for each policy set: what it compiled lives as long as it does. */
export function argumentValidators(): (schema: JsonSchema) => Validate {
  const ajv = newAjv(false);
  const thorough = newAjv(true);
  return (schema) => {
    // Compiled with the first call: an import makes hundreds of tools, and most are never called.
    let fits: ValidateFunction | undefined;
    let misfits: ValidateFunction | undefined;
    return (args) => {
      fits ??= ajv.compile(schema as AnySchemaObject);
      if (fits(args)) return foreignTokens(args, schema);
      if (JSON.stringify(args).length > MAX_CHARACTERS_TOLD_OF) return texts(fits.errors as DefinedError[]);
      misfits ??= thorough.compile(schema as AnySchemaObject);
      misfits(args);
      return texts(misfits.errors as DefinedError[]);
    };
  };
}

function newAjv(allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({ allErrors, strict: false, multipleOfPrecision: 9, code: { regExp: linearRegExp } });
  addFormats.default(ajv);
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword(linearUniqueItems);
  return ajv;
}

function texts(errors: readonly DefinedError[]): string[] {
  const said = errors.filter((error) => !isAboutTokens(error));
  return [...new Set((said.length > 0 ? said : errors).map(words))].slice(0, MAX_TEXTS);
}

/** Where an argument may be a token, what its value must fit is told, not what tokens look like. */
function isAboutTokens({ keyword, schemaPath }: DefinedError): boolean {
  return schemaPath.endsWith('/anyOf') ? keyword === 'anyOf' : schemaPath.endsWith('/anyOf/1/pattern');
}

/** A token of a class that the argument does not accept would reach the backend as it is. */
function foreignTokens(args: JsonObject, schema: JsonSchema): string[] {
  return [...tokenArguments(schema)].flatMap(([name, classes]) => {
    const given = classOfToken(args[name]);
    if (given === undefined || classes.includes(given)) return [];
    return [`${name}: this is a token of class ${given}, and ${classes.join(' or ')} is expected`];
  });
}

function words(error: DefinedError): string {
  const where = error.instancePath.slice(1).replaceAll('/', '.') || 'arguments';
  switch (error.keyword) {
    case 'required':
      return `${within(error)}${error.params.missingProperty}: missing`;
    case 'additionalProperties':
      return `${within(error)}${error.params.additionalProperty.slice(0, MAX_NAME_CHARACTERS)}: there is no such argument`;
    case 'type':
      return `${where}: must be ${[error.params.type].flat().join(' or ')}`;
    case 'enum':
      return `${where}: must be one of ${error.params.allowedValues.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'format':
      return `${where}: must be in the format "${error.params.format}"`;
    default:
      // Ajv's own words: made of the schema alone.
      return `${where}: ${error.message ?? 'does not fit'}`;
  }
}

function within({ instancePath }: DefinedError): string {
  return instancePath === '' ? '' : `${instancePath.slice(1).replaceAll('/', '.')}.`;
}
