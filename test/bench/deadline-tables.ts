// The tables of the bench `deadline`: rows for its JSON file, and the same as Markdown for a README.

import { ANSWERS } from "./deadline-api.ts";
import type { Fate } from "./deadline-fate.ts";
import { CLASSES } from "./deadline-pods.ts";
import type { Cell, Compared } from "./deadline.ts";

export interface Table {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  readonly markdown: string;
}

/** Pods that were never told, in each cell of the matrix. */
export function cellsTable(cells: readonly Cell[]): Table {
  const rows = cells.map(({ noticeS, lateS, leftS, blocked, answers, fates }) => ({
    noticeS,
    lateS,
    leftS,
    blocked,
    answers,
    pods: fates.length,
    withoutSigterm: fates.filter((fate) => !fate.warned).length,
    graceless: fates.filter((fate) => fate.graceless).length,
  }));
  const shares = [...new Set(rows.map(({ blocked }) => blocked))];
  const columns = ANSWERS.flatMap((answers) => shares.map((blocked) => ({ answers, blocked })));
  const times = [...new Map(rows.map((row) => [`${row.noticeS} ${row.lateS}`, row])).values()].toSorted(
    (a, b) => b.noticeS - a.noticeS || a.lateS - b.lateS,
  );
  const lines = times.map(({ noticeS, lateS, leftS }) => [
    `${noticeS} s, seen ${lateS} s late: ${leftS} s left`,
    ...columns.map(({ answers, blocked }) => {
      const row = rows.find(
        (one) =>
          one.noticeS === noticeS &&
          one.lateS === lateS &&
          one.answers === answers &&
          one.blocked === blocked,
      );
      // With nothing left there is no machine on which anybody could be told.
      return row === undefined || leftS === 0
        ? "–"
        : `${row.withoutSigterm} (${row.graceless}) of ${row.pods}`;
    }),
  ]);
  return {
    name: "withoutSigterm",
    rows,
    markdown: markdownOf(
      [
        "Without SIGTERM (SIGTERM with less than 2 s)",
        ...columns.map(({ answers, blocked }) => `${answers}, ${percent(blocked)} blocked`),
      ],
      lines,
    ),
  };
}

/** The least that a high pod got of 120 s. */
export function highTable(cells: readonly Cell[]): Table {
  const of = cells.filter(({ noticeS }) => noticeS === 120);
  const rows = [...new Set(of.map(({ lateS }) => lateS))].flatMap((lateS) =>
    ANSWERS.map((answers) => {
      const here = of.filter((cell) => cell.lateS === lateS && cell.answers === answers);
      return {
        lateS,
        answers,
        leastS: leastGivenS(
          here.filter(({ blocked }) => blocked === 0),
          false,
        ),
        leastBlockedS: leastGivenS(here, true),
      };
    }),
  );
  return {
    name: "highOf120",
    rows,
    markdown: markdownOf(
      ["120 s, seen late by", "API", "least of a high pod", "of one that a budget blocks"],
      rows.map(({ lateS, answers, leastS, leastBlockedS }) => [
        `${lateS} s`,
        answers,
        `${leastS.toFixed(1)} s`,
        `${leastBlockedS.toFixed(1)} s`,
      ]),
    ),
  };
}

/** What three ways to drain leave of the same pods. */
export function compareTable(compared: readonly Compared[]): Table {
  const rows = compared.map(({ noticeS, blocked, way, fates }) => {
    const high = fates.filter((fate) => fate.class === "high");
    const [low, medium, highClean] = CLASSES.map((name) =>
      share(
        fates.filter((fate) => fate.class === name),
        ({ clean }) => clean,
      ),
    );
    return {
      noticeS,
      blocked,
      way,
      lowClean: low ?? Number.NaN,
      mediumClean: medium ?? Number.NaN,
      highClean: highClean ?? Number.NaN,
      highGivenS: high.reduce((sum, { givenMs }) => sum + givenMs / 1_000, 0) / high.length,
      highWithoutSigterm: share(high, ({ warned }) => !warned),
    };
  });
  return {
    name: "compared",
    rows,
    markdown: markdownOf(
      [
        "Notice, blocked",
        "Way",
        "low clean",
        "medium clean",
        "high clean",
        "high given",
        "high without SIGTERM",
      ],
      rows.map((row) => [
        `${row.noticeS} s, ${percent(row.blocked)}`,
        row.way,
        percent(row.lowClean),
        percent(row.mediumClean),
        percent(row.highClean),
        `${row.highGivenS.toFixed(1)} s`,
        percent(row.highWithoutSigterm),
      ]),
    ),
  };
}

/** Seconds; NaN when there is no such pod. */
export function leastGivenS(cells: readonly Cell[], blocked: boolean): number {
  const given = cells.flatMap(({ fates }) =>
    fates.flatMap((fate) =>
      fate.class === "high" && fate.blocked === blocked ? [fate.givenMs / 1_000] : [],
    ),
  );
  return given.length === 0 ? Number.NaN : Math.min(...given);
}

function share(fates: readonly Fate[], of: (fate: Fate) => boolean): number {
  return fates.filter(of).length / fates.length;
}

function percent(part: number): string {
  return `${Math.round(100 * part)} %`;
}

function markdownOf(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
