// What of the contract cannot exist for groups that are objects of a cluster, with what is asserted in its place. The
// same on every stage.

import { expect } from "vitest";

import { calling, hasNoMinimum, refusesGrowth, refusesRemoval } from "./harness.ts";
import type { CloudGroupHarness, NotApplicable } from "./harness.ts";

const picks = { reason: "the provider picks the victim", proof: refusesRemoval };

/** What does not come is not explained either, but the size stands and the rest is there. */
async function saysNothing(harness: CloudGroupHarness): Promise<void> {
  await harness.stockOut(1);
  const seen = await harness.group().read(calling(harness));
  await harness.group().resize(seen.size + 3, seen, calling(harness));
  await harness.advance();
  expect(await harness.instances()).toHaveLength(seen.size + 1);
  expect((await harness.group().read(calling(harness))).size).toBe(seen.size + 3);
  expect((await harness.seen()).filter(({ state }) => state !== "present")).toEqual([]);
}

async function refusesCancel(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const seen = await group.read(calling(harness));
  await expect(group.cancelUnfilled(1, seen, calling(harness))).rejects.toMatchObject({ kind: "refused" });
}

const silent = { reason: "it does not say why a machine does not come", proof: saysNothing };

export const MACHINE_POOL: NotApplicable = {
  "partial grant": silent,
  "stock-out": silent,
  quota: silent,
  "remove chosen": picks,
  "remove under minimum": picks,
  "remove what is gone": picks,
  "one new node after a notice": picks,
  "cancel unfilled": {
    reason: "a lower number may take a machine of the provider's choice",
    proof: refusesCancel,
  },
};

const noMinimum = { reason: "a NodePool has no minimum", proof: hasNoMinimum };
const growsItself = { reason: "Karpenter grows it for pods that wait", proof: refusesGrowth };

async function removalOf(harness: CloudGroupHarness, id: string): Promise<void> {
  const group = harness.group();
  await group.removeInstance(id, await group.read(calling(harness)), calling(harness));
}

/** What the case shows by a growth, by a removal. */
async function deniesRemoval(harness: CloudGroupHarness): Promise<void> {
  const [id = ""] = await harness.instances();
  await harness.deny();
  await expect(removalOf(harness, id)).rejects.toMatchObject({ kind: "denied" });
  await harness.advance();
  expect(await harness.instances()).toContain(id);
}

async function losesRemoval(harness: CloudGroupHarness, when: "before" | "after"): Promise<void> {
  const [id = "", other = ""] = await harness.instances();
  await harness.loseAnswer(when);
  await expect(removalOf(harness, id)).rejects.toMatchObject({ kind: "timeout" });
  const stays = when === "before";
  expect(await harness.group().contains(id, calling(harness))).toBe(stays);
  await harness.advance();
  expect(await harness.instances()).toEqual(stays ? [id, other] : [other]);
}

async function releases(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const [id = "", ...others] = await harness.instances();
  const made = await harness.made();
  await group.releaseInstance(id, await group.read(calling(harness)), calling(harness));
  await harness.interrupt(id);
  await harness.advance();
  expect(await harness.instances()).toEqual(others);
  expect(await harness.made()).toBe(made);
}

async function seesAnotherHand(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const seen = await group.read(calling(harness));
  const [id = ""] = await harness.instances();
  await harness.resizeByOther(4);
  expect((await group.read(calling(harness))).size).toBe(4);
  await expect(group.removeInstance(id, seen, calling(harness))).rejects.toMatchObject({ kind: "conflict" });
  await harness.advance();
  expect(await harness.instances()).toHaveLength(4);
}

async function cancelsUnlaunched(harness: CloudGroupHarness): Promise<void> {
  const group = harness.group();
  const there = await harness.instances();
  // Two that Karpenter has just asked for.
  await harness.resizeByOther(there.length + 2);
  const seen = await group.read(calling(harness));
  expect(seen.unfilled).toBe(2);
  await expect(group.cancelUnfilled(3, seen, calling(harness))).rejects.toMatchObject({ kind: "conflict" });
  await group.cancelUnfilled(2, seen, calling(harness));
  await harness.advance();
  expect(await harness.instances()).toEqual(there);
}

async function readsAll(harness: CloudGroupHarness): Promise<void> {
  await harness.resizeByOther(3);
  const sizes = await Promise.all(
    Array.from({ length: 150 }, async (_, at) => (await harness.group(at).read(calling(harness))).size),
  );
  expect(sizes).toEqual([3, ...Array.from({ length: 149 }, () => 0)]);
}

export const DYNAMIC: NotApplicable = {
  grow: growsItself,
  "partial grant": growsItself,
  "stock-out": growsItself,
  quota: growsItself,
  throttle: growsItself,
  "clock skew": growsItself,
  denied: { reason: "it is never grown; a removal is denied", proof: deniesRemoval },
  "time-out before the effect": {
    reason: "it is never grown; a removal is lost",
    proof: async (harness) => await losesRemoval(harness, "before"),
  },
  "time-out after the effect": {
    reason: "it is never grown; the answer to a removal is lost",
    proof: async (harness) => await losesRemoval(harness, "after"),
  },
  "remove under minimum": noMinimum,
  "cancel unfilled": { reason: "it is never grown; Karpenter's own claims", proof: cancelsUnlaunched },
  "one new node after a notice": { reason: "it is never grown; none comes for it", proof: releases },
  "size moved by another hand": { reason: "it is never sized; Karpenter adds to it", proof: seesAnotherHand },
  pages: { reason: "it is never grown; all are read", proof: readsAll },
};

export const STATIC: NotApplicable = { "remove under minimum": noMinimum };
