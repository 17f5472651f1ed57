// Every cell of the crash matrix on the two back ends that calls go furthest from (our simulated cloud, which refuses what
// is stale, and AWS, which refuses nothing), and a sample on the others. It takes a quarter of an hour and is part of
// `npm run soak`; `test/e2e/crash-matrix.test.ts` plays sixty of them for every change.

import { allCells, nameOfCell, sampleCells } from "../crash/cells.ts";
import { summaryOf } from "../crash/report.ts";
import type { Played } from "../crash/report.ts";
import { playCell } from "../crash/run.ts";
import { STANDS } from "../crash/stands.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const SEED = 8;
const SAMPLE = 20;
/** Cells mostly wait, for a lease to end and for a machine to go. */
const TOGETHER = 5;

export async function run(): Promise<Figure[]> {
  const names = Object.keys(STANDS) as (keyof typeof STANDS)[];
  const due = names.flatMap((stand) =>
    (stand === "simulated" || stand === "aws" ? allCells() : sampleCells(SAMPLE, SEED)).map((cell) => ({
      stand,
      cell,
    })),
  );
  const played: Played[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let one = due[next++]; one !== undefined; one = due[next++]) {
      const { stand, cell } = one;
      const verdict = await playCell(cell, STANDS[stand]).catch((error: unknown) => ({
        cell: `${stand}: ${nameOfCell(cell)}`,
        hit: false,
        cycles: 0,
        faults: [error instanceof Error ? error.message : String(error)],
      }));
      played.push({ stand, cell, verdict });
      if (!verdict.hit || verdict.faults.length > 0)
        console.error(`${verdict.cell}: ${verdict.hit ? "" : "not hit "}${verdict.faults.join("\n  ")}`);
      if (played.length % 20 === 0) console.error(`crash: ${played.length} of ${due.length} cells`);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  for (const line of summaryOf(played)) console.error(line);
  const bad = played.filter(({ verdict }) => verdict.faults.length > 0).length;
  const missed = played.filter(({ verdict }) => !verdict.hit).length;
  return [
    figure("cells", played.length, "cells", { min: due.length }),
    figure("not_hit", missed, "cells", { max: 0 }),
    figure("with_faults", bad, "cells", { max: 0 }),
  ];
}
