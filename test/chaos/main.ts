// `npm run soak -- chaos --seed N [--minutes M]`: chaos in real time, half an hour of it unless told otherwise. A failure
// prints what was broken and the faults, and is played again and cut down to the shortest list that still fails.
// `--faults FILE` plays a list that was kept; `--cluster` plays on a real control plane, `--hours H` in virtual time; `--keep DIR`
// keeps what was found.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { describe } from "../../shared/runtime/errors.ts";
import { clusterFaults, runCluster } from "./cluster/run.ts";
import { faultText } from "./fault.ts";
import type { Fault } from "./fault.ts";
import { manyHours, shrunkHours } from "./hours/many.ts";
import { liveFaults, runLive } from "./live/run.ts";
import type { LiveRun } from "./live/run.ts";
import { shrink } from "./shrink.ts";

const LIVE = { name: "world", draw: liveFaults, run: runLive };
const CLUSTER = { name: "cluster", draw: clusterFaults, run: runCluster };
const MINUTES = 30;
/** Each trial takes as long as the failure took to come, and then the rest. */
const TRIALS = 24;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(describe(error));
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: args.filter((arg) => arg !== "chaos"),
    options: {
      seed: { type: "string", default: "1" },
      minutes: { type: "string", default: String(MINUTES) },
      hours: { type: "string" },
      faults: { type: "string" },
      keep: { type: "string" },
      cluster: { type: "boolean", default: false },
      shrink: { type: "boolean", default: true },
    },
    allowNegative: true,
  });
  const seed = whole("--seed", values.seed);
  if (values.hours !== undefined) return await hours(seed, whole("--hours", values.hours));
  const minutes = number("--minutes", values.minutes);
  const stage = values.cluster ? CLUSTER : LIVE;
  const faults =
    values.faults === undefined
      ? stage.draw(seed, minutes)
      : (JSON.parse(readFileSync(values.faults, "utf8")) as readonly Fault[]);
  console.error(`chaos: seed ${seed}, ${minutes} minutes, ${faults.length} faults`);
  const run = await stage.run(seed, minutes, faults, (line) => console.error(line));
  if (values.keep !== undefined) keep(values.keep, `${stage.name}-${seed}`, run);
  console.log(summary(run));
  const [first] = run.violations;
  if (first === undefined) return 0;
  for (const { invariant, at, detail } of run.violations)
    console.log(`${(at / 1000).toFixed(1)} s: ${invariant}: ${detail}`);
  console.log(
    `again: npm run soak -- chaos${values.cluster ? " --cluster" : ""} --seed ${seed} --minutes ${minutes}`,
  );
  if (!values.shrink) return 1;

  // What came after the first violation did not bring it about.
  const before = faults.filter(({ at }) => at <= first.at);
  const least = Math.min(minutes, first.at / 60_000 + 0.5);
  const { left, shortest } = await shrink(
    before,
    async (part) => {
      const again = await stage.run(seed, least, part);
      console.error(`shrinking: ${part.length} faults: ${again.violations.length} violations`);
      return again.violations.some(({ invariant }) => invariant === first.invariant);
    },
    { trials: TRIALS },
  );
  tellShortest(left, shortest);
  return 1;
}

async function hours(seed: number, wanted: number): Promise<number> {
  const say = (line: string): void => console.error(line);
  const done = await manyHours({ hours: wanted, seed, say });
  const { hours: all, faults, tookS, seeds, failed } = done;
  console.log(
    `chaos: ${all.toFixed(0)} hours in ${tookS.toFixed(0)} s (${(all / tookS).toFixed(1)} a second), seeds ${seeds.join(" to ")}, ${faults} faults, ${failed.length} runs with violations`,
  );
  const [first] = failed;
  const [violation] = first?.violations ?? [];
  if (first === undefined || violation === undefined) return 0;
  const { faults: left, shortest } = await shrunkHours(first.seed, violation.invariant);
  console.log(`seed ${first.seed}: ${violation.invariant}: ${violation.detail}`);
  tellShortest(left, shortest);
  return 1;
}

function tellShortest(left: readonly Fault[], shortest: boolean): void {
  if (left.length === 0) console.log("it fails without any fault as well");
  else console.log(`the shortest list that still fails${shortest ? "" : ", as far as it was tried"}:`);
  for (const fault of left) console.log(faultText(fault));
}

function summary({
  seed,
  minutes,
  faults,
  violations,
  recoveryMs,
  restarts,
  calls,
  entries,
}: LiveRun): string {
  const count = (kind: string): number => entries.filter((entry) => entry.kind === kind).length;
  const rest =
    recoveryMs === null ? "did not come to rest" : `at rest ${(recoveryMs / 1000).toFixed(1)} s later`;
  return `chaos: seed ${seed}, ${minutes} minutes, ${faults.length} faults, ${count("write")} writes at groups, ${count("launch")} machines, ${count("notice")} notices, ${count("evicted")} evictions, ${restarts} coordinators started again, ${calls} calls: ${violations.length} violations, ${rest}`;
}

/** For report.ts. */
function keep(dir: string, name: string, run: LiveRun): void {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify({ ...run, at: new Date().toISOString() })}\n`);
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`${name} must be a number above 0, got ${JSON.stringify(text)}`);
  return value;
}

function whole(name: string, text: string): number {
  const value = number(name, text);
  if (!Number.isInteger(value)) throw new RangeError(`${name} must be a whole number, got ${text}`);
  return value;
}
