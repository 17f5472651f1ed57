// Nodes for tests of decisions: eight GPUs, up for a day, in pool "spot", with an agent that has not reported unless
// the test says what it reports.

import type { NodeInput, ReportDigest, Telemetry } from "../../coordinator/decide/snapshot.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs, ratio } from "../../shared/model/units.ts";
import { NOW } from "./now.ts";

export interface NodeOptions {
  /** Null: no pool label. */
  readonly pool?: string | null;
  readonly gpus?: number;
  readonly cpu?: number;
  readonly ageMs?: number;
  readonly ready?: NodeInput["ready"];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly taints?: NodeInput["taints"];
  readonly unschedulable?: boolean;
  readonly telemetry?: Telemetry;
  readonly drainState?: NodeInput["drainState"];
  readonly drainRequest?: NodeInput["drainRequest"];
}

export function node(name: string, options: NodeOptions = {}): NodeInput {
  const { pool = "spot", gpus = 8, cpu = 96_000, ageMs = 86_400_000 } = options;
  return {
    name,
    labels: {
      [NODE_LABEL.hostname]: name,
      ...(pool === null ? {} : { [NODE_LABEL.pool]: pool }),
      ...options.labels,
    },
    annotations: options.annotations ?? {},
    taints: options.taints ?? [],
    unschedulable: options.unschedulable ?? false,
    ready: options.ready ?? "ready",
    createdAt: epochMs(NOW - ageMs),
    allocatable: { cpu, memory: 1000 * 2 ** 30, pods: 110, ...(gpus > 0 ? { "nvidia.com/gpu": gpus } : {}) },
    drainState: options.drainState ?? { kind: "none" },
    drainRequest: options.drainRequest ?? { kind: "none" },
    telemetry: options.telemetry ?? { kind: "unknown", because: "never-reported", detail: "no report yet" },
  };
}

export interface ReportOptions {
  readonly gpus?: number;
  readonly mean?: number | null;
  readonly ageMs?: number;
  readonly at?: number;
  readonly busiest?: number | null;
  readonly peak?: number | null;
  readonly coverage?: number;
  readonly since?: readonly ReportDigest[];
}

/** What an agent last said; `mean` for every GPU. */
export function reported(options: ReportOptions = {}): Telemetry {
  const { gpus = 8, mean = 0, ageMs = 2_000, at = NOW } = options;
  return {
    kind: "reported",
    receivedAt: epochMs(at - ageMs),
    gpus: Array.from({ length: gpus }, (_, index) => ({
      uuid: `GPU-${index}`,
      mean60: mean === null ? null : ratio(mean),
    })),
    since: options.since ?? [digest(at - ageMs, options)],
  };
}

export function digest(
  at: number,
  options: Pick<ReportOptions, "busiest" | "peak" | "coverage" | "mean"> = {},
): ReportDigest {
  const { busiest = options.mean ?? 0, peak = busiest, coverage = 1 } = options;
  return {
    at: epochMs(at),
    busiest: busiest === null ? null : ratio(busiest),
    peak: peak === null ? null : ratio(peak),
    coverage: ratio(coverage),
  };
}

export function drainState(options: Partial<DrainState> = {}): NodeInput["drainState"] {
  return {
    kind: "value",
    value: {
      v: 1,
      id: "drain-1",
      cause: "request",
      source: "coordinator",
      phase: "started",
      replace: false,
      cordonedByUs: true,

      seenAt: NOW,
      deadline: NOW + 600_000,
      ...options,
    },
  };
}
