// Finds out which fields a GPU answers, by asking for each of them alone: a batch is not to be trusted with that
// (field-value.ts), and neither is the header of the driver's branch, since ids were renumbered within one. Done when a
// generation starts; what failed then for a reason that may pass is asked again later.

import {
  meaningOf,
  INVALID_ARGUMENT,
  NO_DATA,
  NOT_SUPPORTED,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import { numberOf } from "./calls.ts";
import type { Driver } from "./driver.ts";
import type { FieldCandidate, FieldRow, Numbering } from "./field-table.ts";
import { entryCode, entryType, entryValue, scopesOf, UNTOUCHED, writeEntry } from "./field-value.ts";
import { FIELD_VALUE } from "./layout.ts";
import type { Address } from "./native.ts";

/** One field of one scope, asked alone. `value` is in the driver's unit, NaN unless `code` is SUCCESS. */
export interface Answer {
  readonly code: number;
  readonly value: number;
  /** The type of value that the driver announces. */
  readonly type: number;
}

export type AskAlone = (row: FieldRow, id: number, scope: number) => Answer;

/** Null when the driver does not export the call. */
export function bindAskAlone(driver: Driver, gpu: number, device: Address): AskAlone | null {
  const name = "nvmlDeviceGetFieldValues";
  const call = driver.library.bind(name);
  if (call === null) return null;
  const { view, address } = driver.blockOf(`${name} alone`, FIELD_VALUE.size);
  const number = numberOf(name);
  return (row, id, scope) => {
    writeEntry(view, 0, id, scope);
    driver.marks.enter(number, gpu);
    const called = call(device, 1, address);
    driver.marks.leave(called);
    if (meaningOf(called) === "fatal") driver.onFatal(name, called);
    // The call fails when its only entry has; the entry then says why, unless it was not reached at all.
    let code = entryCode(view, 0);
    if (code === UNTOUCHED) code = called === SUCCESS ? NO_DATA : called;
    const type = entryType(view, 0);
    if (code !== SUCCESS) return { code, value: Number.NaN, type };
    if (called !== SUCCESS) return { code: called, value: Number.NaN, type };
    const value = entryValue(view, 0, row);
    return { code: Number.isNaN(value) ? NO_DATA : SUCCESS, value, type };
  };
}

export type Links = { readonly count: number } | { readonly count: null; readonly code: number };

export type Probed =
  | {
      readonly kind: "answers";
      readonly candidate: FieldCandidate;
      readonly scopes: readonly number[];
      /** Of the first scope that has the field. */
      readonly answer: Answer;
    }
  /** This GPU does not have the field, for as long as the generation lives. */
  | { readonly kind: "declined"; readonly code: number }
  /** Not this time. */
  | { readonly kind: "unsettled"; readonly code: number };

/**
 * The first candidate that answers with a number that can be true. `links` is the number of NVLinks, or the code for which
 * it is not known yet: until then it stays open whether there are counters of links.
 */
export function probe(
  ask: AskAlone,
  row: FieldRow,
  candidates: readonly FieldCandidate[],
  links: Links,
): Probed {
  let unsettled: number | null = null;
  let declined = NOT_SUPPORTED;
  for (const candidate of candidates) {
    if (candidate.scope === "links" && links.count === null) {
      unsettled ??= links.code;
      continue;
    }
    const scopes = scopesOf(candidate.scope, links.count ?? 0);
    const answer = askScopes(ask, row, candidate.id, scopes);
    if (answer === null) continue;
    const { code, value } = answer;
    if (code === SUCCESS) {
      if (row.zeroIsAbsent === true && value === 0) continue;
      return { kind: "answers", candidate, scopes, answer };
    }
    if (declinesField(code)) declined = code === INVALID_ARGUMENT ? NOT_SUPPORTED : code;
    else unsettled ??= code;
  }
  return unsettled === null ? { kind: "declined", code: declined } : { kind: "unsettled", code: unsettled };
}

/**
 * Which numbering the driver has for the fields that were renumbered; null when it answers by neither. Where both ids
 * answer with a number that can be true, as they may on cards that smooth their power, the branch decides: 575 has the
 * early one, and so has 580.65, but 580.82 and what came after it have the late one.
 */
export function numberingOf(ask: AskAlone, rows: readonly FieldRow[], branch: number): Numbering | null {
  const byBranch: Numbering = branch >= 580 ? "late" : "early";
  const other: Numbering = byBranch === "late" ? "early" : "late";
  const answers = (numbering: Numbering): boolean =>
    rows.some((row) =>
      row.candidates.some(
        (candidate) => candidate.numbering === numbering && ask(row, candidate.id, 0).code === SUCCESS,
      ),
    );
  if (answers(byBranch)) return byBranch;
  return answers(other) ? other : null;
}

/** The first scope that has the field stands for all: a link that is not in use may say that it has none. */
function askScopes(ask: AskAlone, row: FieldRow, id: number, scopes: readonly number[]): Answer | null {
  let last: Answer | null = null;
  for (const scope of scopes) {
    last = ask(row, id, scope);
    if (!declinesField(last.code)) break;
  }
  return last;
}

/** Drivers call an id that they do not know an invalid argument. */
function declinesField(code: number): boolean {
  return code === INVALID_ARGUMENT || meaningOf(code) === "unsupported";
}
