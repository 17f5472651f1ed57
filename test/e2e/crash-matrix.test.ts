// The crash matrix, a sample of it: the coordinator is killed at a write of its journal or in the middle of a call, and
// a successor has to leave nothing twice, nothing behind and nothing forgotten. `npm run soak -- crash` plays all cells.

import { afterAll, describe, expect, test } from "vitest";

import { nameOfCell, sampleCells } from "../crash/cells.ts";
import { summaryOf } from "../crash/report.ts";
import type { Played } from "../crash/report.ts";
import { playCell } from "../crash/run.ts";
import { STANDS } from "../crash/stands.ts";

const SEED = 20_261_126;
/** By back end: the two that a policy is most likely to have share sixty, each other one has ten. */
const CELLS = {
  simulated: 30,
  aws: 30,
  gcp: 10,
  azure: 10,
  "cluster-api": 10,
  karpenter: 10,
} as const satisfies Record<keyof typeof STANDS, number>;
const played: Played[] = [];
const names = Object.keys(STANDS) as (keyof typeof STANDS)[];
const all = names.flatMap((stand, index) =>
  sampleCells(CELLS[stand], SEED + index).map((cell) => ({ stand, cell })),
);

describe.concurrent(`a coordinator that is killed (seed ${SEED})`, () => {
  test.for(all.map((one) => ({ ...one, name: `${one.stand}: ${nameOfCell(one.cell)}` })))(
    "$name",
    { timeout: 120_000 },
    async ({ stand, cell }) => {
      const verdict = await playCell(cell, STANDS[stand]);
      played.push({ stand, cell, verdict });
      expect(verdict).toMatchObject({ hit: true, faults: [] });
    },
  );
});

afterAll(() => {
  for (const line of summaryOf(played)) console.log(line);
});
