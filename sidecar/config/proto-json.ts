import { type Descriptor, descriptorOf } from '../../proto/messages.ts';

/*
 * Checks that an object is a message in protobuf's JSON spelling (camelCase). The
 * encoder of protobuf.js skips fields that it does not know and turns wrong
 * values into something, which is no way to read what a person wrote.
 */

type Field = NonNullable<Descriptor['field']>[number];

/** Fields of which one excludes the others: the loader's descriptors do not tell them. */
const ONE_OF: Readonly<Record<string, readonly string[]>> = {
  Resource: ['settings', 'service', 'routes', 'endpoints', 'workload'],
  HttpMatch: ['exact', 'prefix', 'pathExpression'],
  ValueMatch: ['exact', 'expression'],
  PathChange: ['full', 'prefix'],
  HashSource: ['header', 'cookie', 'callingPod'],
  FaultAbort: ['httpStatus', 'grpcStatus'],
  RateLimitKey: ['everybody', 'caller', 'header'],
};

const MAX_UINT32 = 2 ** 32 - 1;

/**
 * Appends a sentence to `problems` for each thing that is wrong.
 *
 * @param messageName of `remora.v1`, for example `Resource`
 * @param path of the value in its file, for the sentences
 */
export function checkMessage(
  messageName: string,
  value: unknown,
  path: string,
  problems: string[],
): void {
  if (!isObject(value)) {
    problems.push(`${path}: an object is wanted, not ${describe(value)}`);
    return;
  }
  const fields = descriptorOf(messageName).field ?? [];
  for (const [name, item] of Object.entries(value)) {
    const field = fields.find((candidate) => candidate.name === name);
    const at = `${path}.${name}`;
    if (field === undefined) {
      const known = fields.map((candidate) => candidate.name).join(', ');
      problems.push(`${at}: there is no such field; there are ${known}`);
    } else if (field.label !== 'LABEL_REPEATED') {
      checkValue(field, item, at, problems);
    } else if (Array.isArray(item)) {
      item.forEach((one, i) => {
        checkValue(field, one, `${at}[${i}]`, problems);
      });
    } else {
      problems.push(`${at}: a list is wanted, not ${describe(item)}`);
    }
  }
  const given = ONE_OF[messageName]?.filter((name) => name in value) ?? [];
  if (given.length > 1) problems.push(`${path}: only one of ${given.join(', ')} may be given`);
}

function checkValue(field: Field, value: unknown, path: string, problems: string[]): void {
  switch (field.type) {
    case 'TYPE_MESSAGE':
      checkMessage(field.typeName, value, path, problems);
      return;
    case 'TYPE_ENUM': {
      const names = (descriptorOf(field.typeName).value ?? []).map(({ name }) => name);
      if (typeof value === 'string' && names.includes(value)) return;
      problems.push(`${path}: one of ${names.join(', ')} is wanted, not ${describe(value)}`);
      return;
    }
    case 'TYPE_STRING':
      if (typeof value !== 'string') {
        problems.push(`${path}: a text is wanted, not ${describe(value)}`);
      }
      return;
    case 'TYPE_BOOL':
      if (typeof value !== 'boolean') {
        problems.push(`${path}: true or false is wanted, not ${describe(value)}`);
      }
      return;
    case 'TYPE_UINT32':
      if (!Number.isInteger(value) || Number(value) < 0 || Number(value) > MAX_UINT32) {
        problems.push(`${path}: a whole number from 0 is wanted, not ${describe(value)}`);
      }
      return;
    default:
      problems.push(`${path}: values of type ${field.type} cannot be written in a file`);
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as a person would name it; long ones are cut. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
