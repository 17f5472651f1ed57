import { expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import type { SeenLook } from "./cloud-reading.ts";
import type { LabelledNode } from "./node-machines.ts";
import { createStrangers } from "./strangers.ts";

const LOOK: SeenLook = {
  kind: "seen",
  state: { size: 1, version: null },
  chosenRemoval: true,
  detaches: true,
  members: [{ id: "i-0a", state: "present", providerID: "aws:///us-west-2a/i-0a" }],
  aside: ["aws:///us-west-2a/i-0e"],
  mismatches: [],
};

function node(providerID: string | undefined, going = false): LabelledNode {
  return { name: "n", labels: {}, going, ...(providerID === undefined ? {} : { providerID }) };
}

function scene() {
  const clock = createFakeClock();
  const strangers = createStrangers(clock);
  return { clock, told: (...nodes: readonly LabelledNode[]) => strangers.of("gpu", LOOK, nodes) };
}

/** Looks as often as cycles do. */
async function pass({ clock, told }: ReturnType<typeof scene>, ms: number, one: LabelledNode): Promise<void> {
  for (let left = ms; left > 0; left -= 10_000) {
    told(one);
    await clock.advance(Math.min(left, 10_000));
  }
}

test("a node of a machine that is no member is told of after a minute: the group may not list it yet", async () => {
  const own = scene();
  const stranger = node("aws:////i-0b");
  await pass(own, 50_000, stranger);
  expect(own.told(stranger)).toEqual([]);
  await pass(own, 10_000, stranger);
  expect(own.told(stranger)).toEqual([
    "node n wears the pool's label, but its machine aws:////i-0b is not in the pool's group: attach it to the group, end it, or take the label away",
  ]);
});

test("one under notice, whose machine was released, is not told of while its cloud may still take it", async () => {
  const own = scene();
  const released = node("aws:////i-0b", true);
  await pass(own, 590_000, released);
  expect(own.told(released)).toEqual([]);
});

test("one that was to go and is still there is told of for as long as it is, with the ways out", async () => {
  const own = scene();
  const survivor = node("aws:////i-0b", true);
  await pass(own, 600_000, survivor);
  const sentence =
    "node n was to go, and its machine aws:////i-0b left the pool's group over 10 minutes ago and is still there: end the machine, or attach it to the group again and uncordon the node";
  expect(own.told(survivor)).toEqual([sentence]);
  await pass(own, 86_400_000, survivor);
  expect(own.told(survivor)[0]).toContain("over 1450 minutes ago");
  // The notice was withdrawn: its agent has made it a node like any other.
  expect(own.told(node("aws:////i-0b"))[0]).toContain("attach it to the group, end it");
});

test("who has gone and comes back begins anew", async () => {
  const own = scene();
  const stranger = node("aws:////i-0b");
  await pass(own, 60_000, stranger);
  await own.clock.advance(200_000);
  expect(own.told(stranger)).toEqual([]);
});

test("members, however they are spelled, machines that the group has set aside, and nodes without one yet are none", async () => {
  const own = scene();
  for (const fine of [node("aws:////i-0a"), node("aws:////i-0e"), node(undefined)]) {
    await pass(own, 120_000, fine);
    expect(own.told(fine)).toEqual([]);
  }
});

test("a providerID that cannot be read is told of at once, but for a node that goes", () => {
  const { told } = scene();
  expect(told(node("i-0b"))).toEqual([
    'node n: its providerID "i-0b" cannot be read, so it counts as no member',
  ]);
  expect(told(node("i-0b", true))).toEqual([]);
});
