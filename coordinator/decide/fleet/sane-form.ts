// What a value has to look like before anybody reads it, put together from small questions. What is asked of which
// part of a snapshot is for the files that make that part sane.

/** Whether the value can be read as what it should be. */
export type Form = (value: unknown) => boolean;

/** The fields of `T`, each of them still to be looked at. */
export type Unread<T> = { readonly [F in keyof T]?: unknown };

/** Values of one expression, names of one term, labels of one selector. */
export const MAX_VALUES = 1_000;

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export const isFlag: Form = (value) => typeof value === "boolean";

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isCount(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
}

export function isAbsentOr(isWell: Form): Form {
  return (value) => value === undefined || isWell(value);
}

export function isNullOr(isWell: Form): Form {
  return (value) => value === null || isWell(value);
}

export function isOneOf(known: readonly unknown[]): Form {
  return (value) => known.includes(value);
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isListOf(isWell: Form): Form {
  return (value) => isList(value) && value.every(isWell);
}

export function isShort(isWell: Form, most = MAX_VALUES): Form {
  return (value) => isList(value) && value.length <= most && value.every(isWell);
}

export function isRecordOf(isWell: Form): Form {
  return (value) => {
    if (!isRecord(value)) return false;
    for (const key in value) if (!isWell(value[key])) return false;
    return true;
  };
}

/** Labels and the like, of which nobody has very many. */
export function isTexts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  let texts = 0;
  for (const key in value) {
    texts += 1;
    if (texts > MAX_VALUES || !isText(value[key])) return false;
  }
  return true;
}
