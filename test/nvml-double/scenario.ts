// Writes scenario files of the NVML double from typed values. The format, and what each line makes the double
// do, is described in scenario.c. A file is replaced by rename, so the double never reads half of one.

import { renameSync, writeFileSync } from "node:fs";

import type { CallName } from "../../agent/sample/nvml/calls.ts";

/** A number, or numbers over time; below 0 stands for the driver's "not available" (not for temperatures). */
export type Value =
  | number
  | { readonly ramp: { readonly from: number; readonly to: number; readonly seconds: number } }
  /** One for each call; the last one stays. */
  | { readonly seq: readonly number[] }
  | { readonly cycle: readonly number[] };

/** What a GPU is not given, its calls answer with NOT_SUPPORTED; who it is has defaults by index. */
export interface ScenarioGpu {
  readonly uuid?: string;
  /** Bytes, for names that are not UTF-8. */
  readonly name?: string | Uint8Array;
  /** 0000:3b:00.0 */
  readonly busId?: string;
  readonly memoryTotalMib?: Value;
  readonly memoryUsedMib?: Value;
  /** What the driver keeps for itself: apart in the newer memory call, part of `used` in the older one. */
  readonly memoryReservedMib?: Value;
  readonly utilPercent?: Value;
  readonly temperatureC?: Value;
  readonly powerMw?: Value;
  /** Off the bus: every call on it answers 15. */
  readonly lost?: boolean;
}

interface Where {
  /** "*" is every call but init, shutdown and error text. */
  readonly call: CallName | "*";
  /** Every GPU, and calls that concern none, when not given. */
  readonly gpu?: number;
  /** Matching calls that pass untouched first. */
  readonly after?: number;
  /** Matching calls that are touched; all when not given. */
  readonly times?: number;
}

export type Rule =
  | (Where & { readonly kind: "ret"; readonly code: number })
  | (Where & { readonly kind: "delay"; readonly us: number })
  /** As `delay`, burning CPU: what a call into a driver does. */
  | (Where & { readonly kind: "busy"; readonly us: number })
  /** Does not return until a scenario without the rule is written. */
  | (Where & { readonly kind: "hang" });

export interface Scenario {
  readonly driver?: string;
  /** What nvmlInit_v2 answers; 0 when not given. */
  readonly init?: number;
  /** How long a change may go unseen; 0 for tests that must not wait, -1 for never. 50 when not given. */
  readonly recheckMs?: number;
  readonly gpus: readonly ScenarioGpu[];
  readonly rules?: readonly Rule[];
}

/** Synchronous, so that two writes of one file cannot overtake each other. */
export function writeScenario(path: string, scenario: Scenario): void {
  const next = `${path}.${process.pid}.next`;
  writeFileSync(next, formatScenario(scenario));
  renameSync(next, path);
}

export function formatScenario(scenario: Scenario): Buffer {
  const head = [`driver ${scenario.driver ?? "580.95.05"}`, `init ${scenario.init ?? 0}`];
  if (scenario.recheckMs !== undefined) head.push(`recheck_ms ${scenario.recheckMs}`);
  const lines: (string | Buffer)[] = [...head, `gpus ${scenario.gpus.length}`];
  for (const [index, gpu] of scenario.gpus.entries()) {
    if (gpu.name !== undefined)
      lines.push(Buffer.concat([Buffer.from(`gpu${index}.name `), Buffer.from(gpu.name)]));
    lines.push(...gpuLines(gpu).map((line) => `gpu${index}.${line}`));
  }
  lines.push(...(scenario.rules ?? []).map(ruleLine));
  return Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
}

function gpuLines(gpu: ScenarioGpu): string[] {
  const lines: string[] = [];
  if (gpu.uuid !== undefined) lines.push(`uuid ${gpu.uuid}`);
  if (gpu.busId !== undefined) lines.push(`bus_id ${gpu.busId}`);
  const values = {
    memory_total_mib: gpu.memoryTotalMib,
    memory_used_mib: gpu.memoryUsedMib,
    memory_reserved_mib: gpu.memoryReservedMib,
    util: gpu.utilPercent,
    temperature_c: gpu.temperatureC,
    power_mw: gpu.powerMw,
  };
  for (const [key, value] of Object.entries(values))
    if (value !== undefined) lines.push(`${key} ${valueText(value)}`);
  if (gpu.lost === true) lines.push("lost 1");
  return lines;
}

function valueText(value: Value): string {
  if (typeof value === "number") return String(value);
  if ("ramp" in value) return `ramp ${value.ramp.from} ${value.ramp.to} ${value.ramp.seconds}`;
  return "seq" in value ? `seq ${value.seq.join(",")}` : `cycle ${value.cycle.join(",")}`;
}

const RULE_WORDS = { ret: "ret", delay: "delay_us", busy: "busy_us", hang: "hang" } as const;

function ruleLine(rule: Rule): string {
  const gpu = rule.gpu === undefined ? "*" : `gpu${rule.gpu}`;
  const number = rule.kind === "ret" ? ` ${rule.code}` : rule.kind === "hang" ? "" : ` ${rule.us}`;
  const after = rule.after === undefined ? "" : ` after ${rule.after}`;
  const times = rule.times === undefined ? "" : ` for ${rule.times}`;
  return `${RULE_WORDS[rule.kind]} ${rule.call} ${gpu}${number}${after}${times}`;
}
