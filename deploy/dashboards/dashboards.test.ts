import { describe, expect, test } from "vitest";
import * as z from "zod";

import { unknownNames } from "../promql/known.ts";
import { filled, namesIn } from "../promql/names.ts";
import { dashboardFiles, dashboardQueries, DASHBOARDS } from "./dashboards.ts";
import type { Panel } from "./panel.ts";

const PANELS: readonly (Panel & { readonly at: string })[] = DASHBOARDS.flatMap(({ name, sections }) =>
  sections.flatMap(({ panels }) => panels.map((panel) => ({ ...panel, at: `${name}: ${panel.title}` }))),
);

/** As much of Grafana's form as is looked at here. */
const grafana = z.object({
  uid: z.string(),
  title: z.string(),
  templating: z.object({ list: z.array(z.object({ name: z.string(), type: z.string() })) }),
  panels: z.array(
    z.object({
      id: z.number(),
      type: z.string(),
      title: z.string(),
      gridPos: z.object({ h: z.number(), w: z.number(), x: z.number(), y: z.number() }),
      targets: z.array(z.object({ refId: z.string(), expr: z.string() })).default([]),
    }),
  ),
});
const FILES = Object.entries(dashboardFiles()).map(([path, text]) => ({
  path,
  board: grafana.parse(JSON.parse(text)),
}));

describe("the tables of panels", () => {
  test("ask for metrics and labels that there are, and for no others", () => {
    const wrong = dashboardQueries().flatMap(({ at, query }) =>
      unknownNames(query).map((complaint) => `${at}: ${complaint}`),
    );
    expect(wrong).toEqual([]);
  });

  test("have a question for a title, once in a dashboard, and say what to look at", () => {
    expect(new Set(PANELS.map(({ at }) => at)).size).toBe(PANELS.length);
    expect(PANELS.filter(({ title }) => !title.endsWith("?"))).toEqual([]);
    expect(PANELS.filter(({ look }) => look.length < 40 || !look.endsWith("."))).toEqual([]);
  });

  test("name series only by labels that the query leaves on them", () => {
    const wrong = PANELS.flatMap(({ at, queries }) =>
      queries.flatMap(({ query, legend }) => {
        const { groups, made } = namesIn(filled(query));
        const named = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = ""]) => label);
        return named
          .filter((label) => !groups.includes(label) && !made.includes(label))
          .map((label) => `${at}: ${label}`);
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("use only variables that a person can choose, and offer none that does nothing", () => {
    for (const { name, variables, sections } of DASHBOARDS) {
      const text = JSON.stringify([variables, sections]);
      const used = new Set([...text.matchAll(/\$([a-z]\w*)/g)].map(([, variable = ""]) => variable));
      expect({ name, used: [...used].toSorted() }).toEqual({
        name,
        used: variables.map((variable) => variable.name).toSorted(),
      });
    }
  });

  test("answer what the guides want to see", () => {
    const wanted = ["A49", "A53", "A54", "A55", "B101", "B103", "B104", "B105", "B106", "B107", "B108"];
    const more = ["C28", "D15", "D16", "D17", "D18", "D30", "D31"];
    expect(PANELS.flatMap(({ answers = [] }) => answers)).toEqual(
      expect.arrayContaining([...wanted, ...more]),
    );
  });
});

describe("dashboardFiles()", () => {
  test("has one file for each dashboard, with its own id", () => {
    expect(FILES.map(({ path, board }) => `${path} ${board.uid}`)).toEqual(
      ["fleet", "pools", "interruptions", "money", "agent", "workloads"].map(
        (name) => `deploy/dashboards/${name}.json gpu-autoscaler-${name}`,
      ),
    );
  });

  test("shows every panel of the tables with all its queries", () => {
    const shown = FILES.flatMap(({ board }) =>
      board.panels
        .filter(({ type }) => type !== "row")
        .map(({ title, targets }) => ({ title, queries: targets.map(({ expr }) => expr) })),
    );
    expect(shown).toEqual(
      PANELS.map(({ title, queries }) => ({ title, queries: queries.map(({ query }) => query) })),
    );
  });

  test("gives panels and queries ids of their own, and each panel a place of its own", () => {
    for (const { board } of FILES) {
      const ids = board.panels.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      const cells = board.panels.flatMap(({ gridPos: { h, w, x, y } }) => {
        expect(x + w).toBeLessThanOrEqual(24);
        return Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`);
      });
      expect(new Set(cells).size).toBe(cells.length);
      for (const { targets } of board.panels)
        expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  test("asks for the data source first, and names none", () => {
    for (const { board } of FILES)
      expect(board.templating.list[0]).toEqual({ name: "datasource", type: "datasource" });
    const named = Object.values(dashboardFiles()).flatMap((text) => [...text.matchAll(/"uid": "([^"]+)"/g)]);
    const ids = new Set(named.map(([, uid]) => uid).filter((uid) => !uid?.startsWith("gpu-autoscaler-")));
    expect([...ids]).toEqual(["${datasource}"]);
  });
});
