// `npm run backtest -- [--traces DIR] [--plan FILE] [--json FILE]`: every row of the protocol, on a folder of traces. Without
// --traces the slices in test/traces are played, by a plan of their own. --offsets N plays at most N offsets of each row,
// --quick three, --pairs A,B only these; --report FILE writes the page. What was played before is kept in --cache DIR and not
// played again while the code behind it, what the plan says to it, policy and traces are the same.

import { writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { aimsOf } from "./aims.ts";
import { aloneLines, gpuTypeTables } from "./beside.ts";
import { playAll } from "./crew.ts";
import { fingerprintOf, openKept } from "./kept.ts";
import { loadMaterial } from "./material.ts";
import { readPlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { readPattern } from "./policies.ts";
import { createProgress } from "./progress.ts";
import { pageOf } from "./report.ts";
import { readExpected, selfChecks } from "./self-checks.ts";
import type { Material } from "./setting.ts";
import { tablesOf } from "./tables.ts";
import { groupsOf, nameOf, tasksOf } from "./tasks.ts";
import type { Result, Task } from "./tasks.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const OWN_TRACES = here("../traces");
const QUICK_OFFSETS = 3;

const { values } = parseArgs({
  options: {
    traces: { type: "string" },
    plan: { type: "string" },
    policy: { type: "string", default: here("../../deploy/examples/backtest/policy.yaml") },
    json: { type: "string" },
    report: { type: "string" },
    cache: { type: "string", default: join(tmpdir(), "gpu-autoscaler-backtest") },
    offsets: { type: "string" },
    pairs: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    quick: { type: "boolean", default: false },
  },
});

try {
  await backtest();
} catch (error) {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = 1;
}

async function backtest(): Promise<void> {
  const folder = values.traces ?? OWN_TRACES;
  const planFile = values.plan ?? here(values.traces === undefined ? "plan-slices.json" : "plan.json");
  const whole = readPlan(planFile);
  const { plan, materials, notes } = playable(folder, chosen(whole, values.pairs));
  if (Object.keys(plan.pairs).length === 0)
    throw new AppError("bad-input", `${folder}: nothing of ${planFile} can be played: ${notes.join("; ")}`);
  const offsets = values.quick ? QUICK_OFFSETS : positive("offsets", values.offsets ?? String(Infinity));
  const groups = groupsOf(plan, { offsets });
  const alone = aloneLines(plan, materials, offsets);
  const gpuTypes = gpuTypeTables(folder, plan, materials);
  const checks =
    plan.expected === undefined
      ? []
      : selfChecks(folder, readExpected(join(dirname(planFile), plan.expected)));
  const pattern = readPattern(values.policy);
  const kept = openKept(values.cache, fingerprintOf({ entry: here("worker.ts"), pattern, data: folder }));

  const tasks = [...new Map(groups.flatMap(tasksOf).map((task) => [nameOf(task), task])).values()];
  const open = tasks.filter((task) => kept.of(task) === null);
  const progress = createProgress(open.length, {
    now: () => performance.now(),
    write: (text) => process.stderr.write(text),
  });
  progress.begin(`${tasks.length} runs, ${tasks.length - open.length} of them kept in ${kept.path}`);
  await playAll(open, {
    threads: positive("threads", values.threads),
    input: { folder, plan: whole, pattern },
    onResult: (task, result) => {
      kept.put(task, result);
      progress.played(nameOf(task));
    },
  });

  const resultOf = (task: Task): Result => {
    const found = kept.of(task);
    if (found === null) throw new AppError("bug", `${nameOf(task)} was not played`);
    return found;
  };
  const tables = tablesOf(plan, groups, resultOf);
  const report = {
    command: commandOf(),
    traces:
      values.traces === undefined
        ? "the slices in test/traces"
        : `the folder given by --traces (${basename(folder)})`,
    policy: "deploy/examples/backtest/policy.yaml",
    days: Object.fromEntries(
      Object.entries(plan.pairs).map(([name, { days }]) => [
        name,
        `${days} days, the first ${plan.warmInDays} to warm in`,
      ]),
    ),
    aims: aimsOf(tables, alone),
    selfChecks: checks,
    tables,
    alone,
    gpuTypes,
    notes: [...new Set([...notes, ...tasks.flatMap((task) => resultOf(task).notes)])],
  };
  const page = pageOf(report);
  if (values.report === undefined) process.stdout.write(page);
  else writeFileSync(values.report, page);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, rounded, 2)}\n`);
}

/** Pairs of which the folder has both parts; the others are named. */
function playable(folder: string, plan: Plan) {
  const notes: string[] = [];
  const materials = new Map<string, Material>();
  for (const name of Object.keys(plan.pairs)) {
    const loaded = loadMaterial(folder, plan, name);
    notes.push(...loaded.notes);
    if (loaded.material !== null) materials.set(name, loaded.material);
  }
  const pairs = Object.entries(plan.pairs).filter(([name]) => materials.has(name));
  return { plan: withPairs(plan, pairs), materials, notes };
}

function chosen(plan: Plan, names: string | undefined): Plan {
  if (names === undefined) return plan;
  const wanted = names.split(",");
  const unknown = wanted.find((name) => !(name in plan.pairs));
  if (unknown !== undefined)
    throw new AppError(
      "bad-input",
      `--pairs has ${JSON.stringify(unknown)}: there are ${Object.keys(plan.pairs).join(", ")}`,
    );
  return withPairs(
    plan,
    Object.entries(plan.pairs).filter(([name]) => wanted.includes(name)),
  );
}

function withPairs(plan: Plan, pairs: readonly (readonly [string, Plan["pairs"][string]])[]): Plan {
  const names = new Set(pairs.map(([name]) => name));
  return {
    ...plan,
    pairs: Object.fromEntries(pairs),
    sweeps: plan.sweeps.filter(({ pair }) => names.has(pair)),
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 1))
    throw new AppError("bad-input", `--${name} is ${JSON.stringify(text)}: a number of at least 1 is needed`);
  return value;
}

function commandOf(): string {
  const parts = [
    ...(values.traces === undefined ? [] : ["--traces DIR"]),
    ...(values.plan === undefined ? [] : ["--plan FILE"]),
    ...(values.offsets === undefined ? [] : [`--offsets ${values.offsets}`]),
    ...(values.pairs === undefined ? [] : [`--pairs ${values.pairs}`]),
    ...(values.quick ? ["--quick"] : []),
  ];
  return ["npm run backtest", ...(parts.length === 0 ? [] : ["--", ...parts])].join(" ");
}

/** Six digits say all that a mean over offsets knows. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(6)) : value;
}
