// Hints and notices over hundreds of decisions in a row, in a small world that carries out what is decided: nodes boot and
// are emptied, pods end and come again, leaders change and lose their memory. What must hold however it goes: no node is
// bought for which no pod lost its own, hints move no more nodes than they may, and when nothing happens any more nothing is
// done. A failure prints its seed and its story, which is not made shorter: that would take minutes.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import type { Move } from "../../coordinator/decide/plan.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Memory } from "../../coordinator/decide/snapshot-memory.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { InstanceInput, NodeInput, NoticeInput } from "../../coordinator/decide/snapshot.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { epochMs } from "../../shared/model/units.ts";
import { drainState, node, reported } from "../build/node.ts";
import { MINUTE, NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { policy, pool } from "../build/policy.ts";
import { notice, snapshot } from "../build/snapshot.ts";

const CYCLE = 10 * SECOND;
/** Nothing happens of itself after that. */
const QUIET_FROM = 60;
/** By then hints are over, what is empty has gone, and every cooldown has passed. */
const SETTLED_FROM = 460;
const LAST = 500;
const BOOT_CYCLES = 6;
const HINT_STANDS_MS = 30 * MINUTE;

type Happening = "hint" | "maintenance" | "hint over" | "notice" | "cancelled" | "survived" | "new leader";
interface Event {
  readonly cycle: number;
  readonly what: Happening;
  /** Which of the nodes. */
  readonly of: number;
}

interface Machine {
  readonly name: string;
  readonly pool: "spot" | "od";
  readonly bornAt: number;
  upAt: number;
  /** The move that empties it. */
  emptiedBy: string | null;
}

interface Job {
  readonly name: string;
  node: string | null;
  bornAt: number;
  /** The pod before this one, which ends. */
  ending: { readonly pod: PodInput; readonly untilCycle: number } | null;
  serial: number;
}

interface Story {
  readonly nodes: number;
  readonly rebalance: "Ignore" | "Report" | "Replace";
  /** Each so manieth machine that is asked for never comes; 0: all come. */
  readonly duds: number;
  readonly events: readonly Event[];
}

const stories: fc.Arbitrary<Story> = fc.record({
  nodes: fc.constantFrom(1, 3, 5, 12),
  rebalance: fc.constantFrom("Replace", "Replace", "Replace", "Report", "Ignore"),
  duds: fc.constantFrom(0, 0, 2, 3),
  events: fc.array(
    fc.record({
      cycle: fc.integer({ min: 1, max: QUIET_FROM - 1 }),
      what: fc.constantFrom<Happening>(
        "hint",
        "hint",
        "hint",
        "maintenance",
        "hint over",
        "notice",
        "notice",
        "cancelled",
        "survived",
        "new leader",
      ),
      of: fc.integer({ min: 0, max: 11 }),
    }),
    { minLength: 1, maxLength: 10 },
  ),
});

/** What came of a story. */
interface Outcome {
  /** Machines that were asked for. */
  bought: number;
  /** Of those, machines that never came. */
  duds: number;
  /** Machines that went before a pod came onto them. */
  readonly inVain: Set<string>;
  /** Pods that had to leave their node, or were to. */
  readonly displaced: Set<string>;
  /** Node → cycle in which its replacement for a hint was begun. */
  readonly begun: Map<string, number>;
  readonly lateMoves: Move[];
  waiting: number;
  machines: number;
}

function play({ nodes: count, rebalance, duds, events }: Story): Outcome {
  const machines = new Map<string, Machine>();
  const jobs: Job[] = [];
  const size = { spot: count, od: 0 };
  const notices = new Map<string, NoticeInput>();
  const cancelled = new Set<string>();
  const asWritten = policy({
    spot: { rebalance },
    consolidation: { enabled: false },
    pools: [pool("spot", { maxSize: 40 }), pool("od", { maxSize: 40, capacityType: "on-demand" })],
  });
  let moves: MoveState[] = [];
  let memory: Memory = EMPTY_MEMORY;
  /** Machines on which a pod has been. */
  const wasUsed = new Set<string>();
  let born = 0;
  let asked = 0;
  const made = (of: Machine["pool"], cycle: number, upAt: number): string => {
    const name = `m${born++}`;
    machines.set(name, { name, pool: of, bornAt: cycle, upAt, emptiedBy: null });
    return name;
  };
  for (let index = 0; index < count; index++)
    jobs.push({
      name: `job${index}`,
      node: made("spot", -1_000, -990),
      bornAt: -900,
      ending: null,
      serial: 0,
    });
  for (const { node: on } of jobs) if (on !== null) wasUsed.add(on);
  const outcome: Outcome = {
    bought: 0,
    duds: 0,
    inVain: new Set(),
    displaced: new Set(),
    begun: new Map(),
    lateMoves: [],
    waiting: 0,
    machines: 0,
  };
  /** A hint is over: what was bought for its pod may go again, so that whatever comes next may buy for it once more. */
  const stays = (name: string): void => {
    if (!outcome.begun.has(name) || machines.get(name)?.emptiedBy !== null) return;
    for (const { name: job, node: on, serial } of jobs)
      if (on === name) outcome.displaced.add(`${job}/${serial} stays`);
  };
  const isUnderNotice = (name: string): boolean =>
    [...notices.values()].some((one) => one.node === name && one.kind === undefined);

  for (let cycle = 1; cycle <= LAST; cycle++) {
    const at = NOW + cycle * CYCLE;

    // 1. What happens of itself.
    for (const { what, of } of events.filter((event) => event.cycle === cycle)) {
      const here = [...machines.values()].filter(({ upAt, pool: name }) => upAt <= cycle && name === "spot");
      const name = here[of % Math.max(1, here.length)]?.name;
      if (what === "new leader") memory = EMPTY_MEMORY;
      if (name === undefined) continue;
      const [hint, real] = [`hint-${name}`, `real-${name}`];
      const standing = notices.get(real);
      if (what === "hint" && !notices.has(hint) && !cancelled.has(hint))
        notices.set(
          hint,
          notice(name, { id: hint, kind: "rebalance", seenAt: epochMs(at), deadline: epochMs(at) }),
        );
      const work = `work-${name}`;
      if (what === "maintenance" && !notices.has(work) && !cancelled.has(work)) {
        const times = { seenAt: epochMs(at), deadline: epochMs(at + 20 * MINUTE) };
        notices.set(work, notice(name, { id: work, kind: "maintenance", endsMachine: true, ...times }));
      }
      if (what === "notice" && standing === undefined && !cancelled.has(real))
        notices.set(
          real,
          notice(name, { id: real, seenAt: epochMs(at), deadline: epochMs(at + 2 * MINUTE) }),
        );
      if (what === "survived" && standing !== undefined) notices.set(real, { ...standing, survived: true });
      if (what === "hint over")
        for (const id of [hint, work])
          if (notices.delete(id)) {
            cancelled.add(id);
            stays(name);
          }
      if (what === "cancelled" && standing?.survived !== true && notices.delete(real)) cancelled.add(real);
    }
    for (const [id, { kind, seenAt, deadline, node: name, survived }] of notices) {
      const stands = kind === "rebalance" ? at - seenAt <= HINT_STANDS_MS : at - deadline <= 15 * MINUTE;
      if (!stands || (kind !== undefined && !machines.has(name))) {
        notices.delete(id);
        stays(name);
      }
      // Its agent leaves the machine in time, under a name of its own.
      else if (kind === "maintenance" && at >= deadline - 2 * MINUTE && !notices.has(`${id}-end`))
        notices.set(`${id}-end`, notice(name, { id: `${id}-end`, seenAt: epochMs(at), deadline }));
      else if (kind === undefined && at > deadline && survived !== true) {
        // The machine goes, with the place that it still has.
        const machine = machines.get(name);
        if (machine !== undefined) size[machine.pool]--;
        machines.delete(name);
      }
    }

    // 2. Pods leave, and come again.
    for (const job of jobs) {
      if (job.ending !== null && job.ending.untilCycle <= cycle) job.ending = null;
      const on = job.node === null ? undefined : machines.get(job.node);
      const leaves =
        job.node !== null && (on === undefined || on.emptiedBy !== null || isUnderNotice(on.name));
      if (!leaves) continue;
      outcome.displaced.add(`${job.name}/${job.serial}`);
      job.ending =
        on === undefined ? null : { pod: podOf(job, at, { terminating: true }), untilCycle: cycle + 2 };
      Object.assign(job, { node: null, serial: job.serial + 1, bornAt: cycle });
    }
    for (const { node: name, kind } of notices.values())
      if (kind === undefined && !wasUsed.has(name)) outcome.inVain.add(name);
    const isTaken = (name: string): boolean =>
      jobs.some((job) => job.node === name || job.ending?.pod.node === name);
    for (const job of jobs.filter((one) => one.node === null && one.bornAt < cycle)) {
      const free = [...machines.values()].find(
        ({ name, upAt, emptiedBy }) =>
          upAt <= cycle && emptiedBy === null && !isUnderNotice(name) && !isTaken(name),
      );
      if (free !== undefined) job.node = free.name;
    }
    for (const { node: on } of jobs) if (on !== null) wasUsed.add(on);

    // 3. It is decided on what can be seen.
    const nodes = [...machines.values()]
      .filter(({ bornAt }) => bornAt + 3 <= cycle)
      .map((machine): NodeInput =>
        nodeOf(machine, at, cycle, {
          noticed: isUnderNotice(machine.name),
          taken: isTaken(machine.name),
          notices,
        }),
      );
    const members = (name: Machine["pool"]): readonly InstanceInput[] =>
      [...machines.values()]
        .filter((machine) => machine.pool === name)
        .map((machine) => ({
          id: `i-${machine.name}`,
          node: machine.bornAt + 3 <= cycle ? machine.name : null,
          state: machine.upAt <= cycle ? ("ready" as const) : ("booting" as const),
        }));
    const decision = decide(
      snapshot({
        at,
        nodes,
        pods: jobs.flatMap((job) => [podOf(job, at, {}), ...(job.ending === null ? [] : [job.ending.pod])]),
        memory,
        notices: [...notices.values()].map((one) => ({
          ...one,
          drained: one.kind === undefined && !isTaken(one.node),
        })),
        policies: [
          {
            ...asWritten,
            pools: (["spot", "od"] as const).map((name) => ({
              name,
              group: { kind: "known" as const, size: size[name], chosenRemoval: true },
              instances: members(name),
            })),
            journal: { ...asWritten.journal, moves: [...moves] },
          },
        ],
      }),
    );
    ({ memory } = decision);
    for (const nodesOf of Object.values(memory.rebalanced ?? {}))
      for (const name of Object.keys(nodesOf)) {
        if (!outcome.begun.has(name)) outcome.begun.set(name, cycle);
        const job = jobs.find((one) => one.node === name);
        if (job !== undefined) outcome.displaced.add(`${job.name}/${job.serial}`);
      }
    if (cycle >= SETTLED_FROM) outcome.lateMoves.push(...decision.plan.moves);

    // 4. It is carried out.
    const note = (move: Move, more: Partial<MoveState>): void => {
      const { key, kind, pool: of, from, to, because } = move;
      const why = because[0]?.code;
      moves.push({
        key,
        kind,
        pool: of,
        from,
        to,
        phase: "applied",
        at: new Date(at).toISOString(),
        ...(why === undefined ? {} : { why }),
        ...more,
      });
    };
    for (const move of decision.plan.moves) {
      const of = move.pool === "od" ? "od" : "spot";
      if (move.kind === "grow" || move.kind === "replace") {
        outcome.bought += move.to - move.from;
        for (let more = move.from; more < move.to; more++) {
          const isDud = duds > 0 && ++asked % duds === 0;
          if (isDud) outcome.duds++;
          made(of, isDud ? Infinity : cycle, isDud ? Infinity : cycle + BOOT_CYCLES);
        }
        size[of] = move.to;
        note(move, {});
      } else if (move.kind === "shrink") {
        const machine = machines.get(move.node);
        if (machine !== undefined) machine.emptiedBy = move.key;
        note(move, {
          phase: "draining",
          node: move.node,
          instance: move.instance,
          disruption: move.disruption,
        });
      } else {
        const machine = [...machines.values()].find(({ name }) => `i-${name}` === move.instance);
        if (machine === undefined) continue;
        // Its group ends it, whether its cloud would have or not.
        machines.delete(machine.name);
        size[of]--;
        note(move, { node: machine.name, instance: move.instance });
      }
    }
    moves = moves.map((move): MoveState => {
      if (move.phase !== "draining") return move;
      const machine = machines.get(move.node ?? "");
      if (machine !== undefined && isUnderNotice(machine.name)) {
        machine.emptiedBy = null;
        return { ...move, phase: "failed", undone: true };
      }
      if (machine !== undefined && isTaken(machine.name)) return move;
      if (machine !== undefined) {
        machines.delete(machine.name);
        size[machine.pool]--;
      }
      return { ...move, phase: "applied", at: new Date(at).toISOString() };
    });
  }
  outcome.waiting = jobs.filter((job) => job.node === null).length;
  outcome.machines = machines.size;
  return outcome;
}

function podOf(
  { name, node: on, serial, bornAt }: Job,
  at: number,
  more: { readonly terminating?: boolean },
): PodInput {
  const owner = { uid: `owner-${name}`, kind: "ReplicaSet" };
  return {
    ...pod(`${name}-${serial}`, { node: on, gpus: 8, owner, ...more }),
    ...(more.terminating === true ? { endingSince: epochMs(at) } : {}),
    createdAt: epochMs(NOW + bornAt * CYCLE),
    waiting:
      on === null ? { kind: "unschedulable", since: epochMs(Math.min(at, NOW + bornAt * CYCLE)) } : null,
  };
}

function nodeOf(
  { name, pool: of, bornAt, upAt, emptiedBy }: Machine,
  at: number,
  cycle: number,
  {
    noticed,
    taken,
    notices,
  }: {
    readonly noticed: boolean;
    readonly taken: boolean;
    readonly notices: ReadonlyMap<string, NoticeInput>;
  },
): NodeInput {
  const real = [...notices.values()].find((one) => one.node === name && one.kind === undefined);
  const mark =
    real === undefined || !noticed
      ? {}
      : {
          drainState: drainState({
            id: real.id,
            cause: "notice",
            source: "aws",
            seenAt: real.seenAt,
            deadline: real.deadline,
          }),
        };
  const up = upAt <= cycle;
  return {
    ...node(name, {
      pool: of,
      ready: up ? "ready" : "not-ready",
      unschedulable: noticed || emptiedBy !== null,
      ...(up ? { telemetry: reported({ mean: taken ? 0.6 : 0, at }) } : {}),
      ...mark,
    }),
    createdAt: epochMs(NOW + bornAt * CYCLE),
  };
}

/** What must hold of every story. */
function check(story: Story): void {
  const { nodes, rebalance, events } = story;
  const outcome = play(story);
  expect(outcome.bought).toBeLessThanOrEqual(outcome.displaced.size + outcome.duds + outcome.inVain.size);
  if (rebalance !== "Replace") expect(outcome.begun.size).toBe(0);
  // A new leader knows of those only that the journal has.
  if (!events.some(({ what }) => what === "new leader")) {
    const begun = [...outcome.begun.values()].sort((a, b) => a - b);
    for (const first of begun)
      expect(
        begun.filter((cycle) => cycle >= first && (cycle - first) * CYCLE < 30 * MINUTE).length,
      ).toBeLessThanOrEqual(Math.max(1, Math.floor((nodes + outcome.bought) / 10)));
  }
  expect(outcome.lateMoves).toEqual([]);
  expect(outcome.waiting).toBe(0);
  expect(outcome.machines).toBe(nodes);
}

/** Stories that went wrong once. */
const KNOWN: Readonly<Record<string, Story>> = {
  // Its pod had its next place already, and the notice bought a second one while the old pod was still ending.
  "a notice for a node that is being emptied for its maintenance": {
    nodes: 3,
    rebalance: "Replace",
    duds: 0,
    events: [
      { cycle: 48, what: "maintenance", of: 1 },
      { cycle: 56, what: "notice", of: 10 },
    ],
  },
  // What was bought for the hint went when that was over, and the notice bought for the same pod once more.
  "a hint that is over long before its notice": {
    nodes: 1,
    rebalance: "Replace",
    duds: 0,
    events: [
      { cycle: 17, what: "hint", of: 11 },
      { cycle: 18, what: "hint over", of: 11 },
      { cycle: 56, what: "notice", of: 3 },
    ],
  },
  // What was bought for it stayed for good, as this world let an empty machine report that it works.
  "a notice that is taken back in a pool of one": {
    nodes: 1,
    rebalance: "Report",
    duds: 0,
    events: [
      { cycle: 23, what: "notice", of: 9 },
      { cycle: 24, what: "cancelled", of: 8 },
    ],
  },
};

describe("hints and notices, over hundreds of decisions", () => {
  test("buy no node that no pod needs, move no more than they may, and come to rest", () => {
    fc.assert(fc.property(stories, check), { numRuns: 12, endOnFailure: true });
  }, 120_000);

  test.each(Object.entries(KNOWN))(
    "also in the story of %s",
    (_what, story) => {
      check(story);
    },
    20_000,
  );
});
