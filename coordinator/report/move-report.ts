// What report is told about a move that was carried out or tried. The shape that act hands over, seen from here:
// stages share no code.

import type { Millis } from "../../shared/model/units.ts";
import type { MoveKind } from "../decide/plan.ts";

export interface MoveReport {
  readonly policy: string;
  readonly move: {
    readonly key: string;
    readonly kind: MoveKind;
    readonly pool: string;
    readonly node?: string | undefined;
    readonly from: number;
    readonly to: number;
  };
  readonly outcome: {
    readonly kind: "applied" | "reached" | "draining" | "failed" | "put-off" | "unsettled";
    readonly detail?: string;
  };
  readonly ms: Millis;
}
