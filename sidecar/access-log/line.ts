/** A stranger's value is cut here, so that a line stays a line for whoever collects it. */
const VALUE_LIMIT = 1024;

const CUT_MARK = '...';

/** Collects the fields of one line. Empty texts are left out. */
export interface Line {
  begin(): void;
  /** A word of our own, in which nothing has to be escaped. */
  word(name: string, value: string): void;
  text(name: string, value: string): void;
  number(name: string, value: number): void;
  flag(name: string, value: boolean): void;
  end(): string;
}

/** One JSON object. In ASCII: a byte that is no printable character is `\u00hh`. */
export class JsonLine implements Line {
  #out = '';

  begin(): void {
    this.#out = '{"log":"access"';
  }

  word(name: string, value: string): void {
    if (value !== '') this.#out += `,"${name}":"${value}"`;
  }

  text(name: string, value: string): void {
    if (value !== '') this.#out += `,"${name}":"${escapeJson(shorten(value))}"`;
  }

  number(name: string, value: number): void {
    this.#out += `,"${name}":${value}`;
  }

  flag(name: string, value: boolean): void {
    this.#out += `,"${name}":${value}`;
  }

  end(): string {
    return `${this.#out}}`;
  }
}

/**
 * `name=value` with spaces between. A value that holds anything but plain printable
 * characters stands in quotes, with `\xhh` for each byte that would be misread.
 */
export class TextLine implements Line {
  #out = '';

  begin(): void {
    this.#out = 'log=access';
  }

  word(name: string, value: string): void {
    if (value !== '') this.#out += ` ${name}=${value}`;
  }

  text(name: string, value: string): void {
    if (value !== '') this.#out += ` ${name}=${quoteText(shorten(value))}`;
  }

  number(name: string, value: number): void {
    this.#out += ` ${name}=${value}`;
  }

  flag(name: string, value: boolean): void {
    this.#out += ` ${name}=${value}`;
  }

  end(): string {
    return this.#out;
  }
}

function shorten(value: string): string {
  return value.length <= VALUE_LIMIT ? value : value.slice(0, VALUE_LIMIT) + CUT_MARK;
}

const JSON_SAFE = /^[ !#-[\]-~]*$/;
const JSON_UNSAFE = /[^ !#-[\]-~]/g;

function escapeJson(value: string): string {
  if (JSON_SAFE.test(value)) return value;
  return value.replace(JSON_UNSAFE, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** No space, quote, backslash or equals sign. */
const TEXT_BARE = /^[!#-<>-[\]-~]+$/;
const TEXT_UNSAFE = /[^ !#-[\]-~]/gu;

function quoteText(value: string): string {
  if (TEXT_BARE.test(value)) return value;
  return `"${value.replace(TEXT_UNSAFE, escapeBytes)}"`;
}

/** HTTP hands over bytes as characters up to U+00FF; any other text is taken in UTF-8. */
function escapeBytes(character: string): string {
  const isByte = character.charCodeAt(0) <= 0xff;
  let out = '';
  for (const byte of Buffer.from(character, isByte ? 'latin1' : 'utf8')) {
    out += `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}
