import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { migProfileOf } from "../../../shared/model/mig.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { fitsTogether } from "../../../test/build/mig.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import { migGeometry } from "./mig-geometry.ts";

const A100: PlaceOptions = { pool: { gpuType: "A100-40GB" } };
const cards = (count: number, options: PlaceOptions = A100): PlaceOptions => ({
  ...options,
  allocatable: { cpu: 96_000, "nvidia.com/gpu": count },
});

const CASES: readonly (readonly [string, Readonly<Record<string, number>>, PlaceOptions, object | null])[] = [
  ["whole GPUs", { "nvidia.com/gpu": 99 }, cards(1), null],
  ["seven of the smallest on one card", { "nvidia.com/mig-1g.5gb": 7 }, cards(1), null],
  ["eight of them", { "nvidia.com/mig-1g.5gb": 8 }, cards(1), { profile: "1g.5gb", wants: 8, most: 7 }],
  ["eight of them on two cards", { "nvidia.com/mig-1g.5gb": 8 }, cards(2), null],
  // Seven compute slices would do for 3 + 3 + 1; eight memory slices do not.
  [
    "two of 3g and one of 1g, for which the memory does not do",
    { "nvidia.com/mig-3g.20gb": 2, "nvidia.com/mig-1g.5gb": 1 },
    cards(1),
    { profile: "1g.5gb", wants: 1, most: 0 },
  ],
  ["the same on two cards", { "nvidia.com/mig-3g.20gb": 2, "nvidia.com/mig-1g.5gb": 1 }, cards(2), null],
  [
    "a balanced cut",
    { "nvidia.com/mig-1g.5gb": 2, "nvidia.com/mig-2g.10gb": 1, "nvidia.com/mig-3g.20gb": 1 },
    cards(1),
    null,
  ],
  [
    "one that is too much by itself, beside one that is not",
    { "nvidia.com/mig-1g.5gb": 1, "nvidia.com/mig-7g.40gb": 2 },
    cards(1),
    { profile: "7g.40gb", wants: 2, most: 1 },
  ],
  ["a profile of another card", { "nvidia.com/mig-1g.10gb": 8 }, cards(1), { profile: "1g.10gb", most: 4 }],
  [
    "a profile that this card has not",
    { "nvidia.com/mig-1g.12gb": 1 },
    cards(8),
    { profile: "1g.12gb", most: 0 },
  ],
  ["a profile that nobody knows", { "nvidia.com/mig-9g.90gb": 1 }, cards(1), null],
  ["a model that nobody said", { "nvidia.com/mig-1g.5gb": 99 }, cards(1, {}), null],
  [
    "the model by a label",
    { "nvidia.com/mig-1g.5gb": 8 },
    cards(1, { labels: { [NODE_LABEL.gpuProduct]: "NVIDIA-A100-SXM4-40GB" } }),
    { most: 7 },
  ],
  [
    "more than can be cut from cards whose number nobody knows",
    { "nvidia.com/mig-1g.5gb": 99 },
    { ...A100, allocatable: { cpu: 1 } },
    null,
  ],
  [
    "what the node reports, whatever a table says",
    { "nvidia.com/mig-1g.5gb": 8 },
    { ...A100, allocatable: { "nvidia.com/gpu": 1, "nvidia.com/mig-1g.5gb": 14 } },
    null,
  ],
  ["a node that is here", { "nvidia.com/mig-1g.5gb": 8 }, { kind: "node", free: {} }, null],
  ["sixteen cards", { "nvidia.com/mig-1g.5gb": 16 * 7 + 1 }, cards(16), { most: 112 }],
  [
    "sixteen cards and a mix that fits exactly",
    { "nvidia.com/mig-4g.20gb": 16, "nvidia.com/mig-3g.20gb": 16 },
    cards(16),
    null,
  ],
  [
    "sixteen cards and one of the mix too many",
    { "nvidia.com/mig-4g.20gb": 16, "nvidia.com/mig-3g.20gb": 17 },
    cards(16),
    { profile: "3g.20gb", wants: 17, most: 16 },
  ],
];

/** Every profile of the card, so many of each. */
const mix = (...counts: readonly number[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    ["1g.5gb", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb", "1g.5gb.me"].map((profile, at) => [
      `nvidia.com/mig-${profile}`,
      counts[at] ?? 0,
    ]),
  );
const judge = (requests: Readonly<Record<string, number>>, there: PlaceOptions) => {
  const pod = podWith("p", { requests });
  return migGeometry.refusal(pod, place(there), contextOf([pod]));
};

describe("mig-geometry", () => {
  // Searched to the end these take minutes.
  test.each([[[3, 3, 3, 3, 3, 3, 3]], [[16, 16, 16, 16]], [[40, 5, 7, 9, 2]], [[13, 11, 9, 7, 5, 3, 1]]])(
    "gives up on %j rather than keep all others waiting",
    (counts) => {
      for (const count of [4, 8, 16]) {
        const reason = judge(mix(...counts), cards(count));
        expect(reason === null || reason.code === "mig-geometry").toBe(true);
      }
    },
  );

  test("agrees with trying every share of what is asked for between two cards", () => {
    // With three of each it may give up first, and then it refuses nothing.
    const few = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(few, (counts) => {
        const wanted = Object.entries(mix(...counts)).map(
          ([name, count]) => [migProfileOf(name) ?? "", count] as const,
        );
        const shares = (at: number): readonly Record<string, number>[] => {
          const [profile, count] = wanted[at] ?? ["", 0];
          if (at === wanted.length) return [{}];
          return shares(at + 1).flatMap((rest) =>
            Array.from({ length: count + 1 }, (_, some) => ({ ...rest, [profile]: some })),
          );
        };
        const fits = shares(0).some(
          (one) =>
            fitsTogether("A100-40GB", one) === true &&
            fitsTogether(
              "A100-40GB",
              Object.fromEntries(wanted.map(([profile, count]) => [profile, count - (one[profile] ?? 0)])),
            ) === true,
        );
        expect(judge(mix(...counts), cards(2)) === null).toBe(fits);
      }),
      { numRuns: 200, verbose: 1 },
    );
  });

  test.each(CASES)("%s", (_, requests, there, reason) => {
    const pod = podWith("p", { requests });
    const refusal = migGeometry.refusal(pod, place(there), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject({ code: "mig-geometry", pool: "demo/gpu", ...reason });
  });
});
