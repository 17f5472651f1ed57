// Why a pool moved, why it did not, why a pod has no place: a closed list of codes with their numbers.
// Decisions carry these as data; only coordinator/report/explain.ts turns them into sentences.

import type { NoticeSource } from "./interruption.ts";
import type { RivalKind } from "./rival.ts";
import type { EpochMs, Millis, Ratio } from "./units.ts";

export type Scope = "pool" | "policy" | "gpus";

/** What sizes a pool, so that a sentence can name the fields that say where its group is. */
export type PoolBackEnd = "aws" | "gcp" | "azure" | "scale" | "simulated";

/** What of a pool waits while something else sizes its group. */
export type RivalStops = "everything" | "removals" | "nothing";

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
  | {
      readonly code: "schedule";
      readonly schedule: string;
      readonly size: number;
      readonly minimum: number;
      readonly until: EpochMs;
    }
  | { readonly code: "headroom"; readonly name: string; readonly free: number; readonly wanted: number }
  | {
      readonly code: "forecast";
      readonly gpus: number;
      readonly wanted: number;
      readonly at: EpochMs;
      readonly confidence: Ratio;
    }
  | { readonly code: "probe"; readonly offering: string; readonly failures: number }
  | { readonly code: "tier-share"; readonly tier: string; readonly share: Ratio; readonly target: Ratio }
  | { readonly code: "on-demand-floor"; readonly gpus: number; readonly floor: number }
  // Why a pool shrinks.
  | { readonly code: "empty"; readonly node: string; readonly forMs: Millis }
  | { readonly code: "idle"; readonly node: string; readonly forMs: Millis; readonly threshold: Ratio }
  | { readonly code: "lost-to-interruption"; readonly node: string; readonly source: NoticeSource }
  | {
      readonly code: "movable";
      readonly node: string;
      readonly forMs: Millis;
      readonly savesUsdPerHour: number;
    }
  | { readonly code: "expired"; readonly node: string; readonly ageMs: Millis; readonly limitMs: Millis }
  | {
      readonly code: "rebalance";
      readonly node: string;
      readonly source: NoticeSource;
      readonly forMs: Millis;
    }
  | { readonly code: "node-not-ready"; readonly node: string; readonly forMs: Millis }
  | { readonly code: "gpu-unhealthy"; readonly node: string; readonly forMs: Millis; readonly detail: string }
  | { readonly code: "gpu-missing"; readonly node: string; readonly forMs: Millis; readonly limitMs: Millis }
  | {
      readonly code: "never-registered";
      readonly instance: string;
      readonly forMs: Millis;
      readonly limitMs: Millis;
    }
  | { readonly code: "machine-failed"; readonly instance: string; readonly detail: string }
  | {
      readonly code: "place-unfilled";
      readonly instance: string;
      readonly forMs: Millis;
      readonly limitMs: Millis;
    }
  | {
      readonly code: "return-to-spot";
      readonly node: string;
      readonly share: Ratio;
      readonly target: Ratio;
    }
  // Why a pool holds.
  | { readonly code: "nothing-to-do" }
  | { readonly code: "cooldown"; readonly direction: "up" | "down"; readonly leftMs: Millis }
  | { readonly code: "after-add"; readonly leftMs: Millis }
  | { readonly code: "after-remove"; readonly leftMs: Millis }
  | { readonly code: "at-maximum"; readonly scope: Scope; readonly maximum: number }
  | { readonly code: "at-minimum"; readonly scope: Scope; readonly minimum: number }
  // `group`: the bound that the group sets itself; the other number is ours.
  | { readonly code: "group-maximum"; readonly group: number; readonly maximum: number }
  | { readonly code: "group-minimum"; readonly group: number; readonly minimum: number }
  | { readonly code: "group-grows-itself"; readonly pool: string }
  | { readonly code: "group-refills"; readonly node: string }
  | {
      readonly code: "rival";
      readonly rival: RivalKind;
      readonly detail: string;
      /** What of the pool waits for it. */
      readonly stops: RivalStops;
      /** Until it is over, where time alone ends it. Absent: it ends when it is seen no more. */
      readonly leftMs?: Millis;
    }
  | {
      readonly code: "resized-by-hand";
      readonly from: number;
      readonly to: number;
      readonly agoMs: Millis;
      /** For how long a second time would hold the pool. */
      readonly leftMs: Millis;
    }
  | {
      readonly code: "rate-limit";
      readonly added: number;
      readonly allowed: number;
      readonly windowMs: Millis;
    }
  | { readonly code: "no-group" }
  | { readonly code: "group-missing"; readonly detail: string; readonly backEnd?: PoolBackEnd }
  | { readonly code: "size-unknown"; readonly detail: string }
  | { readonly code: "template-unknown" }
  | { readonly code: "disabled" }
  | { readonly code: "policy-invalid"; readonly problems: readonly string[] }
  | { readonly code: "overlap"; readonly node: string; readonly policies: readonly string[] }
  | { readonly code: "not-synced"; readonly missing: readonly string[] }
  | { readonly code: "memory-lost"; readonly leftMs: Millis }
  | { readonly code: "move-in-flight"; readonly key: string; readonly forMs: Millis }
  | { readonly code: "booting"; readonly nodes: number }
  | { readonly code: "launch-overdue"; readonly nodes: number; readonly forMs: Millis }
  | { readonly code: "spot-disabled" }
  | { readonly code: "tier-disabled"; readonly tier: string; readonly only: string }
  | { readonly code: "group-shared"; readonly pools: readonly string[] }
  | { readonly code: "instance-shared"; readonly instance: string; readonly pools: readonly string[] }
  | { readonly code: "malformed"; readonly what: string }
  | {
      readonly code: "no-capacity";
      readonly offering: string;
      readonly failures: number;
      readonly leftMs: Millis;
      readonly detail: string;
    }
  | {
      readonly code: "launch-timed-out";
      readonly offering: string;
      readonly failures: number;
      readonly leftMs: Millis;
    }
  | { readonly code: "quota"; readonly pool: string; readonly leftMs: Millis; readonly detail: string }
  | {
      readonly code: "not-permitted";
      readonly pool: string;
      readonly leftMs: Millis;
      readonly detail: string;
      readonly backEnd?: PoolBackEnd;
    }
  | {
      readonly code: "misconfigured";
      readonly pool: string;
      readonly leftMs: Millis;
      readonly detail: string;
      readonly backEnd?: PoolBackEnd;
    }
  | {
      readonly code: "provider-failing";
      readonly pool: string;
      readonly leftMs: Millis;
      readonly detail: string;
    }
  | { readonly code: "price-unknown"; readonly pool: string }
  | {
      readonly code: "over-price";
      readonly pool: string;
      readonly usdPerHour: number;
      readonly maximum: number;
    }
  | {
      readonly code: "cost-limit";
      readonly usdPerHour: number;
      readonly adds: number;
      readonly maximum: number;
    }
  | { readonly code: "cost-unknown"; readonly pool: string; readonly maximum: number }
  | { readonly code: "schedule-cap"; readonly schedule: string; readonly maximum: number }
  | {
      readonly code: "long-window";
      readonly schedule: string;
      readonly opens: EpochMs;
      readonly hours: number;
    }
  | {
      readonly code: "interruption-rate";
      readonly perNodeDay: number;
      readonly limit: number;
      readonly spotTarget: Ratio;
      readonly until: EpochMs;
    }
  | { readonly code: "stabilizing"; readonly direction: "up" | "down"; readonly leftMs: Millis }
  | {
      readonly code: "behavior-limit";
      readonly direction: "up" | "down";
      readonly allowed: number;
      /** Until its policies allow more; absent: not known. */
      readonly leftMs?: Millis;
    }
  | { readonly code: "behavior-disabled"; readonly direction: "up" | "down" }
  | { readonly code: "frozen" }
  | {
      readonly code: "disruption-budget";
      readonly leaving: number;
      readonly allowed: number;
      readonly disruption: string;
    }
  | {
      readonly code: "removal-rate";
      readonly removed: number;
      readonly allowed: number;
      readonly windowMs: Millis;
    }
  | {
      readonly code: "too-many-unhealthy";
      readonly unhealthy: number;
      readonly nodes: number;
      readonly percent: number;
    }
  | { readonly code: "health-report-only"; readonly node: string; readonly detail: string }
  | { readonly code: "rebalance-hint"; readonly node: string; readonly setting: string }
  | {
      readonly code: "rebalance-waits";
      readonly node: string;
      readonly begun: number;
      readonly allowed: number;
      /** Until the oldest of them counts no longer; 0: it is not done. */
      readonly leftMs: Millis;
    }
  | {
      readonly code: "rebalance-seldom-true";
      readonly node: string;
      readonly followed: number;
      readonly hints: number;
    }
  | {
      readonly code: "maintenance-hint";
      readonly node: string;
      readonly action: string;
      /** Absent: nobody knows when. */
      readonly begins?: EpochMs;
      /** Whether the machine does not live through it. Absent: not known. */
      readonly endsMachine?: boolean;
    }
  | {
      readonly code: "gpu-type-differs";
      readonly pool: string;
      readonly wanted: string;
      readonly node: string;
      readonly seen: string;
    }
  | { readonly code: "work-exhausted"; readonly pods: number; readonly units: number }
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
  | { readonly code: "return-waits"; readonly node: string; readonly pod: string }
  | {
      readonly code: "needed-for-utilization";
      readonly node: string;
      readonly meanAfter: Ratio;
      readonly threshold: Ratio;
    }
  | { readonly code: "needed-for-pending"; readonly node: string; readonly pod: string }
  | { readonly code: "agent-refused"; readonly node: string; readonly detail: string }
  | {
      readonly code: "movable-too-short";
      readonly node: string;
      readonly forMs: Millis;
      readonly needMs: Millis;
    }
  | { readonly code: "not-cheaper"; readonly node: string }
  | { readonly code: "reserved-paid"; readonly node: string }
  | {
      readonly code: "tier-floor";
      readonly node: string;
      readonly gpusAfter: number;
      readonly floor: number;
    }
  | { readonly code: "needed-for-headroom"; readonly node: string; readonly name: string }
  | {
      readonly code: "needed-for-floor";
      readonly node: string;
      readonly floor: string;
      readonly minimum: number;
    }
  | { readonly code: "gang-member"; readonly node: string; readonly pod: string; readonly gang: string }
  | { readonly code: "pod-local-storage"; readonly node: string; readonly pod: string }
  | { readonly code: "pod-of-system"; readonly node: string; readonly pod: string }
  | { readonly code: "node-overlap"; readonly node: string; readonly policies: readonly string[] }
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
  | { readonly code: "pod-expendable"; readonly priority: number; readonly cutoff: number }
  | { readonly code: "pod-ends"; readonly pod: string }
  | { readonly code: "pod-has-successor"; readonly owner: string }
  | { readonly code: "claims-not-understood"; readonly claim: string }
  | { readonly code: "provisioning-request"; readonly name: string }
  | { readonly code: "volume-missing"; readonly claim: string }
  | { readonly code: "volume-unbound"; readonly claim: string }
  | { readonly code: "volume-lost"; readonly claim: string }
  | { readonly code: "gang-incomplete"; readonly gang: string; readonly have: number; readonly need: number }
  | { readonly code: "gang-does-not-fit"; readonly gang: string; readonly need: number; readonly pod: string }
  | { readonly code: "outranked"; readonly priority: number }
  | { readonly code: "left-for-next" }
  // Why a pod does not fit on a node or in a pool.
  | { readonly code: "affinity-mismatch"; readonly pool: string; readonly term: string }
  | {
      readonly code: "no-such-resource";
      readonly pool: string;
      readonly resource: string;
      readonly wants: number;
      readonly has: readonly string[];
    }
  | {
      readonly code: "system-reserved";
      readonly pool: string;
      readonly resource: string;
      readonly wants: number;
      readonly allocatable: number;
      readonly capacity: number;
    }
  | {
      readonly code: "daemon-overhead";
      readonly pool: string;
      readonly resource: string;
      readonly wants: number;
      readonly nodeHas: number;
      readonly daemons: number;
    }
  | {
      readonly code: "mig-geometry";
      readonly pool: string;
      readonly profile: string;
      readonly wants: number;
      readonly most: number;
    }
  | {
      readonly code: "gpus-per-node";
      readonly pool: string;
      readonly wants: number;
      readonly nodeHas: number;
    }
  | {
      readonly code: "gpu-model-differs";
      readonly pool: string;
      readonly wants: string;
      readonly has: string;
    }
  | { readonly code: "host-port-taken"; readonly pool: string; readonly port: string }
  | {
      readonly code: "volume-zone";
      readonly pool: string;
      readonly claim: string;
      readonly zones: readonly string[];
    }
  | { readonly code: "volume-limit"; readonly pool: string; readonly driver: string; readonly limit: number }
  | { readonly code: "pod-affinity"; readonly pool: string; readonly term: string }
  | {
      readonly code: "pod-anti-affinity";
      readonly pool: string;
      readonly term: string;
      readonly with: string;
    }
  | {
      readonly code: "topology-spread";
      readonly pool: string;
      readonly key: string;
      /** Empty: the node has no such label, so it is in none. */
      readonly domain: string;
      readonly skew: number;
      readonly maxSkew: number;
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
  "after-remove": "normal",
  "at-maximum": "attention",
  "at-minimum": "normal",
  "group-maximum": "attention",
  "group-minimum": "attention",
  "group-grows-itself": "normal",
  "group-refills": "normal",
  rival: "attention",
  "resized-by-hand": "normal",
  "rate-limit": "attention",
  "no-group": "attention",
  "group-missing": "attention",
  "size-unknown": "attention",
  "template-unknown": "attention",
  disabled: "normal",
  "policy-invalid": "attention",
  overlap: "attention",
  "not-synced": "normal",
  "memory-lost": "attention",
  "move-in-flight": "normal",
  booting: "normal",
  "launch-overdue": "attention",
  "spot-disabled": "normal",
  "tier-disabled": "normal",
  "group-shared": "attention",
  "instance-shared": "attention",
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
  "return-waits": "normal",
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
  schedule: "action",
  headroom: "action",
  forecast: "action",
  probe: "action",
  "tier-share": "normal",
  "on-demand-floor": "action",
  movable: "action",
  expired: "action",
  rebalance: "action",
  "node-not-ready": "action",
  "gpu-unhealthy": "action",
  "gpu-missing": "action",
  "never-registered": "action",
  "machine-failed": "action",
  "place-unfilled": "action",
  "return-to-spot": "action",
  "no-capacity": "attention",
  "launch-timed-out": "attention",
  quota: "attention",
  "not-permitted": "attention",
  misconfigured: "attention",
  "provider-failing": "attention",
  "price-unknown": "attention",
  "over-price": "attention",
  "cost-limit": "attention",
  "cost-unknown": "attention",
  "schedule-cap": "normal",
  "long-window": "attention",
  "interruption-rate": "attention",
  stabilizing: "normal",
  "behavior-limit": "normal",
  "behavior-disabled": "normal",
  frozen: "attention",
  "disruption-budget": "normal",
  "removal-rate": "attention",
  "too-many-unhealthy": "attention",
  "health-report-only": "attention",
  "rebalance-hint": "attention",
  "rebalance-waits": "attention",
  "rebalance-seldom-true": "normal",
  "maintenance-hint": "attention",
  "gpu-type-differs": "attention",
  "work-exhausted": "attention",
  "movable-too-short": "normal",
  "not-cheaper": "normal",
  "reserved-paid": "normal",
  "tier-floor": "normal",
  "needed-for-headroom": "normal",
  "needed-for-floor": "normal",
  "gang-member": "normal",
  "pod-local-storage": "normal",
  "pod-of-system": "normal",
  "node-overlap": "attention",
  "pod-expendable": "normal",
  "pod-ends": "normal",
  "pod-has-successor": "normal",
  "claims-not-understood": "attention",
  "provisioning-request": "attention",
  "volume-missing": "attention",
  "volume-unbound": "attention",
  "volume-lost": "attention",
  "gang-incomplete": "normal",
  "gang-does-not-fit": "attention",
  outranked: "normal",
  "left-for-next": "normal",
  "affinity-mismatch": "attention",
  "no-such-resource": "attention",
  "system-reserved": "attention",
  "daemon-overhead": "attention",
  "mig-geometry": "attention",
  "gpus-per-node": "attention",
  "gpu-model-differs": "attention",
  "host-port-taken": "attention",
  "volume-zone": "attention",
  "volume-limit": "attention",
  "pod-affinity": "attention",
  "pod-anti-affinity": "attention",
  "topology-spread": "attention",
} as const satisfies Record<ReasonCode, Severity>;
