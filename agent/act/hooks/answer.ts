// What a pod says about the state that it has saved. It is a stranger's text, which people and the coordinator get to
// read: a step and an address are taken when they are what they should be, and left out with the reason when not.

export interface SavedState {
  readonly step?: number;
  readonly uri?: string;
  /** What could not be taken, for people. */
  readonly detail?: string;
}

const URI_LENGTH_MAX = 512;
const SHOWN = 80;

/** A text that is no JSON object says nothing about the state, and is no error: a plain "ok" is an answer too. */
export function readSavedState(text: string): SavedState {
  const answer = parseJson(text);
  if (typeof answer !== "object" || answer === null) return {};
  const step = readStep("step" in answer ? answer.step : undefined);
  const uri = readUri("uri" in answer ? answer.uri : undefined);
  const wrong = [step, uri].flatMap(({ why }) => (why === undefined ? [] : [why]));
  return {
    ...(step.value === undefined ? {} : { step: step.value }),
    ...(uri.value === undefined ? {} : { uri: uri.value }),
    ...(wrong.length === 0 ? {} : { detail: `of its answer, ${wrong.join(", and ")}` }),
  };
}

interface Read<T> {
  readonly value?: T;
  readonly why?: string;
}

function readStep(value: unknown): Read<number> {
  if (value === undefined || value === null) return {};
  if (typeof value === "number" && Number.isSafeInteger(value)) return { value };
  return { why: `step is no whole number: ${shown(value)}` };
}

function readUri(value: unknown): Read<string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "string") return { why: `uri is no text: ${shown(value)}` };
  // Cut, it would name another place.
  if (value.length > URI_LENGTH_MAX) return { why: `uri is longer than ${URI_LENGTH_MAX} characters` };
  if (value === "" || UNPRINTABLE.test(value)) return { why: `uri is not printable: ${shown(value)}` };
  return { value };
}

/** Control characters, marks that turn the direction of writing, halves of characters, line ends of any script. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** The beginning of a stranger's text on one line. */
export function shown(value: unknown, limit = SHOWN): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const line = text
    .slice(0, 4 * limit)
    .replaceAll(/[\p{C}\p{Z}]+/gu, " ")
    .trim();
  return line.length > limit ? `${line.slice(0, limit)}…` : line;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
