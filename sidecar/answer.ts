import type { ResponseMessage } from './message.ts';

/** A response without a body that Remora gives in the application's place, because a rule says so. */
export class Answer implements ResponseMessage {
  readonly grpcStatus = undefined;
  readonly status: number;
  #fields: readonly (readonly [name: string, value: string])[] = [];

  constructor(status: number) {
    this.status = status;
  }

  get fields(): readonly (readonly [name: string, value: string])[] {
    return this.#fields;
  }

  header(name: string): string | undefined {
    const values = this.#fields.filter((field) => field[0] === name).map((field) => field[1]);
    return values.length === 0 ? undefined : values.join(', ');
  }

  addField(name: string, value: string): void {
    this.#fields = [...this.#fields, [name, value]];
  }

  removeField(name: string): void {
    this.#fields = this.#fields.filter((field) => field[0] !== name);
  }
}
