// What was played stays usable for just as long as it would come out the same: the name of the file and the names of the tasks
// change with what a result follows from, and with nothing else.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { codeBehind } from "./closure.ts";
import { fingerprintOf } from "./kept.ts";
import { readPlan } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { readPattern } from "./policies.ts";
import { ROWS } from "./rows.ts";
import { groupsOf, nameOf, tasksOf } from "./tasks.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const ENTRY = here("worker.ts");
const PATTERN = readPattern(here("../../deploy/examples/backtest/policy.yaml"));

describe("what the file is called", () => {
  let data = "";
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), "kept-"));
    writeFileSync(join(data, "jobs.csv"), "a,b\n1,2\n");
  });
  afterEach(() => {
    rmSync(data, { recursive: true });
  });

  const found = (changed: Readonly<Record<string, string>> = {}): string =>
    fingerprintOf({ entry: ENTRY, pattern: PATTERN, data }, (path) => {
      const more = Object.entries(changed).find(([name]) => path === here(name))?.[1];
      return `${readFileSync(path, "utf8")}${more ?? ""}`;
    });

  test.each([
    "playing.ts",
    "deciders.ts",
    "setting.ts",
    "../../coordinator/decide/decide.ts",
    "../../coordinator/forecast/feed.ts",
    "../../shared/model/instance-types.json",
  ])("it follows from %s", (name) => {
    expect(found({ [name]: "\n" })).not.toBe(found());
  });

  test.each(["tables.ts", "aims.ts", "report.ts", "rows.ts", "tasks.ts", "plan.ts", "kept.ts", "main.ts"])(
    "it does not follow from %s",
    (name) => {
      expect(found({ [name]: "\n" })).toBe(found());
    },
  );

  test("it follows from the policy and from the sizes of the traces", () => {
    const before = found();
    const pattern = { ...PATTERN, spec: { ...PATTERN.spec, idleSeconds: 1 } };
    expect(fingerprintOf({ entry: ENTRY, pattern, data })).not.toBe(before);
    writeFileSync(join(data, "jobs.csv"), "a,b\n1,2\n3,4\n");
    expect(found()).not.toBe(before);
  });
});

describe("the files behind a program", () => {
  const files: Readonly<Record<string, string>> = {
    "/x/main.ts": [
      'import { one } from "./one.ts";',
      'import type { Kind } from "./kind.ts";',
      'import type {\n  Long,\n} from "./long.ts";',
      'export { two } from "../y/two.ts";',
      'import table from "./table.json" with { type: "json" };',
      'import pack from "yaml";',
      'const late = await import("./late.ts");',
    ].join("\n"),
    "/x/one.ts": 'import { one as again } from "./main.ts";',
    "/y/two.ts": 'import {\n  deep,\n} from "./deep.ts";',
    "/y/deep.ts": "",
    "/x/table.json": '{"a": "./kind.ts"}',
    "/x/late.ts": "",
    "/x/kind.ts": "",
    "/x/long.ts": "",
  };

  test("are those that it imports for more than their types, and what these import", () => {
    const found = codeBehind("/x/main.ts", (path) => files[path] ?? null);
    expect([...found.keys()]).toEqual([
      "../y/deep.ts",
      "../y/two.ts",
      "late.ts",
      "main.ts",
      "one.ts",
      "table.json",
    ]);
  });
});

describe("what a task is called", () => {
  const plan = readPlan(here("plan.json"));
  const namesOf = (of: Plan): ReadonlySet<string> =>
    new Set(groupsOf(of, { offsets: 2 }).flatMap(tasksOf).map(nameOf));
  const pairOf = (of: Plan, name: string): Plan["pairs"][string] => {
    const found = of.pairs[name];
    if (found === undefined) throw new Error(`the plan has no pair ${name}`);
    return found;
  };

  /** The plan with every row there is in D. */
  const { rows: _rows, ...everyRow } = pairOf(plan, "D");
  const whole: Plan = { ...plan, pairs: { ...plan.pairs, D: everyRow } };

  test("a row, a pair or an offset more leaves the other names as they were", () => {
    const { rows, ...withAllRows } = pairOf(plan, "B");
    expect(rows).toBeDefined();
    const more = namesOf({
      ...plan,
      offsets: 30,
      workloads: { ...plan.workloads, small: { kind: "flat", title: "small", gpus: 1, days: 40 } },
      pairs: { ...plan.pairs, B: withAllRows, E: { ...withAllRows, workload: "small" } },
    });
    expect([...namesOf(plan)].filter((name) => !more.has(name))).toEqual([]);
  });

  test("another title changes no name", () => {
    const workloads = Object.fromEntries(
      Object.entries(plan.workloads).map(([name, load]) => [name, { ...load, title: "other" }]),
    );
    expect(namesOf({ ...plan, workloads })).toEqual(namesOf(plan));
  });

  test("what a row does is part of its name", () => {
    const told = groupsOf(whole, { offsets: 1 }).filter(({ table }) => table === "D");
    expect(new Set(told.map((group) => group.told)).size).toBe(ROWS.length);
  });

  test.each<readonly [string, (of: Plan) => Plan]>([
    ["the seed", (of) => ({ ...of, seed: of.seed + 1 })],
    ["the warm-in", (of) => ({ ...of, warmInDays: 2 })],
    ["the drain", (of) => ({ ...of, drainHours: 7 })],
    ["the clocks", (of) => ({ ...of, times: { ...of.times, restartS: 1 } })],
    ["what reserved costs", (of) => ({ ...of, reservedShare: 0.5 })],
  ])("%s changes all names", (_, changed) => {
    const before = namesOf(plan);
    expect([...namesOf(changed(plan))].filter((name) => before.has(name))).toEqual([]);
  });

  test("the days of a pair change its own names alone", () => {
    const longer = { ...whole, pairs: { ...whole.pairs, D: { ...everyRow, days: 3 } } };
    const after = namesOf(longer);
    const gone = [...namesOf(whole)].filter((name) => !after.has(name));
    expect(gone).toHaveLength(2 * ROWS.length);
    expect(gone.every((name) => name.startsWith('["D",'))).toBe(true);
  });
});
