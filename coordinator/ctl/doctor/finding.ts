// What a check says, and what it is given: things that were read, or why they were not. A check is a pure function from what
// was read to a judgement; what could not be read is unknown, which is neither well nor ill.

export const VERDICTS = ["ok", "warn", "fail", "unknown"] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Judgement {
  readonly verdict: Verdict;
  /** One sentence: what was seen. */
  readonly evidence: string;
  /** What to do about it; null where nothing is to be done. */
  readonly way: string | null;
}

export interface Finding extends Judgement {
  readonly check: string;
}

/** `absent`: the server answers, and has no such thing. */
export type Read<T> =
  | { readonly kind: "read"; readonly value: T }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string; readonly way: string };

export function ok(evidence: string): Judgement {
  return { verdict: "ok", evidence, way: null };
}

export function warn(evidence: string, way: string): Judgement {
  return { verdict: "warn", evidence, way };
}

export function fail(evidence: string, way: string): Judgement {
  return { verdict: "fail", evidence, way };
}

export function unknown(evidence: string, way: string): Judgement {
  return { verdict: "unknown", evidence, way };
}

/** Judges what was read. What is absent is unknown too, unless the check has a word for it. */
export function judge<T>(
  read: Read<T>,
  of: (value: T) => Judgement,
  absent: (why: string) => Judgement = (why) => unknown(why, "look at what is missing first"),
): Judgement {
  switch (read.kind) {
    case "read":
      return of(read.value);
    case "absent":
      return absent(read.why);
    case "failed":
      return unknown(read.why, read.way);
  }
}

/** What was read, or nothing: for what only adds to a judgement. */
export function orElse<T>(read: Read<T>, otherwise: T): T {
  return read.kind === "read" ? read.value : otherwise;
}

const NAMED_AT_MOST = 4;

/** "3 nodes (a, b, c)", the rest by number. */
export function named(names: readonly string[], noun: string, nouns = `${noun}s`): string {
  const shown = names.slice(0, NAMED_AT_MOST).join(", ");
  const more = names.length > NAMED_AT_MOST ? ` and ${names.length - NAMED_AT_MOST} more` : "";
  return `${names.length} ${names.length === 1 ? noun : nouns} (${shown}${more})`;
}
