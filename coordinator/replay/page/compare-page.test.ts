import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { madeUpRun } from "../../../test/build/replay-run.ts";
import { comparePage } from "./compare-page.ts";
import type { PageMeta, PolicyRuns } from "./meta.ts";
import { partsOf } from "./parts.ts";

const DAY = 86_400_000;

function metaOf(starts: number): PageMeta {
  return {
    title: "Two policies",
    warmInMs: 0,
    lengthMs: 2 * DAY,
    offsets: Array.from({ length: starts }, (_, at) => ({
      label: `start ${at + 1}`,
      start: epochMs(Date.UTC(2026, 8, 1 + at)),
    })),
    notes: ["2 rows of jobs.csv were dropped."],
  };
}

function groupOf(name: string, starts: number, spot: number): PolicyRuns {
  return {
    name,
    runs: Array.from({ length: starts }, (_, at) => madeUpRun({ seed: at + 1, days: 2, spot, sizer: name })),
  };
}

const spotted = groupOf("spotted", 4, 0.9);
const steady = groupOf("steady", 4, 0);

function rowOf(page: string, id: string): string {
  return new RegExp(`<tr data-row="${id}">([\\s\\S]*?)</tr>`).exec(page)?.[1] ?? "";
}

test("means of each policy stand side by side, with the difference from the first and how sure it is", () => {
  const page = comparePage([steady, spotted], [], metaOf(4));
  const mean = ({ runs }: PolicyRuns): number =>
    runs.reduce((sum, { score }) => sum + (score.usd ?? Number.NaN), 0) / 4;
  const row = rowOf(page, "usd");
  const [first = 0, second = 0] = [...row.matchAll(/<data value="([^"]+)">/g)].map(([, value]) =>
    Number(value),
  );
  expect(first).toBeCloseTo(mean(steady), 9);
  expect(second).toBeCloseTo(mean(spotted), 9);
  expect(row).toContain(">better<");
  expect(rowOf(comparePage([spotted, steady], [], metaOf(4)), "usd")).toContain(">worse<");
});

test("what is the same under both is called the same, and without three starts nothing is called sure", () => {
  expect(rowOf(comparePage([steady, spotted], [], metaOf(4)), "jobs_arrived")).toContain("the same");
  const short = comparePage([groupOf("a", 2, 0), groupOf("b", 2, 1)], [], metaOf(2));
  expect(short).toContain("with fewer than three starts there is no interval");
  expect(rowOf(short, "usd")).not.toMatch(/better|worse/);
});

test("a policy without spot has no interruptions to count, and they are not called unknown", () => {
  const row = rowOf(comparePage([steady, spotted], [], metaOf(4)), "interruptions_per_hour");
  expect(row).toContain(">none<");
  expect(row).not.toContain(">unknown<");
});

test("moments at which they part are listed with both reasons and lead to their start", () => {
  const other: PolicyRuns = { name: "other", runs: [9, 8, 7, 6].map((seed) => madeUpRun({ seed, days: 2 })) };
  const parts = partsOf([steady, other]);
  const page = comparePage([steady, other], parts, metaOf(4));
  expect(parts.length).toBeGreaterThan(4);
  expect(page.match(/<div class="part">/g)).toHaveLength(parts.length);
  expect(page).toContain(`data-start="${parts[0]?.offset}" data-moment="${parts[0]?.atMs}"`);
  expect(page).toMatch(/wait for a node|busy on average/);
  expect(comparePage([steady, spotted], [], metaOf(4))).toContain("Nowhere that was looked at");
});

test("lines are told apart by more than colour, and all starts are there", () => {
  const page = comparePage([steady, spotted], [], metaOf(4));
  expect(page.match(/<svg\s+data-zoom/g)).toHaveLength(4 * 4);
  expect(page).toMatch(/class="line p0" d="M/);
  expect(page).toMatch(/\.line\.p1\{[^}]*stroke-dasharray/);
});

test("a policy's name is text", () => {
  const evil = `<img src=x onerror=alert(1)>"`;
  const page = comparePage(
    [{ ...steady, name: evil }, spotted],
    partsOf([{ ...steady, name: evil }, spotted]),
    metaOf(4),
  );
  expect(page).not.toContain("<img");
  expect(page).toContain("&lt;img src=x onerror=alert(1)&gt;&quot;");
});

test("policies of one name, and policies over other starts, are refused", () => {
  expect(() => comparePage([steady, steady], [], metaOf(4))).toThrow(/two policies are called "steady"/);
  expect(() => comparePage([steady, groupOf("b", 3, 0)], [], metaOf(4))).toThrow(/"b" has 3 runs/);
  expect(() => comparePage([], [], metaOf(0))).toThrow(/no policy to show/);
});
