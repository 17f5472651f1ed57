// The tools of packing, made once for a decision and handed to all who place pods: each of them sees the same board,
// limits and market, and the same work is counted.

import type { Fleet } from "../fleet/fleet.ts";
import type { Ledger } from "../limits/limits.ts";
import type { Market } from "../market/market.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { createAdmission } from "./admission.ts";
import type { Admission } from "./admission.ts";
import type { Board } from "./board.ts";
import type { Demand } from "./demand.ts";
import { createOpenings } from "./openings.ts";
import type { Openings } from "./openings.ts";
import { createPatience } from "./patience.ts";
import type { Patience } from "./patience.ts";
import { pauseOf } from "./pause.ts";
import { createPlacer } from "./placer.ts";
import type { Placer } from "./placer.ts";
import { createPurchases } from "./purchases.ts";
import type { Purchases } from "./purchases.ts";
import { createRanges } from "./ranges.ts";
import type { Ranges } from "./ranges.ts";
import { createSeek } from "./seek.ts";
import type { Seek } from "./seek.ts";
import { createStretch } from "./stretch.ts";
import type { Stretch } from "./stretch.ts";
import type { Work } from "./work.ts";

export interface Parts {
  readonly board: Board;
  readonly admission: Admission;
  readonly seek: Seek;
  readonly ranges: Ranges;
  readonly purchases: Purchases;
  readonly openings: Openings;
  readonly placer: Placer;
  readonly stretch: Stretch;
  readonly market: Market;
  readonly ledger: Ledger;
  readonly work: Work;
  readonly patience: (pod: PodInput) => Patience;
}

export function createParts(given: {
  readonly fleet: Fleet;
  readonly board: Board;
  readonly ledger: Ledger;
  readonly market: Market;
  readonly demand: Demand;
  readonly work: Work;
}): Parts {
  const { fleet, board, ledger, market, demand, work } = given;
  const admission = createAdmission(board);
  const seek = createSeek(board, admission, work);
  const ranges = createRanges(fleet.pools, board.kinds.all, market, board.amounts);
  const purchases = createPurchases(
    board,
    ledger,
    market,
    (pool) => pauseOf(pool, fleet, market.failedAt(pool.policy)) ?? ledger.pause(pool),
  );
  const openings = createOpenings({ board, ranges, admission, purchases, market, work });
  const stretch = createStretch({ board, ranges, admission, purchases, seek, work });
  const placer = createPlacer({ board, ranges, purchases, openings, seek, stretch });
  return {
    board,
    admission,
    seek,
    ranges,
    purchases,
    openings,
    placer,
    stretch,
    market,
    ledger,
    work,
    patience: createPatience(fleet, demand),
  };
}
