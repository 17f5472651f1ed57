import { createHash } from "node:crypto";
import { Script } from "node:vm";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { madeUpRun } from "../../../test/build/replay-run.ts";
import type { Happening, Run, Score } from "../run.ts";
import type { PageMeta } from "./meta.ts";
import { replayPage } from "./replay-page.ts";

const DAY = 86_400_000;
const START = Date.UTC(2026, 8, 1);

function metaOf(starts: number, days = 3): PageMeta {
  return {
    title: "Replay of a month",
    warmInMs: DAY / 2,
    lengthMs: days * DAY,
    offsets: Array.from({ length: starts }, (_, at) => ({
      label: `start ${at + 1}`,
      start: epochMs(START + at * DAY),
    })),
    notes: [],
  };
}

/** Row → the exact values in its cells. */
function figuresOf(page: string): ReadonlyMap<string, readonly number[]> {
  return new Map(
    [...page.matchAll(/<tr data-row="([^"]+)">([\s\S]*?)<\/tr>/g)].map(([, id = "", cells = ""]) => [
      id,
      [...cells.matchAll(/<data value="([^"]+)">/g)].map(([, value]) => Number(value)),
    ]),
  );
}

/** Where each figure of the table stands in a run, written a second time and apart from the page. */
const READ: Readonly<Record<string, (score: Score) => number | null>> = {
  usd: (score) => score.usd,
  usd_at_on_demand: (score) => score.usdAtOnDemand,
  saved_share: ({ usd, usdAtOnDemand: all }) => (usd === null || !all ? null : (all - usd) / all),
  usd_bound: (score) => score.usdBound,
  usd_idle: (score) => score.usdByState.idle,
  usd_booting: (score) => score.usdByState.booting,
  usd_draining: (score) => score.usdByState.draining,
  unknown_node_hours: (score) => score.unknownNodeHours,
  wait_p50_s: (score) => score.waitS.p50,
  wait_p95_s: (score) => score.waitS.p95,
  wait_p99_s: (score) => score.waitS.p99,
  wait_max_s: (score) => score.waitS.max,
  wait_requeues_p95_s: (score) => score.waitWithRequeuesS.p95,
  started_60s_share: (score) => score.startedWithin60s,
  started_300s_share: (score) => score.startedWithin300s,
  unmet_gpu_minutes: (score) => score.unmetGpuMinutes,
  stretch_p95: (score) => score.stretch.p95,
  jobs_arrived: (score) => score.jobs.arrived,
  jobs_unfinished: (score) => score.jobs.unfinished,
  services_under_share: (score) => score.services?.underProvisionedShare ?? null,
  services_missed_share: (score) => score.services?.missedShare ?? null,
  interruptions: (score) => score.interruptions.count,
  interruptions_clean: (score) => score.interruptions.clean,
  interruptions_unclean: (score) => score.interruptions.count - score.interruptions.clean,
  interruptions_per_hour: (score) => score.interruptions.perSpotInstanceHour,
  lost_gpu_hours: (score) => score.lostGpuHours,
  spot_share: ({ nodeHours: hours }) => hours.spot / (hours.spot + hours["on-demand"] + hours.reserved),
  allocated_share: (score) => score.allocatedGpuHours / score.provisionedGpuHours,
  useful_share: (score) => score.usefulGpuHours / score.provisionedGpuHours,
  provisioned_gpu_hours: (score) => score.provisionedGpuHours,
  nodes_added: (score) => score.nodesAdded,
  nodes_removed: (score) => score.nodesRemoved,
  launches_failed: (score) => score.launchesFailed,
};

describe("the figures of a page", () => {
  test("every number of the table is in the run", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (seed, spot) => {
          const run = madeUpRun({ seed, spot, days: 1, binMinutes: 60 });
          const figures = figuresOf(replayPage([run], metaOf(1, 1)));
          for (const [id, values] of figures) {
            const value = READ[id]?.(run.score) ?? null;
            expect([id, values]).toEqual([id, value === null ? [] : [value]]);
          }
          expect(figures.size).toBeGreaterThanOrEqual(Object.keys(READ).length - 6);
        },
      ),
      { numRuns: 20 },
    );
  });

  test("a small page says these", () => {
    const run = madeUpRun({ days: 1, binMinutes: 60 });
    const score: Score = {
      ...run.score,
      usd: 1234.5,
      usdAtOnDemand: 2469,
      waitS: { count: 185, p50: 0, p95: 192.4, p99: 280, max: 299 },
      startedWithin60s: 0.8194,
      provisionedGpuHours: 200,
      allocatedGpuHours: 150.5,
      interruptions: { count: 3, clean: 2, perSpotInstanceHour: 0.01 },
    };
    const text = replayPage([{ ...run, score }], metaOf(1, 1));
    const shown = [...text.matchAll(/<li data-tile="([^"]+)">\s*<b><data[^>]*>([^<]*)/g)].map(
      ([, id, value]) => [id, value],
    );
    expect(shown).toEqual([
      ["usd", "$1,234.50"],
      ["saved_share", "50.0 %"],
      ["wait_p95_s", "3 min 12 s"],
      ["started_60s_share", "81.9 %"],
      ["allocated_share", "75.3 %"],
      ["interruptions", "3"],
    ]);
  });

  test("over several starts the table has mean, least and most, and each start its own row", () => {
    const runs = [1, 2, 3].map((seed) => madeUpRun({ seed, days: 1, binMinutes: 60 }));
    const usd = runs.map(({ score }) => score.usd ?? Number.NaN);
    const page = replayPage(runs, metaOf(3, 1));
    const [mean, min, max] = figuresOf(page).get("usd") ?? [];
    expect(mean).toBeCloseTo(usd.reduce((sum, value) => sum + value, 0) / 3, 9);
    expect([min, max]).toEqual([Math.min(...usd), Math.max(...usd)]);
    for (const value of usd) expect(page).toContain(`<data value="${value}">`);
    expect(page.match(/<option value="\d+">start \d<\/option>/g)).toHaveLength(3);
  });

  test("an unknown cost is called unknown, and the plots are broken there", () => {
    const run = madeUpRun({ days: 1, binMinutes: 60 });
    const timeline = run.timeline.map(({ usdPerHourByTier, ...bin }, at) => {
      expect(usdPerHourByTier).toBeDefined();
      return at === 15 ? { ...bin, usdPerHour: null } : bin;
    });
    const page = replayPage([{ ...run, timeline, score: { ...run.score, usd: null } }], metaOf(1, 1));
    expect(figuresOf(page).get("usd")).toEqual([]);
    expect(page).toContain("For some of the time no price is known");
    const [, path = ""] =
      /id="r0-cost"[\s\S]*?data-zoom[\s\S]*?class="line total" d="([^"]*)"/.exec(page) ?? [];
    expect(path.match(/M/g)).toHaveLength(2);
  });

  test("figures of what a run has not are left out: no services, no forecast", () => {
    const page = replayPage([madeUpRun({ days: 1 })], metaOf(1, 1));
    expect(figuresOf(page).has("services_under_share")).toBe(false);
    expect(page).not.toContain("forecast p90");
    expect(replayPage([madeUpRun({ days: 1, forecast: true })], metaOf(1, 1))).toContain("forecast p90");
  });
});

describe("a page asks nobody for anything", () => {
  const page = replayPage([madeUpRun()], metaOf(1));

  test("nothing in it points outside", () => {
    expect(page).not.toMatch(/https?:|\bsrc=|@import|<link|<iframe|<object|<embed/);
    expect([...page.matchAll(/url\(([^)]*)\)/g)].every(([, to = ""]) => to.startsWith("#"))).toBe(true);
    expect([...page.matchAll(/href="([^"]*)"/g)].every(([, to = ""]) => to.startsWith("#"))).toBe(true);
  });

  test("its policy lets its own script run and no other", () => {
    const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const script = page.slice(page.lastIndexOf("<script>") + 8, page.lastIndexOf("</script>"));
    const hash = createHash("sha256").update(script).digest("base64");
    expect(policy).toContain("default-src &#39;none&#39;");
    expect(policy).toContain(`script-src &#39;sha256-${hash}&#39;;`);
    expect(() => new Script(script)).not.toThrow();
    expect(page).not.toMatch(/\son[a-z]+=/);
  });

  test("each drawing has its title and description, each table its caption", () => {
    const drawings = page.match(/<svg\s+data-zoom/g) ?? [];
    expect(drawings).toHaveLength(5);
    expect(page.match(/<title id=/g)).toHaveLength(5);
    expect(page.match(/<desc id=/g)).toHaveLength(5);
    expect(page.match(/<caption/g)?.length).toBe(page.match(/<table/g)?.length);
  });

  test("the data behind the cursor are the bins", () => {
    const [, json = ""] = /<script type="application\/json"[^>]*>(.*?)<\/script>/.exec(page) ?? [];
    const data: unknown = JSON.parse(json);
    expect(data).toMatchObject({ start: START, startMs: 0, widthMs: 900_000, count: 3 * 96 });
  });
});

test("names that were written to break a page are text in it", () => {
  const evil = `</title></script><script>alert(1)</script><img src=x onerror=alert(1)> "' &`;
  const because: readonly Reason[] = [{ code: "malformed", what: evil }];
  const happenings: readonly Happening[] = [
    { atMs: DAY, pool: evil, kind: "grow", from: 1, to: 2, because },
    { atMs: DAY, pool: evil, kind: "refused", detail: evil },
    { atMs: DAY, pool: evil, kind: "interrupted", node: evil },
  ];
  const run: Run = { ...madeUpRun({ days: 2 }), scenario: evil, sizer: evil, happenings };
  const offsets = [0, 1].map((at) => ({ label: `${evil}${at}`, start: epochMs(START) }));
  const page = replayPage([run, run], {
    ...metaOf(2, 2),
    title: evil,
    notes: [evil],
    notModelled: [evil],
    offsets,
  });
  const plain = replayPage([madeUpRun({ days: 2 }), madeUpRun({ days: 2 })], metaOf(2, 2));
  expect(page).not.toContain("<script>alert");
  expect(page).not.toContain("<img");
  expect(page.match(/<\/?script/g)).toHaveLength((plain.match(/<\/?script/g) ?? []).length);
  expect(page.match(/<\/?title/g)).toHaveLength((plain.match(/<\/?title/g) ?? []).length);
  expect(page).toContain("&lt;img src=x onerror=alert(1)&gt; &quot;&#39; &amp;");
});

describe("a page stays small", () => {
  const BYTES = 3_000_000;
  /** As many bins and happenings as a run lists, all of them different and long. */
  const full = (seed: number): Run => {
    const run = madeUpRun({ seed, days: 31, forecast: true });
    const happenings = Array.from({ length: 5000 }, (_, at): Happening => ({
      atMs: Math.floor((at / 5000) * 31 * DAY),
      pool: "a-pool-with-a-long-name",
      kind: "refused",
      detail: `${at} ${"would pass the limit of the policy ".repeat(8)}`,
    }));
    return { ...run, happenings, happeningsLeftOut: 1000 };
  };

  test.each([1, 20])("a month from %i starts is less than 3 MB, and says what had no room", (starts) => {
    const run = full(1);
    const page = replayPage(
      Array.from({ length: starts }, () => run),
      metaOf(starts, 31),
    );
    expect(Buffer.byteLength(page)).toBeLessThan(BYTES);
    expect(page).toMatch(/[\d,]+ more had no room here/);
  });
});

describe("bad input", () => {
  test.each<[string, readonly Run[], PageMeta, RegExp]>([
    ["no runs", [], metaOf(0), /has no runs/],
    ["a run without its start", [madeUpRun({ days: 1 })], metaOf(2), /has 1 runs and offsets has 2 entries/],
  ])("%s is refused", (_, runs, meta, message) => {
    expect(() => replayPage(runs, meta)).toThrow(message);
  });

  test("a run without a timeline is a page that says so", () => {
    const run: Run = { ...madeUpRun({ days: 1 }), timeline: [], happenings: [] };
    expect(replayPage([run], metaOf(1, 1))).toContain("This run has no timeline.");
  });
});
