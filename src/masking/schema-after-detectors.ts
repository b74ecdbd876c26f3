// The JSON Schema of what detectors leave of a value: any string may have changed, and some numbers become strings. Pure.
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../core/json.ts';
import { DetectorPass, type ActiveDetector } from './detector-pass.ts';

/** What leaves always satisfies it. */
export function schemaAfterDetectors(before: JsonSchema, detectors: readonly ActiveDetector[]): JsonSchema {
  const masking = detectors.filter(({ mode }) => mode === 'mask');
  return masking.length === 0 ? before : object(after(before, masking));
}

/** Hold for a changed value too, or say nothing about values. */
const KEPT = [
  ...['$schema', '$id', '$anchor', '$ref', '$comment', 'title', 'description', 'default', 'deprecated', 'examples'],
  ...['readOnly', 'writeOnly', 'type', 'required', 'minItems', 'maxItems', 'minProperties', 'maxProperties'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'dependentRequired'],
];
const WITH_SCHEMA = ['items', 'additionalProperties'];
const WITH_SCHEMAS_BY_NAME = ['properties', 'patternProperties', '$defs'];
const WITH_SCHEMA_LIST = ['prefixItems', 'allOf', 'anyOf'];

function after(schema: Json, detectors: readonly ActiveDetector[]): Json {
  if (!isJsonObject(schema)) return schema;
  const left: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    // A name that is found is changed, and may then fit no pattern.
    if (key === 'additionalProperties' && schema['patternProperties'] !== undefined) continue;
    if (KEPT.includes(key)) left[key] = value;
    else if (WITH_SCHEMA.includes(key)) left[key] = after(value, detectors);
    else if (WITH_SCHEMA_LIST.includes(key) && Array.isArray(value)) left[key] = list(value as Json[], detectors);
    else if (WITH_SCHEMAS_BY_NAME.includes(key)) {
      const members = Object.entries(object(value)).map(([name, each]) => [name, after(each, detectors)] as const);
      left[key] = Object.fromEntries(members);
    } else if ((key === 'enum' || key === 'const') && isUntouched(value, detectors)) left[key] = value;
    // Values that one detector made alike may fit several of the alternatives.
    else if (key === 'oneOf' && Array.isArray(value) && schema['anyOf'] === undefined) {
      left['anyOf'] = list(value as Json[], detectors);
    }
  }
  return mayBeNumber(left) && takesNumbers(detectors) ? { anyOf: [left, { type: 'string' }] } : left;
}

function list(schemas: readonly Json[], detectors: readonly ActiveDetector[]): Json[] {
  return schemas.map((schema) => after(schema, detectors));
}

function isUntouched(value: Json, detectors: readonly ActiveDetector[]): boolean {
  return new DetectorPass(detectors, {}).value(value, JSON.stringify(value)) === value;
}

function mayBeNumber({ type }: JsonSchema): boolean {
  return [type].flat().some((each) => each === 'number' || each === 'integer');
}

/** Numbers of cards and of persons may be stored as numbers. */
function takesNumbers(detectors: readonly ActiveDetector[]): boolean {
  return detectors.some(({ detector }) => detector.name === 'card' || detector.name === 'national-number');
}

function object(value: Json): JsonObject {
  return isJsonObject(value) ? value : {};
}
