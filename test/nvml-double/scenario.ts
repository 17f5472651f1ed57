// Writes scenario files of the NVML double from typed values. The format, and what each line makes the double
// do, is described in parse.c. A file is replaced by rename, so the double never reads half of one.

import { renameSync, writeFileSync } from "node:fs";

import type { CallName } from "../../agent/sample/nvml/calls.ts";
import type { ScenarioGpu } from "./scenario-gpu.ts";
import { gpuLines } from "./scenario-lines.ts";

export type { ScenarioField, ScenarioGpu, ScenarioInstance, ScenarioProcess, Value } from "./scenario-gpu.ts";

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

/** Happens once, `afterMs` after the scenario was read; seen only by sets that were registered for it before. */
export interface ScenarioEvent {
  readonly afterMs: number;
  readonly gpu: number;
  /** One bit of the driver's event types; 0x8 is an XID. */
  readonly type: number;
  /** The number of the XID. */
  readonly data?: number;
  /** None when not given. */
  readonly gi?: number;
  readonly ci?: number;
}

export interface Scenario {
  readonly driver?: string;
  readonly nvmlVersion?: string;
  /** 13000 for 13.0. */
  readonly cudaVersion?: number;
  /** What nvmlInit_v2 answers; 0 when not given. */
  readonly init?: number;
  /** The driver is gone: init answers 9, every other call 1 until the driver is back and init was called again. */
  readonly unloaded?: boolean;
  /** How long a change may go unseen; 0 for tests that must not wait, -1 for never. 50 when not given. */
  readonly recheckMs?: number;
  /** Ends the process when the library's rules are broken; see strict.test.ts. */
  readonly strict?: boolean;
  /** Structs come back with a number for each member that follows from its name; see pattern.test.ts. */
  readonly pattern?: boolean;
  /**
   * Where the throttle times stand: 251 to 253 (early) or 269 to 271 (late). Late from branch 580 on when not given,
   * as in 580.82 and later; 580.65 has them early.
   */
  readonly throttleFields?: "early" | "late";
  /** In a batch of more entries than this, those of ids 187 to 196 and 251 to 288 stay as the caller left them. */
  readonly untouchedFieldsOver?: number;
  /** MIG handles of instances that are gone stand for the new ones, instead of being refused. */
  readonly reuseMigHandles?: boolean;
  /** XIDs that this driver does not report. */
  readonly dropsXids?: readonly number[];
  readonly gpus: readonly ScenarioGpu[];
  readonly rules?: readonly Rule[];
  readonly events?: readonly ScenarioEvent[];
}

/** Synchronous, so that two writes of one file cannot overtake each other. */
export function writeScenario(path: string, scenario: Scenario): void {
  const next = `${path}.${process.pid}.next`;
  writeFileSync(next, formatScenario(scenario));
  renameSync(next, path);
}

export function formatScenario(scenario: Scenario): Buffer {
  const lines: (string | Buffer)[] = headLines(scenario);
  for (const [index, gpu] of scenario.gpus.entries()) lines.push(...gpuLines(`gpu${index}.`, gpu));
  for (const rule of scenario.rules ?? []) lines.push(ruleLine(rule));
  for (const event of scenario.events ?? []) lines.push(eventLine(event));
  return Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
}

function headLines(scenario: Scenario): string[] {
  const lines = [`driver ${scenario.driver ?? "580.95.05"}`, `init ${scenario.init ?? 0}`];
  const given = {
    nvml_version: scenario.nvmlVersion,
    cuda_version: scenario.cudaVersion,
    unloaded: scenario.unloaded,
    recheck_ms: scenario.recheckMs,
    strict: scenario.strict,
    pattern: scenario.pattern,
    throttle_fields: scenario.throttleFields,
    untouched_fields_over: scenario.untouchedFieldsOver,
    reuse_mig_handles: scenario.reuseMigHandles,
  };
  for (const [word, value] of Object.entries(given))
    if (value !== undefined) lines.push(`${word} ${typeof value === "boolean" ? Number(value) : value}`);
  for (const xid of scenario.dropsXids ?? []) lines.push(`drops_xid ${xid}`);
  return [...lines, `gpus ${scenario.gpus.length}`];
}

const RULE_WORDS = { ret: "ret", delay: "delay_us", busy: "busy_us", hang: "hang" } as const;

function ruleLine(rule: Rule): string {
  const gpu = rule.gpu === undefined ? "*" : `gpu${rule.gpu}`;
  const number = rule.kind === "ret" ? ` ${rule.code}` : rule.kind === "hang" ? "" : ` ${rule.us}`;
  const after = rule.after === undefined ? "" : ` after ${rule.after}`;
  const times = rule.times === undefined ? "" : ` for ${rule.times}`;
  return `${RULE_WORDS[rule.kind]} ${rule.call} ${gpu}${number}${after}${times}`;
}

function eventLine({ afterMs, gpu, type, data = 0, gi = -1, ci = -1 }: ScenarioEvent): string {
  return `event ${afterMs} gpu${gpu} ${type} ${data} ${gi} ${ci}`;
}
