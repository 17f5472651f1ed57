// Whether every pod of a node that goes is told in time, in virtual time: the shipped drain on a node of the simulated
// world, with notices of 15 to 120 s that are seen late, budgets that block pods, and an API server that is slow or fails
// every second call. Beside it two other ways to drain, on the same pods. The node and its API server are in
// deadline-node.ts, the ways in deadline-drains.ts, the pods in deadline-pods.ts.

import { epochMs, millis } from "../../shared/model/units.ts";
import { ANSWERS } from "./deadline-api.ts";
import type { Answers } from "./deadline-api.ts";
import { everythingAtOnce, ours, serial } from "./deadline-drains.ts";
import type { Drain } from "./deadline-drains.ts";
import type { Fate } from "./deadline-fate.ts";
import { openNode } from "./deadline-node.ts";
import { drawPods } from "./deadline-pods.ts";
import { cellsTable, compareTable, highTable, leastGivenS } from "./deadline-tables.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const SEED = 5;
/** Draws of pods for each cell of the matrix. */
const DRAWS = 8;
/** Draws of pods for the comparison, whose columns are means. */
const COMPARED_DRAWS = 40;

const NOTICES_S = [120, 30, 15] as const;
const LATE_S = [0, 5, 15] as const;
const BLOCKED = [0, 0.2, 0.5] as const;
/** Cells in which less is left than any order of things could use. */
const SHORT_LEFT_S = [5, 4, 3, 2] as const;
/** With so much left when it is seen, every pod has to be told. */
const ENOUGH_LEFT_S = 6;
/** When a notice that is read each second is seen, in the comparison. */
const SEEN_MS = 700;
/** A handler of spot notices that reads each 2 s and looks at what it read each second. */
const SEEN_BY_OTHERS_MS = 3_000;

export interface Cell {
  readonly noticeS: number;
  readonly lateS: number;
  readonly blocked: number;
  readonly answers: Answers;
  readonly leftS: number;
  readonly fates: readonly Fate[];
}

export interface Compared {
  readonly noticeS: number;
  readonly blocked: number;
  readonly way: string;
  readonly fates: readonly Fate[];
}

export async function run(options: {
  readonly keep?: (name: string, value: unknown) => void;
}): Promise<Figure[]> {
  console.log(`seeds ${SEED} to ${SEED + COMPARED_DRAWS - 1}\n`);
  const cells = await matrix();
  const compared = await comparison();
  const tables = [cellsTable(cells), highTable(cells), compareTable(compared)];
  for (const { markdown } of tables) console.log(`${markdown}\n`);
  options.keep?.("seeds", [SEED, SEED + COMPARED_DRAWS - 1]);
  for (const { name, rows } of tables) options.keep?.(name, rows);

  const enough = cells.filter(({ leftS }) => leftS >= ENOUGH_LEFT_S);
  // With nothing left there is no machine on which anybody could be told.
  const short = cells.filter(({ leftS }) => leftS > 0 && leftS < ENOUGH_LEFT_S);
  const high = (late: number, blocked: boolean): number =>
    leastGivenS(
      cells.filter((cell) => cell.noticeS === 120 && cell.lateS === late && (cell.blocked === 0) !== blocked),
      blocked,
    );
  return [
    figure(
      "without_sigterm",
      count(enough, ({ warned }) => !warned),
      "pods",
      { max: 0 },
    ),
    figure("short_all_out_s", latestCallS(short), "s", { max: 1 }),
    ...LATE_S.map((late) =>
      figure(late === 0 ? "high_min_s" : `high_min_late_${late}_s`, high(late, false), "s", {
        min: 104 - late,
      }),
    ),
    figure("high_blocked_min_s", high(0, true), "s", { min: 60 }),
    figure("cells", cells.length, "", {
      min: NOTICES_S.length * LATE_S.length * BLOCKED.length * ANSWERS.length,
    }),
  ];
}

async function matrix(): Promise<readonly Cell[]> {
  const cells: Cell[] = [];
  const inTime = NOTICES_S.flatMap((noticeS) => LATE_S.map((lateS) => ({ noticeS, lateS })));
  const tooLate = SHORT_LEFT_S.map((leftS) => ({ noticeS: 15, lateS: 15 - leftS }));
  for (const { noticeS, lateS } of [...inTime, ...tooLate]) {
    for (const blocked of BLOCKED) {
      for (const answers of ANSWERS) {
        const fates: Fate[] = [];
        for (let draw = 0; draw < DRAWS; draw++)
          fates.push(
            ...(await drained(ours, { noticeS, seenMs: lateS * 1_000, blocked, answers, seed: SEED + draw })),
          );
        cells.push({ noticeS, lateS, blocked, answers, leftS: noticeS - lateS, fates });
      }
    }
  }
  return cells;
}

async function comparison(): Promise<readonly Compared[]> {
  const ways: readonly {
    readonly way: string;
    readonly drain: Drain;
    readonly seenMs: (share: number) => number;
  }[] = [
    { way: "ours", drain: ours, seenMs: () => SEEN_MS },
    { way: "everything at once", drain: everythingAtOnce, seenMs: (share) => share * SEEN_BY_OTHERS_MS },
    { way: "serial", drain: serial, seenMs: () => SEEN_MS },
  ];
  const compared: Compared[] = [];
  for (const noticeS of NOTICES_S) {
    for (const blocked of BLOCKED) {
      for (const { way, drain, seenMs } of ways) {
        const fates: Fate[] = [];
        for (let draw = 0; draw < COMPARED_DRAWS; draw++) {
          const of = { noticeS, blocked, answers: "healthy", seed: SEED + draw } as const;
          // Draws take the phases of the other's loop in turn.
          fates.push(...(await drained(drain, { ...of, seenMs: seenMs((draw + 0.5) / COMPARED_DRAWS) })));
        }
        compared.push({ noticeS, blocked, way, fates });
      }
    }
  }
  return compared;
}

interface Case {
  readonly noticeS: number;
  /** From the notice until it is seen. */
  readonly seenMs: number;
  readonly blocked: number;
  readonly answers: Answers;
  readonly seed: number;
}

async function drained(
  drain: Drain,
  { noticeS, seenMs, blocked, answers, seed }: Case,
): Promise<readonly Fate[]> {
  const node = openNode({ pods: drawPods(seed, blocked), answers, firstFails: seed % 2 === 0, noticeS });
  const seenAt = epochMs(node.noticeAt + seenMs);
  node.work(async () => {
    await node.clock.sleep(millis(seenMs));
    drain(node, seenAt, seed);
  });
  const fates = await node.fates();
  return fates.map((fate) => ({ ...fate, sentMs: fate.sentMs === null ? null : fate.sentMs - seenMs }));
}

function count(cells: readonly Cell[], of: (fate: Fate) => boolean): number {
  return cells.reduce((sum, { fates }) => sum + fates.filter(of).length, 0);
}

/** Seconds after the notice was seen at which the last pod's first call went out; infinite when one was never asked. */
function latestCallS(cells: readonly Cell[]): number {
  return Math.max(...cells.flatMap(({ fates }) => fates.map(({ sentMs }) => (sentMs ?? Infinity) / 1_000)));
}
