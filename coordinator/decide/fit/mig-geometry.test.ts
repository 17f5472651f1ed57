import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
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

describe("mig-geometry", () => {
  test.each(CASES)("%s", (_, requests, there, reason) => {
    const pod = podWith("p", { requests });
    const refusal = migGeometry.refusal(pod, place(there), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject({ code: "mig-geometry", pool: "demo/gpu", ...reason });
  });
});
