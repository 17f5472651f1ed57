// What happened in a run, as rows that a person reads: said in a few words, with its sentence, repetitions made one row,
// and no more rows than the page has room for. It chooses nothing by what it would like to show: every stretch of time
// keeps its first rows, and how many are missing is said.

import { sentence } from "../../report/explain.ts";
import type { Happening, Run } from "../run.ts";

export type Kind = Happening["kind"];

export interface HappeningRow {
  readonly atMs: number;
  readonly kind: Kind;
  readonly pool: string;
  /** "3 → 5 nodes"; "node a is taken back". */
  readonly said: string;
  /** Sentences without a full stop; empty where there is nothing to explain. */
  readonly why: readonly string[];
  /** How often it came in a row. */
  readonly times: number;
}

export interface HappeningRows {
  readonly rows: readonly HappeningRow[];
  /** Rows that there was no room for, and happenings that the run itself did not list. */
  readonly leftOut: number;
}

/** Stretches of a run that get an equal part of the room. */
const STRETCHES = 240;
/** Characters of a row beside what it says. */
const ROW_FRAME = 170;

/** What a kind is called, for people. */
export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  grow: "grew",
  replace: "replaced",
  shrink: "shrank",
  release: "released",
  refused: "refused",
  notice: "notice",
  interrupted: "taken back",
  "launch-failed": "launch failed",
};

/** Rows, and characters of a page that they come to. */
export interface Room {
  readonly rows: number;
  readonly characters: number;
}

/** As many rows as there is room for, in order of time. */
export function happeningRows(run: Pick<Run, "happenings" | "happeningsLeftOut">, room: Room): HappeningRows {
  const all = joined(run.happenings.map(rowOf));
  const rows = fits(all, room) ? all : evenly(all, room);
  return { rows, leftOut: all.length - rows.length + run.happeningsLeftOut };
}

export function rowOf(happening: Happening): HappeningRow {
  const { atMs, kind, pool } = happening;
  return { atMs, kind, pool, ...words(happening), times: 1 };
}

function words(happening: Happening): Pick<HappeningRow, "said" | "why"> {
  switch (happening.kind) {
    case "grow":
    case "replace":
    case "shrink":
    case "release":
      return { said: `${happening.from} → ${happening.to} nodes`, why: happening.because.map(sentence) };
    case "refused":
      return { said: "a move was refused", why: [happening.detail] };
    case "notice":
      return { said: `${nodeText(happening.node)} will be taken back`, why: [] };
    case "interrupted":
      return { said: `${nodeText(happening.node)} was taken back`, why: [] };
    case "launch-failed":
      return { said: "the cloud had no such machine", why: [] };
  }
}

function nodeText(node: string | null): string {
  return node === null ? "a machine that was no node yet" : `node ${node}`;
}

/** The same thing several times in a row is one row that says how often. */
function joined(rows: readonly HappeningRow[]): readonly HappeningRow[] {
  const out: HappeningRow[] = [];
  for (const row of rows) {
    const last = out.at(-1);
    if (last !== undefined && same(last, row)) out[out.length - 1] = { ...last, times: last.times + 1 };
    else out.push(row);
  }
  return out;
}

function same(a: HappeningRow, b: HappeningRow): boolean {
  return a.kind === b.kind && a.pool === b.pool && a.said === b.said && a.why.join("\n") === b.why.join("\n");
}

function fits(rows: readonly HappeningRow[], room: Room): boolean {
  return rows.length <= room.rows && rows.reduce((sum, row) => sum + length(row), 0) <= room.characters;
}

/** Of the row as HTML, near enough. */
function length({ pool, said, why }: HappeningRow): number {
  return ROW_FRAME + pool.length + said.length + why.reduce((sum, text) => sum + text.length + 2, 0);
}

function evenly(rows: readonly HappeningRow[], room: Room): readonly HappeningRow[] {
  const first = rows[0]?.atMs ?? 0;
  const width = Math.max(1, ((rows.at(-1)?.atMs ?? 0) - first + 1) / STRETCHES);
  const seen = new Map<number, number>();
  const ranked = rows
    .map((row, at) => {
      const stretch = Math.floor((row.atMs - first) / width);
      const rank = seen.get(stretch) ?? 0;
      seen.set(stretch, rank + 1);
      return { row, at, rank };
    })

    .sort((a, b) => a.rank - b.rank || a.at - b.at);
  let left = room.characters;
  const kept = ranked.slice(0, room.rows).filter(({ row }) => {
    left -= length(row);
    return left >= 0;
  });
  return kept.sort((a, b) => a.at - b.at).map(({ row }) => row);
}
