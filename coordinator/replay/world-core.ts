// What every part of the world stands on: the instant, the store, the queue of timed events, the ledger of
// facts, and random numbers that do not disturb each other. The parts are written as a listener, which only
// keeps indexes, and a pass, which writes until nothing is left to do.

import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { WorldSettings } from "./world-options.ts";
import type { Store } from "./world-store.ts";

/** Why a process ended. `clean`: it finished its own shutdown inside its grace. `killed`: it did not. */
export type ExitReason = "finished" | "clean" | "killed" | "node-lost";

/** What happened, for scores and checks. */
export type Fact =
  | {
      readonly kind: "job-submitted";
      readonly job: string;
      readonly gpus: number;
      readonly workers: number;
      readonly durationMs: number;
    }
  | { readonly kind: "job-done"; readonly job: string; readonly arrivedAt: EpochMs }
  | { readonly kind: "job-cancelled"; readonly job: string }
  /** A worker of a gang goes back to where the others are: what it had kept beyond that has to be done again. */
  | { readonly kind: "job-set-back"; readonly job: string; readonly gpus: number; readonly ms: number }
  | (PodFact & {
      readonly kind: "pod-created";
      readonly owner: string | null;
      readonly gpus: number;
      readonly evictionPriority: string | null;
    })
  | (PodFact & { readonly kind: "pod-unschedulable"; readonly message: string })
  | (PodFact & { readonly kind: "pod-scheduled"; readonly node: string })
  | (PodFact & { readonly kind: "pod-started"; readonly node: string })
  | (PodFact & {
      readonly kind: "pod-evicted";
      readonly node: string | null;
      readonly evictionPriority: string | null;
      readonly graceMs: number;
    })
  /** SIGTERM, or the news that the grace was cut. */
  | (PodFact & {
      readonly kind: "pod-stopping";
      readonly node: string;
      readonly graceMs: number;
      readonly killAt: EpochMs;
    })
  | (PodFact & {
      readonly kind: "pod-exited";
      readonly node: string;
      readonly why: ExitReason;
      readonly ranMs: number;
      /** Part of `ranMs` that the next pod of the owner need not do again. */
      readonly keptMs: number;
      /** SIGTERM → end; null when there was no SIGTERM. */
      readonly warnedMs: number | null;
    })
  | (PodFact & { readonly kind: "pod-removed"; readonly node: string | null })
  | { readonly kind: "machine-created"; readonly pool: string; readonly machine: string }
  | { readonly kind: "machine-starved"; readonly pool: string; readonly machine: string }
  | {
      readonly kind: "machine-joined";
      readonly pool: string;
      readonly machine: string;
      readonly node: string;
    }
  | { readonly kind: "machine-failed"; readonly pool: string; readonly machine: string; readonly why: string }
  | {
      readonly kind: "machine-deleting";
      readonly pool: string;
      readonly machine: string;
      readonly chosen: "annotated" | "unhealthy" | "random" | "direct";
    }
  | { readonly kind: "machine-removed"; readonly pool: string; readonly machine: string }
  | { readonly kind: "node-added"; readonly node: string; readonly pool: string | null }
  | { readonly kind: "node-ready"; readonly node: string }
  | { readonly kind: "node-interrupted"; readonly node: string }
  | { readonly kind: "node-removed"; readonly node: string }
  | { readonly kind: "size-changed"; readonly pool: string; readonly from: number; readonly to: number }
  | { readonly kind: "capacity-changed"; readonly pool: string; readonly max: number | null };

interface PodFact {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
}

export type LedgerEntry = Fact & { readonly at: EpochMs };

export interface Core {
  readonly now: EpochMs;
  readonly settings: WorldSettings;
  readonly store: Store;
  /** Runs `run` at `at`, or at the present instant when that is past. */
  schedule(at: EpochMs, run: () => void): void;
  note(fact: Fact): void;
  /** A stream of its own for each purpose: names drawn for pods do not change how long machines boot. */
  random(purpose: string): Random;
}

/** One part of the world. */
export interface Part {
  /** Does all that can be done now; returns true when it wrote. */
  pass(): boolean;
}

export function randomStream(seed: number, purpose: string): Random {
  let mixed = seed >>> 0;
  for (const character of purpose)
    mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return seededRandom(mixed);
}

const NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789";

/** Five characters, as the API server makes them for `generateName`. */
export function nameSuffix(random: Random): string {
  let text = "";
  for (let at = 0; at < 5; at += 1) text += NAME_LETTERS[Math.floor(random() * NAME_LETTERS.length)] ?? "";
  return text;
}
