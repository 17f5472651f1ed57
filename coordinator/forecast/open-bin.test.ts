import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import type { DemandBin } from "./bin.ts";
import { fill, openBin } from "./open-bin.ts";
import type { OpenBin } from "./open-bin.ts";

const START = Date.UTC(2026, 0, 5);
const MINUTE = 60_000;

/** Looks at minutes from the start, with the GPUs that are wanted from then on. */
function closed(
  looks: readonly (readonly [minute: number, gpus: number | null, isCut?: boolean])[],
  gapless = false,
) {
  let bin: OpenBin | null = null;
  const bins: DemandBin[] = [];
  for (const [minute, gpus, isCut = false] of looks) {
    const at = epochMs(START + minute * MINUTE);
    if (bin === null) {
      bin = openBin(at, { gpus, isCut });
      continue;
    }
    const next = fill(bin, at, { gpus, isCut }, gapless);
    bin = next.open;
    bins.push(...next.closed);
  }
  return bins.map(({ at, gpus, censored }) => [
    (at - START) / MINUTE,
    gpus,
    ...(censored === true ? ["cut"] : []),
  ]);
}

describe("fill()", () => {
  test("a bin is the mean of what held in it", () => {
    expect(
      closed([
        [0, 10],
        [1, 10],
        [2, 0],
        [3.5, 0],
        [5, 4],
        [6, 4],
      ]),
    ).toEqual([[0, 4]]);
  });

  test("a level holds over the end of a bin", () => {
    expect(
      closed([
        [4, 6],
        [6, 2],
        [8, 2],
        [10, 2],
      ]),
    ).toEqual([[5, (6 + 4 * 2) / 5]]);
  });

  test("time in which nobody looked is in no mean, and a bin of which too little is known is a gap", () => {
    // Known from 0 to 4; then nobody looks until 21.
    expect(
      closed([
        [0, 8],
        [2, 8],
        [4, 100],
        [21, 3],
        [23, 3],
        [25, 3],
      ]),
    ).toEqual([
      [0, 8],
      [20, 3],
    ]);
  });

  test("unless nothing can have happened meanwhile, as in a replay", () => {
    expect(
      closed(
        [
          [0, 8],
          [12, 3],
          [15, 3],
        ],
        true,
      ),
    ).toEqual([
      [0, 8],
      [5, 8],
      [10, (2 * 8 + 3 * 3) / 5],
    ]);
  });

  test("what is not known is not 0", () => {
    expect(
      closed([
        [0, null],
        [2, null],
        [4, 5],
        [5, 5],
      ]),
    ).toEqual([]);
    expect(
      closed([
        [0, 6],
        [2, 6],
        [3, null],
        [5, 5],
      ]),
    ).toEqual([[0, 6]]);
  });

  test("a bin is cut that was so for most of what is known of it", () => {
    expect(
      closed([
        [0, 8, true],
        [2, 8, true],
        [4, 8],
        [5, 8],
      ]),
    ).toEqual([[0, 8, "cut"]]);
    expect(
      closed([
        [0, 8, true],
        [2, 8],
        [4, 8],
        [5, 8],
      ]),
    ).toEqual([[0, 8]]);
  });
});
