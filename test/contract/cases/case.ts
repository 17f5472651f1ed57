// What one case of the contract is, and how the cases talk to a group: every call with its own limits, failures as
// values. What each case demands is in the files beside this one.

import { expect } from "vitest";

import type { GroupState } from "../../../coordinator/cloud/group.ts";
import { launchFailureOf } from "../../../coordinator/cloud/group.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { calling } from "../harness.ts";
import type { Case, CloudGroupHarness, HarnessSetup } from "../harness.ts";

export interface ContractCase {
  /** What differs from one group of two machines, from 0 to 10. */
  readonly setup?: Partial<HarnessSetup>;
  /** `applies`: whether another case can exist for this back end. */
  run(harness: CloudGroupHarness, applies: (other: Case) => boolean): Promise<void>;
}

export const DEFAULT_SETUP: HarnessSetup = { groups: 1, size: 2, min: 0, max: 10 };

export async function read(harness: CloudGroupHarness, at = 0): Promise<GroupState> {
  return await harness.group(at).read(calling(harness));
}

/** Reads and asks for `by` more, as the contract wants it. */
export async function grow(harness: CloudGroupHarness, by: number, at = 0): Promise<void> {
  const seen = await read(harness, at);
  await harness.group(at).resize(seen.size + by, seen, calling(harness));
}

export async function remove(harness: CloudGroupHarness, id: string): Promise<void> {
  await harness.group().removeInstance(id, await read(harness), calling(harness));
}

export async function contains(harness: CloudGroupHarness, id: string): Promise<boolean> {
  return await harness.group().contains(id, calling(harness));
}

/** The error of a call that has to fail, with one of these kinds. */
export async function failure(call: Promise<unknown>, ...kinds: readonly ErrorKind[]): Promise<AppError> {
  const error = await outcome(call);
  expect(error, "the call went well").not.toBeNull();
  if (!(error instanceof AppError)) throw error;
  expect(kinds, `${describe(error)}`).toContain(error.kind);
  return error;
}

/** The error of a call; null when it went well. */
export async function outcome(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => null,
    (error: unknown) => error,
  );
}

/** Asks for one more, and demands that the back end says why it does not come: in the call, or of the open place. */
export async function growthMeets(harness: CloudGroupHarness, kind: "no-capacity" | "quota"): Promise<void> {
  const before = await harness.instances();
  const size = await harness.size();
  const error = await outcome(grow(harness, 1));
  if (error === null) {
    await harness.advance();
    const failures = (await harness.seen()).filter(({ state }) => state === "failed");
    expect(failures.map((member) => member.failure?.kind)).toEqual([kind]);
    expect(failures[0]?.failure?.detail).not.toBe("");
  } else {
    expect(kindOf(error), `${describe(error)}`).toBe(kind);
    expect(launchFailureOf(error)).toBe(kind);
    expect(await harness.size()).toBe(size);
  }
  expect(await harness.instances()).toEqual(before);
}
