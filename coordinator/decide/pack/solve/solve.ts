// Which nodes to buy for pods that are numbers: all that can have a place get one, for the least cost, then with the
// fewest GPUs idle, then on the fewest nodes. Small problems are solved to the proven optimum; of large ones several
// constructions are made and the best is improved for as long as the units last. Who may go where was decided by
// whoever made the problem.

import { draftOf, isBetter } from "./draft.ts";
import type { Draft } from "./draft.ts";
import { exactly } from "./exact.ts";
import { greedily } from "./greedy.ts";
import type { Manner } from "./greedy.ts";
import { improvements } from "./improve.ts";
import { total } from "./part.ts";
import type { Part } from "./part.ts";
import type { Load, Problem, Solution } from "./problem.ts";
import { single } from "./single.ts";
import { piecesOf } from "./tabulate.ts";
import type { Piece } from "./tabulate.ts";
import { startWork, unlimited } from "./work.ts";
import type { Work } from "./work.ts";
import { boundOf, combinedCost, worthOf } from "./worth.ts";
import type { Measure } from "./worth.ts";

/** More pairs than this are left to the other methods: it is 13 different pods, or 50 each of two kinds. */
const EXACT_PAIRS = 2_000_000;
/** Where there are many parts each is allowed less, but at least ten different pods are always solved exactly. */
const EXACT_PAIRS_LEAST = 60_000;
const EXACT_PAIRS_ALL = 20_000_000;
/** How far a taste for some machines may turn the choice, as a share of what a machine is worth. */
const FAVOUR = 0.05;
const TASTES = 24;
/** Units after which a part, or all parts together, have had enough constructions and enough improvements. */
const CONSTRUCTIONS_EFFORT = 6_000_000;
const IMPROVEMENTS_EFFORT = 10_000_000;

/** `units`: how many elementary fit tests it may take. The first construction is made in any case. */
export function solve(problem: Problem, units: number): Solution {
  const work = startWork(units);
  const pieces = piecesOf(problem);
  const answers = pieces.map((piece) => begin(piece, 1 / pieces.length, work));
  // Step by step in turn, so that no part waits for the last refinement of another.
  let open = answers;
  while (open.length > 0 && !work.stopped)
    open = open.filter((answer) => {
      if (work.stopped) return false;
      const step = answer.search.next();
      if (step.done === true) return false;
      if (step.value.proven || isBetter(step.value.draft, answer.draft)) answer.draft = step.value.draft;
      answer.proven ||= step.value.proven;
      return !step.value.proven;
    });
  return solutionOf(problem, answers, work);
}

interface Step {
  readonly draft: Draft;
  readonly proven: boolean;
}

interface Answer {
  readonly piece: Piece;
  readonly search: Generator<Step>;
  /** By kind, in ticks: no placement costs less than the sum over its pods. */
  readonly floor: Float64Array;
  draft: Draft;
  proven: boolean;
}

function begin(piece: Piece, share: number, work: Work): Answer {
  const { part } = piece;
  const cost = combinedCost(part);
  const { worth, floor, units } = worthOf(part, cost);
  const measure: Measure = { worth, cost };
  const free = unlimited(work);
  const draft = greedily(part, PLAIN, measure, free) ?? draftOf(part, []);
  work.used = free.used + units + part.kinds * part.machines;
  return { piece, search: search(part, draft, measure, share, work), floor, draft, proven: false };
}

/** All steps for one part, the cheap and certain ones first. `share`: of the effort that all parts are worth. */
function* search(part: Part, first: Draft, measure: Measure, share: number, work: Work): Generator<Step> {
  const pairsMax = Math.max(EXACT_PAIRS_LEAST, Math.min(EXACT_PAIRS, EXACT_PAIRS_ALL * share));
  const proven = single(part, work) ?? exactly(part, pairsMax, work);
  if (proven !== null) yield { draft: proven, proven: true };
  if (proven !== null || work.stopped) return;
  let best = first;
  let effort = 0;
  for (const manner of mannersFor(part, first)) {
    const before = work.used;
    const draft = greedily(part, manner, measure, work);
    if (draft === null) return;
    if (isBetter(draft, best)) best = draft;
    yield { draft: best, proven: false };
    // Where each takes long, little is left to gain: a large problem evens out what a taste leaves over.
    effort += work.used - before;
    if (effort > CONSTRUCTIONS_EFFORT * share) break;
  }
  for (const draft of improvements(part, best, measure, IMPROVEMENTS_EFFORT * share, work))
    yield { draft, proven: false };
}

const PLAIN: Manner = { style: "balance", favour: null };

/**
 * Other tastes than the plain one: for large machines, whose price a pod is close to that of small ones, for small
 * ones, and for a mixed choice, as each taste leaves another rest to be placed at the end.
 */
function* mannersFor(part: Part, first: Draft): Generator<Manner> {
  const dearest = Math.max(1, part.cost.at(-1) ?? 1);
  const size = (machine: number) => (part.cost[machine] ?? 0) / dearest;
  if (total(first.unplaced) > 0) yield { style: "importance", favour: null };
  yield { style: "worth", favour: null };
  yield { style: "worth", favour: (machine) => 1 + FAVOUR * size(machine) };
  yield { style: "balance", favour: (machine) => 1 + FAVOUR * size(machine) };
  yield { style: "balance", favour: (machine) => 1 + FAVOUR * (1 - size(machine)) };
  for (let taste = 1; taste <= TASTES; taste++)
    yield {
      style: taste % 4 === 0 ? "worth" : "balance",
      favour: (machine) => 1 + FAVOUR * fraction(machine * TASTES + taste),
    };
}

/** Spread evenly over 0..1 by the golden ratio. */
function fraction(index: number): number {
  return (index * 0.618_033_988_749_895) % 1;
}

function solutionOf({ items, machines }: Problem, answers: readonly Answer[], work: Work): Solution {
  const unplaced = items.map(({ count }) => (count > 0 ? Math.floor(count) : 0));
  const loads: Load[] = [];
  let cost = 0;
  let nodes = 0;
  let gpus = 0;
  let lowerBound = 0;
  for (const { piece, draft, floor, proven } of answers) {
    const { part, itemOf, machineOf, scale } = piece;
    const placed = part.counts.map((count, kind) => count - (draft.unplaced[kind] ?? 0));
    cost += draft.cost / scale;
    lowerBound += (proven ? draft.cost : boundOf(part, floor, placed)) / scale;
    for (const row of draft.rows) {
      const machine = machineOf[row.machine] ?? 0;
      const counts = new Map<number, number>();
      for (let at = 0; at < row.kinds.length; at++)
        counts.set(itemOf[row.kinds[at] ?? 0] ?? 0, row.counts[at] ?? 0);
      loads.push({ machine, counts, nodes: row.nodes });
      nodes += row.nodes;
      gpus += row.nodes * (machines[machine]?.gpus ?? 0);
    }
    for (let kind = 0; kind < part.kinds; kind++) {
      const item = itemOf[kind] ?? 0;
      const count = placed[kind] ?? 0;
      unplaced[item] = (unplaced[item] ?? 0) - count;
      gpus -= count * (items[item]?.gpus ?? 0);
    }
  }
  return {
    loads,
    unplaced,
    cost,
    wastedGpus: gpus,
    nodes,
    lowerBound,
    optimal: answers.every(({ proven }) => proven),
    units: work.used,
  };
}
