// What the contract suite (cloud-group.ts) needs from a back end: its group over some provider, and hands on that
// provider: its stock, its refusals, its lost answers, its clock. One harness serves one test and is then thrown away.

import { expect } from "vitest";

import type { CloudAccount, Member } from "../../coordinator/cloud/account.ts";
import type { CallOptions, NodeGroup } from "../../coordinator/cloud/group.ts";
import { millis } from "../../shared/model/units.ts";

/** How the provider's groups shall be when the test begins, with all their machines up. */
export interface HarnessSetup {
  /** Their number. The first one is the one under test, the others are beside it. */
  readonly groups: number;
  /** Machines in each. */
  readonly size: number;
  /** Bounds of each, where the provider knows bounds. */
  readonly min: number;
  readonly max: number;
}

export interface CloudGroupHarness extends AsyncDisposable {
  /** The back end's group number `at`, from 0: the thing under test. */
  group(at?: number): NodeGroup;
  /** The account that `group` comes from, with the keys of all groups in order; null for objects of the cluster. */
  readonly account: { readonly account: CloudAccount; readonly keys: readonly string[] } | null;
  /** Members of group 0 as the back end shows them to the decision. */
  seen(): Promise<readonly SeenMember[]>;
  /** Length of a call's deadline. Short where the harness loses answers by silence. */
  readonly deadlineMs?: number;
  /** How many groups the provider shows in one answer, for back ends that read many at once. */
  readonly groupsPerRead?: number;

  /** The provider's own truth: machines that run as members of the group, by the id that `removeInstance` takes. */
  instances(at?: number): Promise<readonly string[]>;
  /** The size that the provider holds; null when there is no such group. */
  size(at?: number): Promise<number | null>;
  /** How many machines the provider has ever made, over all groups. */
  made(): Promise<number>;
  /** Requests that could change something and that reached the provider, refused and lost ones included. */
  writes(): Promise<number>;
  /** Requests that only read, since the start. Needed with `groupsPerRead`. */
  reads?(): Promise<number>;

  /** Time passes: what was asked for comes up or fails, and what failed is tried again by the provider. */
  advance(): Promise<void>;
  /** So many more machines can be had, no more; null: without end again. */
  stockOut(left: number | null): Promise<void>;
  /** Every further machine is over the account's quota. */
  quota(): Promise<void>;
  /** Every write is refused for lack of rights. */
  deny(): Promise<void>;
  /** The next write is refused as one too many. Says the wait in seconds that the back end has to pass on, null for none. */
  throttle(): Promise<number | null>;
  /** The answer of the next write never comes, because the write never arrived or although it was done. */
  loseAnswer(when: "before" | "after"): Promise<void>;
  /** The size of group 0 cannot be read from what the provider answers from now on. */
  hideSize(): Promise<void>;
  /** Somebody else sets the size. */
  resizeByOther(to: number): Promise<void>;
  /** Somebody else deletes group 0 with its machines. */
  deleteGroup(): Promise<void>;
  /** The cloud takes the machine now; nothing when it is gone already. */
  interrupt(id: string): Promise<void>;
  /** The provider's clock is off by so much, in its answers and in the times that it writes down. */
  skewClock(ms: number): Promise<void>;
}

export type SeenMember = Pick<Member, "id" | "state" | "placeholder" | "failure" | "createdAt">;

export type MakeHarness = (setup: HarnessSetup) => Promise<CloudGroupHarness>;

export const CASES = [
  "grow",
  "partial grant",
  "stock-out",
  "quota",
  "denied",
  "throttle",
  "time-out before the effect",
  "time-out after the effect",
  "remove chosen",
  "remove under minimum",
  "remove what is gone",
  "cancel unfilled",
  "one new node after a notice",
  "size moved by another hand",
  "pages",
  "unknown size",
  "clock skew",
  "group deleted",
] as const;
export type Case = (typeof CASES)[number];

/** Why a case cannot exist for a back end. With a `proof` the suite checks what the reason claims. */
export type NotApplicable = Partial<
  Record<
    Case,
    string | { readonly reason: string; readonly proof: (harness: CloudGroupHarness) => Promise<void> }
  >
>;

export function calling(harness: CloudGroupHarness): CallOptions {
  return { signal: new AbortController().signal, deadlineMs: millis(harness.deadlineMs ?? 5_000) };
}

/** Proof of "the provider picks the victim". */
export async function refusesRemoval(harness: CloudGroupHarness): Promise<void> {
  const [id = ""] = await harness.instances();
  const before = await harness.writes();
  const seen = await harness.group().read(calling(harness));
  expect(harness.group().chosenRemoval).toBe(false);
  await expect(harness.group().removeInstance(id, seen, calling(harness))).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining(id) as string,
  });
  expect(await harness.writes()).toBe(before);
}

/** Proof of "something else adds its nodes". */
export async function refusesGrowth(harness: CloudGroupHarness): Promise<void> {
  const before = await harness.writes();
  const seen = await harness.group().read(calling(harness));
  await expect(harness.group().resize(seen.size + 1, seen, calling(harness))).rejects.toMatchObject({
    kind: "refused",
  });
  expect(await harness.writes()).toBe(before);
}

/** Proof of "the group has no minimum". */
export async function hasNoMinimum(harness: CloudGroupHarness): Promise<void> {
  const { min = 0 } = await harness.group().read(calling(harness));
  expect(min).toBe(0);
}
