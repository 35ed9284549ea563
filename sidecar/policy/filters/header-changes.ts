import type { HeaderChanges } from '../../config/filters.ts';
import type { FieldChanges } from '../../message.ts';
import type { Layer } from '../layer.ts';

/** Changes the request's fields on its way to a backend, once for all attempts. */
export function changeRequestHeaders(changes: HeaderChanges): Layer {
  const onWire = encodeValues(changes);
  return {
    name: 'request-headers',
    onRequest({ request }) {
      apply(onWire, request);
      return undefined;
    },
  };
}

/** Changes the fields of the response that the client gets from a backend, or from a rule itself. */
export function changeResponseHeaders(changes: HeaderChanges): Layer {
  const onWire = encodeValues(changes);
  return {
    name: 'response-headers',
    onResponse(_exchange, response) {
      apply(onWire, response);
    },
  };
}

function apply({ set, add, remove }: HeaderChanges, message: FieldChanges): void {
  for (const { name, value } of set) {
    message.removeField(name);
    message.addField(name, value);
  }
  for (const { name, value } of add) message.addField(name, value);
  for (const name of remove) message.removeField(name);
}

/** As UTF-8, one character per byte. */
function encodeValues({ set, add, remove }: HeaderChanges): HeaderChanges {
  const encode = ({ name, value }: { name: string; value: string }) => ({
    name: name.toLowerCase(),
    value: Buffer.from(value, 'utf8').toString('latin1'),
  });
  return {
    set: set.map(encode),
    add: add.map(encode),
    remove: remove.map((name) => name.toLowerCase()),
  };
}
