// The lines of a scenario file that describe one GPU or one MIG instance. Which words the double knows is written
// in keys.def; a key that it does not know ends its process, so nothing is checked twice here.

import { VALUE_TYPES } from "./scenario-gpu.ts";
import type { ScenarioField, ScenarioGpu, ScenarioInstance, ScenarioProcess, Value } from "./scenario-gpu.ts";

type Line = string | Buffer;

/** `prefix` names the GPU or instance: `gpu0.` or `gpu0.mig2.`. */
export function gpuLines(prefix: string, gpu: ScenarioGpu): Line[] {
  const { mig, ...own } = gpu;
  const lines = entityLines(prefix, own);
  if (mig === undefined) return lines;
  const { instances = [], ...state } = mig;
  lines.push(...valueLines(`${prefix}mig_`, state));
  for (const [at, instance] of instances.entries())
    lines.push(...entityLines(`${prefix}mig${at}.`, instance));
  return lines;
}

function entityLines(prefix: string, entity: ScenarioGpu | ScenarioInstance): Line[] {
  const { name, gpm = {}, processes = [], fields = {}, ...rest } = entity;
  const lines: Line[] = [];
  if (name !== undefined) lines.push(Buffer.concat([Buffer.from(`${prefix}name `), Buffer.from(name)]));
  lines.push(...valueLines(prefix, rest));
  for (const [id, value] of Object.entries(gpm))
    lines.push(`${prefix}gpm ${id} ${isCode(value) ? `${value.code} 0` : `0 ${valueText(value)}`}`);
  for (const [id, field] of Object.entries(fields))
    for (const one of [field].flat()) lines.push(`${prefix}field ${id} ${fieldText(one)}`);
  for (const process of processes) lines.push(`${prefix}process ${processText(process)}`);
  return lines;
}

/** Plain values and one level of groups, in the order in which they are written. */
function valueLines(prefix: string, values: object): string[] {
  return Object.entries(values).flatMap(([key, value]: [string, unknown]) => {
    const word = `${prefix}${snake(key)}`;
    if (value === undefined) return [];
    if (typeof value === "string") return [`${word} ${value}`];
    if (typeof value === "boolean") return [`${word} ${Number(value)}`];
    if (isValue(value)) return [`${word} ${valueText(value)}`];
    return typeof value === "object" && value !== null ? valueLines(`${word}_`, value) : [];
  });
}

function snake(key: string): string {
  return key.replaceAll(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

function isValue(value: unknown): value is Value {
  if (typeof value === "number") return true;
  return (
    typeof value === "object" &&
    value !== null &&
    ["ramp", "rate", "seq", "cycle"].some((shape) => shape in value)
  );
}

function isCode(value: Value | { readonly code: number }): value is { readonly code: number } {
  return typeof value === "object" && "code" in value;
}

function valueText(value: Value): string {
  if (typeof value === "number") return String(value);
  if ("ramp" in value) return `ramp ${value.ramp.from} ${value.ramp.to} ${value.ramp.seconds}`;
  if ("rate" in value) return `rate ${value.rate.from} ${value.rate.perSecond}`;
  return "seq" in value ? `seq ${value.seq.join(",")}` : `cycle ${value.cycle.join(",")}`;
}

function fieldText({ type, filled = type, value, code = 0, scope }: ScenarioField): string {
  return `${scope ?? "*"} ${VALUE_TYPES[type]} ${VALUE_TYPES[filled]} ${code} ${valueText(value)}`;
}

function processText(process: ScenarioProcess): string {
  const { pid, memoryMib, kind, gi = -1, ci = -1, sm = 0, memory = 0, encoder = 0, decoder = 0 } = process;
  return `${pid} ${memoryMib ?? -1} ${kind} ${gi} ${ci} ${sm} ${memory} ${encoder} ${decoder}`;
}
