// What a run of the crash matrix says: how many cells it has, where each coordinator was killed, and what was wrong
// afterwards. One line for each deed, so that a cell that was never hit is seen.

import { nameOfPoint, pointsOf } from "./cells.ts";
import type { Cell } from "./cells.ts";
import type { Verdict } from "./run.ts";

export interface Played {
  readonly stand: string;
  readonly cell: Cell;
  readonly verdict: Verdict;
}

export function summaryOf(played: readonly Played[]): readonly string[] {
  const lines = [...Map.groupBy(played, ({ stand, cell }) => `${stand} ${cell.deed}`)].map(
    ([name, group]) => {
      const [{ cell: first } = { cell: null }] = group;
      const points = first === null ? [] : pointsOf(first.deed).map(nameOfPoint);
      const hits = points.map((point) => {
        const there = group.filter(({ cell }) => nameOfPoint(cell.point) === point);
        return `${point} ${there.filter(({ verdict }) => verdict.hit).length}/${there.length}`;
      });
      return `${name}: ${hits.join(", ")}`;
    },
  );
  const hit = played.filter(({ verdict }) => verdict.hit).length;
  const wrong = played.filter(({ verdict }) => verdict.faults.length > 0).length;
  return [`crash matrix: ${played.length} cells, ${hit} hit, ${wrong} with faults`, ...lines];
}
