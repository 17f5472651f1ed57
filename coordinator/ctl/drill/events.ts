// What a drill has to tell while it goes on, as values: for people they become lines (words.ts), for scripts they are JSON
// as they stand. Times in seconds count from the moment at which the drill was asked for.

import type { DrainSummary } from "../../../shared/contract/drain-summary.ts";
import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { EvictionClass } from "../../../shared/model/pod.ts";

export interface KeptPod {
  readonly pod: string;
  readonly why: string;
}

/** How a drill ended, from what its agent wrote and what was seen of its pods. */
export interface DrillReport {
  readonly node: string;
  readonly id: string;
  readonly phase: DrainState["phase"];
  /** RFC 3339, by the clock of the node. */
  readonly seenAt: string;
  readonly deadline: string;
  /** Null: its agent has written none. Its times are milliseconds after `seenAt`. */
  readonly summary: DrainSummary | null;
  /** Pods that should have gone and have not. */
  readonly left: readonly string[];
  readonly kept: readonly KeptPod[];
}

export type DrillEvent =
  | { readonly kind: "warning"; readonly detail: string }
  /** The annotations are written. */
  | {
      readonly kind: "asked-for";
      readonly node: string;
      readonly deadline: string;
      readonly leadSeconds: number;
    }
  /** A drill that was asked for before is followed. */
  | { readonly kind: "joined"; readonly node: string; readonly deadline: string | null }
  /** Its agent has marked the node and begins. */
  | { readonly kind: "held"; readonly id: string; readonly deadline: string; readonly clockSeconds: number }
  | {
      readonly kind: "plan";
      readonly mode: "parallel" | "staggered";
      readonly pods: Readonly<Record<EvictionClass, number>>;
      /** Deleted before, by others. */
      readonly leaving: number;
      readonly kept: readonly KeptPod[];
    }
  | { readonly kind: "wave"; readonly class: EvictionClass }
  | {
      readonly kind: "evicting";
      readonly pod: string;
      readonly class: EvictionClass;
      readonly graceSeconds: number | null;
    }
  /** `tookSeconds`: from being asked; null when nobody saw that. */
  | {
      readonly kind: "gone";
      readonly pod: string;
      readonly class: EvictionClass;
      readonly tookSeconds: number | null;
    }
  | {
      readonly kind: "blocked";
      readonly pod: string;
      readonly class: EvictionClass;
      readonly budgets: readonly string[];
      readonly why: string;
    }
  | { readonly kind: "arrived"; readonly pod: string; readonly class: EvictionClass }
  | { readonly kind: "no-answer"; readonly detail: string }
  /** The API server is not heard of. */
  | { readonly kind: "away"; readonly why: string }
  | { readonly kind: "back" }
  | { readonly kind: "report"; readonly report: DrillReport }
  /** In another way than with a report. */
  | {
      readonly kind: "ended";
      readonly how: "called-off" | "overtaken" | "node-gone" | "interrupted";
      readonly detail: string;
    };
