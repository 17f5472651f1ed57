// What happened in a run, as facts that were seen from outside: in the provider's books, in the cluster's ledger, at the
// faces that calls came to. Nothing in it is a program's own claim, but for the intents that it wrote into the policy. One
// form for virtual time, real time and a real control plane; invariants.ts judges it.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";

export type Entry = { readonly at: number } &
  /** What a pool may have from now on, or all of them together (`FLEET`). Null: nobody may write to its group. */
  (
    | { readonly kind: "limits"; readonly pool: string; readonly limits: PoolLimits | null }
    /** A move that was written down as about to be done. */
    | {
        readonly kind: "intent";
        readonly pool: string;
        readonly move: MoveState;
        /** What the agent of its node had said last; null: nothing, or there is no node. */
        readonly reading: Reading | null;
      }
    /** A change of a group that took effect at the provider. */
    | {
        readonly kind: "write";
        readonly pool: string;
        readonly what: "grow" | "remove" | "release" | "cancel";
        readonly from: number;
        readonly to: number;
        /** Of all groups together, after it. */
        readonly fleetTo: number;
        /** For how long whoever wrote may have known nothing new of the policy. */
        readonly staleMs: number;
        readonly instance: string | null;
        readonly node: string | null;
        /** Pods on its node that go down with it and that nobody has asked to leave. */
        readonly occupants: readonly string[];
        /** Whether its cloud was taking it anyhow. */
        readonly noticed: boolean;
      }
    | { readonly kind: "launch"; readonly pool: string; readonly machine: string }
    /** A machine has ended. `asked`: by a removal; `victim`: the group picked it because a number fell. */
    | {
        readonly kind: "end";
        readonly pool: string;
        readonly machine: string;
        readonly why: "asked" | "victim" | "taken";
      }
    /** A pod that was still alive when its machine was gone. */
    | {
        readonly kind: "pod-lost";
        readonly pod: string;
        readonly node: string;
        /** `removed`: we took the machine away. `noticed`: its cloud did, and said so. `lost`: nobody was told. */
        readonly why: "removed" | "noticed" | "lost";
        readonly evicted: boolean;
        /** For how long of a notice its agent, its API server and the world around could have done something. */
        readonly chanceMs: number;
      }
    | {
        readonly kind: "evicted";
        readonly pod: string;
        readonly node: string;
        readonly class: EvictionClass;
        /** Classes of pods of that node that nobody had asked to leave yet. */
        readonly staying: readonly EvictionClass[];
        /** One class after the other is for those who have the time. */
        readonly ordered: boolean;
      }
    | { readonly kind: "notice"; readonly node: string; readonly deadline: number; readonly chanceMs: number }
    /** The notice was taken over: the node bears its mark. */
    | { readonly kind: "notice-seen"; readonly node: string }
    /** A decision. */
    | { readonly kind: "cycle"; readonly pools: readonly string[]; readonly answered: readonly string[] }
    /** A part of a program failed in a way that it has no name for. */
    | { readonly kind: "broken"; readonly part: string; readonly detail: string }
    /** The last look at the fleet, after all faults are over. `settledAt`: since when nothing was left to do; null: never. */
    | {
        readonly kind: "last";
        readonly faultsEnd: number;
        readonly settledAt: number | null;
        readonly left: readonly string[];
        readonly cordoned: readonly string[];
        /** Machines that run and that no group and no coming end accounts for. */
        readonly forgotten: readonly string[];
      }
  );

/** As the name of a pool: all of a policy. */
export const FLEET = "*";

export interface PoolLimits {
  readonly min: number;
  readonly max: number;
}

export interface Reading {
  readonly ageMs: number;
  /** The largest utilisation of any GPU, 0 to 1; null: not known. */
  readonly busiest: number | null;
}

export interface Book {
  readonly entries: readonly Entry[];
  add(entry: Entry): void;
}

export function createBook(): Book {
  const entries: Entry[] = [];
  return { entries, add: (entry) => void entries.push(entry) };
}
