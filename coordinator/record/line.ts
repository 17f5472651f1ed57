// The text of a recording: a head, then a line for each decision that says what has changed since the line before. A file
// begins with nothing before, so it is readable without any other, up to its last whole line.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Plan } from "../decide/plan.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import { isFields, own, patched, patchOf, restOf, stepsOf, wholePatch } from "./patch.ts";
import type { Fields, Patch } from "./patch.ts";

export const RECORDING_FORMAT = "gpu-autoscaler-recording";
export const RECORDING_VERSION = 1;

/** First line of a file. */
export interface Head {
  readonly format: typeof RECORDING_FORMAT;
  readonly v: typeof RECORDING_VERSION;
  readonly build: { readonly version: string; readonly revision: string };
  /** One leading of one process; decisions are numbered within it. */
  readonly session: string;
  /** Null: names are as in the cluster. Else which set of stand-ins they are from: the same name has the same one within it. */
  readonly names: string | null;
}

/** What one decision was made from and what it said. */
export interface Decided {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
}

/** Items of a list in one piece of the text. */
const ITEMS_IN_PIECE = 200;

/**
 * The line in pieces, without its end: stringifying a large snapshot at once would keep everybody else waiting.
 * `number`: of the decision in its session; one that is missing was dropped.
 */
export function* linePieces(before: Decided | null, after: Decided, number: number): Generator<string> {
  yield `{"n":${number},"at":${after.snapshot.at},"s":`;
  yield* fieldsPieces(fieldsOf(before?.snapshot), fieldsOf(after.snapshot));
  yield ',"p":';
  yield* fieldsPieces(fieldsOf(before?.plan), fieldsOf(after.plan));
  yield "}";
}

/** A patch of the fields, with long lists in pieces. */
function* fieldsPieces(before: Fields, after: Fields): Generator<string> {
  let opening = '{"o":{';
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const old = own(before, key);
    const name = `${opening}${JSON.stringify(key)}:`;
    if (Array.isArray(value) && value.length > ITEMS_IN_PIECE && (old === undefined || Array.isArray(old))) {
      if (old === value) continue;
      yield `${name}{"l":[`;
      yield* listPieces(old ?? [], value);
      yield "]}";
    } else {
      const patch = old === undefined ? wholePatch(value) : patchOf(old, value);
      if (patch === null) continue;
      yield `${name}${JSON.stringify(patch)}`;
    }
    opening = ",";
  }
  const { d, k } = restOf(before, after);
  const rest = [
    ...(d === undefined ? [] : [`,"d":${JSON.stringify(d)}`]),
    ...(k === undefined ? [] : [`,"k":${JSON.stringify(k)}`]),
  ];
  yield `${opening === "," ? "" : opening}}${rest.join("")}}`;
}

function* listPieces(before: readonly unknown[], after: readonly unknown[]): Generator<string> {
  let piece: string[] = [];
  let opening = "";
  for (const step of stepsOf(before, after)) {
    piece.push(JSON.stringify(step));
    if (piece.length < ITEMS_IN_PIECE) continue;
    yield `${opening}${piece.join(",")}`;
    piece = [];
    opening = ",";
  }
  if (piece.length > 0) yield `${opening}${piece.join(",")}`;
}

function fieldsOf(value: object | undefined): Fields {
  return { ...value };
}

export interface ReadLine extends Decided {
  readonly at: EpochMs;
  readonly number: number;
}

/**
 * The decision of a line, from the one before it in the file (null: it is the first).
 * @throws RangeError that says what is wrong with the line.
 */
export function readLine(before: Decided | null, line: string): ReadLine {
  const value: unknown = JSON.parse(line);
  const { n, at, s, p }: Partial<Record<"n" | "at" | "s" | "p", unknown>> = isFields(value) ? value : {};
  if (typeof n !== "number" || typeof at !== "number")
    throw new RangeError("it has no number and no instant");
  if (!isPatch(s) || !isPatch(p)) throw new RangeError("it has no snapshot or no plan");
  // Whoever uses them looks at what is inside, as for any snapshot from a file.
  return {
    at: epochMs(at),
    number: n,
    snapshot: patched(before?.snapshot ?? {}, s) as Snapshot,
    plan: patched(before?.plan ?? {}, p) as Plan,
  };
}

function isPatch(value: unknown): value is Patch {
  return isFields(value) && (isFields(own(value, "o")) || "w" in value || Array.isArray(own(value, "l")));
}
