// Whether the contract suite finds what it is for: back ends that are broken in one way each, over the simulated cloud,
// and the case that has to fail for it.

import { describe, expect, test } from "vitest";

import type { NodeGroup } from "../../coordinator/cloud/group.ts";
import { AppError, kindOf } from "../../shared/runtime/errors.ts";
import { DEFAULT_SETUP } from "./cases/case.ts";
import { CONTRACT } from "./cloud-group.ts";
import { calling, hasNoMinimum, refusesGrowth, refusesRemoval } from "./harness.ts";
import type { Case, CloudGroupHarness, HarnessSetup } from "./harness.ts";
import { simulatedHarness } from "./simulated-harness.ts";

interface Broken {
  readonly what: string;
  readonly failing: Case;
  readonly breaks: (group: NodeGroup, harness: CloudGroupHarness) => Partial<NodeGroup>;
}

/** Tries once more whatever the first answer was. */
async function twice(send: () => Promise<void>): Promise<void> {
  await send().catch(async () => await send());
}

/** The same for every call of a group until it is written. */
function cached({ read }: NodeGroup): NodeGroup["read"] {
  let kept: ReturnType<NodeGroup["read"]> | null = null;
  return async (options) => await (kept ??= read(options));
}

const BROKEN: readonly Broken[] = [
  {
    what: "a growth that is accepted and not done",
    failing: "grow",
    breaks: () => ({ resize: async () => {} }),
  },
  {
    what: "a growth that is one too many",
    failing: "grow",
    breaks: ({ resize }) => ({ resize: async (to, seen, options) => await resize(to + 1, seen, options) }),
  },
  {
    what: "a cached read",
    failing: "size moved by another hand",
    breaks: (group) => ({ read: cached(group) }),
  },
  {
    what: "a write on whatever the version is now",
    failing: "size moved by another hand",
    breaks: ({ resize, read }) => ({
      resize: async (to, _seen, options) => {
        const now = await read(options);
        await resize(Math.max(to, now.size), now, options);
      },
    }),
  },
  {
    what: "another member than the chosen one",
    failing: "remove chosen",
    breaks: ({ removeInstance }, harness) => ({
      removeInstance: async (id, seen, options) => {
        const other = (await harness.instances()).find((each) => each !== id) ?? id;
        await removeInstance(other, seen, options);
      },
    }),
  },
  {
    what: "a removal beyond the minimum that says nothing",
    failing: "remove under minimum",
    breaks: ({ removeInstance }) => ({
      removeInstance: async (id, seen, options) => {
        await removeInstance(id, seen, options).catch(() => {});
      },
    }),
  },
  {
    what: "a second removal of what is gone that looks well",
    failing: "remove what is gone",
    breaks: ({ removeInstance }) => ({
      removeInstance: async (id, seen, options) => {
        await removeInstance(id, seen, options).catch((error: unknown) => {
          if (kindOf(error) !== "not-found") throw error;
        });
      },
    }),
  },
  {
    what: "a cancel that ends machines",
    failing: "cancel unfilled",
    breaks: ({ removeInstance, read }, harness) => ({
      cancelUnfilled: async (_count, _seen, options) => {
        const [id = ""] = await harness.instances();
        await removeInstance(id, await read(options), options);
      },
    }),
  },
  {
    what: "a release that leaves the group's size as it was",
    failing: "one new node after a notice",
    breaks: () => ({ releaseInstance: async () => {} }),
  },
  {
    what: "a refused call that is sent again",
    failing: "throttle",
    breaks: ({ resize }) => ({
      resize: async (to, seen, options) => await twice(async () => await resize(to, seen, options)),
    }),
  },
  {
    what: "a lost call that is sent again",
    failing: "time-out before the effect",
    breaks: ({ resize }) => ({
      resize: async (to, seen, options) => await twice(async () => await resize(to, seen, options)),
    }),
  },
  {
    what: "a lost answer that is a success",
    failing: "time-out after the effect",
    breaks: ({ resize }) => ({
      resize: async (to, seen, options) => {
        await resize(to, seen, options).catch(() => {});
      },
    }),
  },
  {
    what: "a denied call of another kind",
    failing: "denied",
    breaks: ({ resize }) => ({
      resize: async (to, seen, options) => {
        await resize(to, seen, options).catch((error: unknown) => {
          throw new AppError("unavailable", "cannot", { cause: error });
        });
      },
    }),
  },
  {
    what: "an unreadable size that is a zero",
    failing: "unknown size",
    breaks: ({ read }) => ({
      read: async (options) => await read(options).catch(() => ({ size: 0, version: "0" })),
    }),
  },
  {
    what: "a deleted group that is an empty one",
    failing: "group deleted",
    breaks: ({ read }) => ({
      read: async (options) => await read(options).catch(() => ({ size: 0, version: "0" })),
    }),
  },
  {
    what: "a member that counts for ever",
    failing: "remove chosen",
    breaks: () => ({ contains: async () => await Promise.resolve(true) }),
  },
];

async function brokenHarness(setup: HarnessSetup, { breaks }: Broken): Promise<CloudGroupHarness> {
  const harness = await simulatedHarness(setup);
  const whole = harness.group();
  const broken = { ...whole, ...breaks(whole, harness) };
  return { ...harness, group: (at = 0) => (at === 0 ? broken : harness.group(at)) };
}

describe("the contract suite", () => {
  test.each(BROKEN)("finds $what: $failing", async (broken) => {
    const { setup, run } = CONTRACT[broken.failing];
    await using harness = await brokenHarness({ ...DEFAULT_SETUP, ...setup }, broken);
    await expect(run(harness, () => true)).rejects.toMatchObject({ name: "AssertionError" });
  });

  test.each([
    ["refusesRemoval", refusesRemoval],
    ["refusesGrowth", refusesGrowth],
    ["hasNoMinimum", hasNoMinimum],
  ])("does not take the word of a back end that can do it: %s", async (_name, proof) => {
    await using harness = await simulatedHarness({ ...DEFAULT_SETUP, min: 1 });
    await expect(proof(harness)).rejects.toMatchObject({ name: "AssertionError" });
    expect((await harness.group().read(calling(harness))).min).toBe(1);
  });
});
