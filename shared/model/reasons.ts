// Why a pool moved, why it did not, why a pod has no place: a closed list of codes with their numbers.
// Decisions carry these as data; only coordinator/report/explain.ts turns them into sentences.

import type { NoticeSource } from "./interruption.ts";
import type { EpochMs, Millis, Ratio } from "./units.ts";

export type Scope = "pool" | "policy" | "gpus";

export type Reason =
  // Why a pool grows.
  | { readonly code: "pending-pods"; readonly pods: number; readonly gpus: number; readonly oldestMs: Millis }
  | {
      readonly code: "utilization-high";
      readonly mean: Ratio;
      readonly threshold: Ratio;
      readonly gpus: number;
      readonly forMs: Millis;
    }
  | { readonly code: "below-minimum"; readonly scope: Scope; readonly size: number; readonly minimum: number }
  | {
      readonly code: "interruption";
      readonly node: string;
      readonly source: NoticeSource;
      readonly deadline: EpochMs;
      readonly pods: number;
    }
  // Why a pool shrinks.
  | { readonly code: "empty"; readonly node: string; readonly forMs: Millis }
  | { readonly code: "idle"; readonly node: string; readonly forMs: Millis; readonly threshold: Ratio }
  | { readonly code: "lost-to-interruption"; readonly node: string; readonly source: NoticeSource }
  // Why a pool holds.
  | { readonly code: "nothing-to-do" }
  | { readonly code: "cooldown"; readonly direction: "up" | "down"; readonly leftMs: Millis }
  | { readonly code: "after-add"; readonly leftMs: Millis }
  | { readonly code: "at-maximum"; readonly scope: Scope; readonly maximum: number }
  | { readonly code: "at-minimum"; readonly scope: Scope; readonly minimum: number }
  | {
      readonly code: "rate-limit";
      readonly added: number;
      readonly allowed: number;
      readonly windowMs: Millis;
    }
  | { readonly code: "no-group" }
  | { readonly code: "group-missing"; readonly detail: string }
  | { readonly code: "size-unknown"; readonly detail: string }
  | { readonly code: "template-unknown" }
  | { readonly code: "disabled" }
  | { readonly code: "policy-invalid"; readonly problems: readonly string[] }
  | { readonly code: "overlap"; readonly node: string; readonly policies: readonly string[] }
  | { readonly code: "not-synced"; readonly missing: readonly string[] }
  | { readonly code: "move-in-flight"; readonly key: string; readonly forMs: Millis }
  | { readonly code: "booting"; readonly nodes: number }
  | { readonly code: "launch-overdue"; readonly nodes: number; readonly forMs: Millis }
  | { readonly code: "spot-disabled" }
  | { readonly code: "tier-disabled"; readonly tier: string; readonly only: string }
  | { readonly code: "group-shared"; readonly pools: readonly string[] }
  | { readonly code: "malformed"; readonly what: string }
  // Why a node stays.
  | { readonly code: "node-booting"; readonly node: string }
  | { readonly code: "node-under-notice"; readonly node: string }
  | { readonly code: "node-draining"; readonly node: string }
  | { readonly code: "node-pinned"; readonly node: string; readonly annotation: string }
  | { readonly code: "node-not-removable"; readonly node: string; readonly detail: string }
  | {
      readonly code: "empty-too-short";
      readonly node: string;
      readonly forMs: Millis;
      readonly needMs: Millis;
    }
  | {
      readonly code: "idle-too-short";
      readonly node: string;
      readonly forMs: Millis;
      readonly needMs: Millis;
    }
  | { readonly code: "busy"; readonly node: string; readonly busiest: Ratio; readonly threshold: Ratio }
  | { readonly code: "telemetry-unknown"; readonly node: string }
  | { readonly code: "telemetry-stale"; readonly node: string; readonly ageMs: Millis }
  | { readonly code: "telemetry-thin"; readonly node: string; readonly coverage: Ratio }
  | { readonly code: "gpu-held"; readonly node: string; readonly pod: string }
  | { readonly code: "pod-refuses"; readonly node: string; readonly pod: string; readonly annotation: string }
  | { readonly code: "pod-unmanaged"; readonly node: string; readonly pod: string }
  | { readonly code: "pod-of-job"; readonly node: string; readonly pod: string }
  | { readonly code: "budget"; readonly node: string; readonly pod: string; readonly budget: string }
  | {
      readonly code: "several-budgets";
      readonly node: string;
      readonly pod: string;
      readonly budgets: readonly string[];
    }
  | { readonly code: "fits-nowhere-else"; readonly node: string; readonly pod: string }
  | {
      readonly code: "needed-for-utilization";
      readonly node: string;
      readonly meanAfter: Ratio;
      readonly threshold: Ratio;
    }
  | { readonly code: "needed-for-pending"; readonly node: string; readonly pod: string }
  | { readonly code: "agent-refused"; readonly node: string; readonly detail: string }
  // Why a pod is not demand, or has no place.
  | { readonly code: "pod-waits"; readonly ageMs: Millis; readonly needMs: Millis }
  | { readonly code: "pod-gated" }
  | { readonly code: "pod-nominated"; readonly node: string }
  | { readonly code: "pod-undecided" }
  | { readonly code: "pod-of-daemon-set" }
  | { readonly code: "pod-static" }
  | { readonly code: "pod-not-gpu" }
  | { readonly code: "pod-fits-existing"; readonly node: string }
  | { readonly code: "untolerated-taint"; readonly pool: string; readonly taint: string }
  | {
      readonly code: "selector-mismatch";
      readonly pool: string;
      readonly label: string;
      readonly wanted: string;
    }
  | {
      readonly code: "too-large";
      readonly pool: string;
      readonly resource: string;
      readonly wants: number;
      readonly nodeHas: number;
    }
  | { readonly code: "pool-not-usable"; readonly pool: string };

export type ReasonCode = Reason["code"];

/** How a reader should take it: an action, a normal state, or something an operator may have to change. */
export type Severity = "action" | "normal" | "attention";

export const REASON_SEVERITY = {
  "pending-pods": "action",
  "utilization-high": "action",
  "below-minimum": "action",
  interruption: "action",
  empty: "action",
  idle: "action",
  "lost-to-interruption": "action",
  "nothing-to-do": "normal",
  cooldown: "normal",
  "after-add": "normal",
  "at-maximum": "attention",
  "at-minimum": "normal",
  "rate-limit": "attention",
  "no-group": "attention",
  "group-missing": "attention",
  "size-unknown": "attention",
  "template-unknown": "attention",
  disabled: "normal",
  "policy-invalid": "attention",
  overlap: "attention",
  "not-synced": "normal",
  "move-in-flight": "normal",
  booting: "normal",
  "launch-overdue": "attention",
  "spot-disabled": "normal",
  "tier-disabled": "normal",
  "group-shared": "attention",
  malformed: "attention",
  "node-booting": "normal",
  "node-under-notice": "normal",
  "node-draining": "normal",
  "node-pinned": "normal",
  "node-not-removable": "attention",
  "empty-too-short": "normal",
  "idle-too-short": "normal",
  busy: "normal",
  "telemetry-unknown": "attention",
  "telemetry-stale": "attention",
  "telemetry-thin": "attention",
  "gpu-held": "normal",
  "pod-refuses": "normal",
  "pod-unmanaged": "normal",
  "pod-of-job": "normal",
  budget: "normal",
  "several-budgets": "attention",
  "fits-nowhere-else": "normal",
  "needed-for-utilization": "normal",
  "needed-for-pending": "normal",
  "agent-refused": "normal",
  "pod-waits": "normal",
  "pod-gated": "normal",
  "pod-nominated": "normal",
  "pod-undecided": "normal",
  "pod-of-daemon-set": "normal",
  "pod-static": "normal",
  "pod-not-gpu": "normal",
  "pod-fits-existing": "normal",
  "untolerated-taint": "attention",
  "selector-mismatch": "attention",
  "too-large": "attention",
  "pool-not-usable": "attention",
} as const satisfies Record<ReasonCode, Severity>;
