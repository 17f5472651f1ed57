// Whole lives of a node at random: its cloud, people, the coordinator and the API server do what they like, its agent dies
// and comes back, clocks are set. Whatever comes, nobody is moved without a cause or forced without a real one, what is
// told is told once and in order, and in the end the node is as its people left it.

import { describe, expect, test } from "vitest";

import { readDrainState } from "../shared/contract/node-marks.ts";
import type { Sighting } from "../shared/model/interruption.ts";
import type { Node, Taint } from "../shared/model/kube.ts";
import { NODE_ANNOTATION, NODE_LABEL, TAINT } from "../shared/model/names.ts";
import { seededRandom } from "../shared/model/random.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import { createAttendedNode } from "../test/build/attended-node.ts";
import { createFakeClock } from "../test/build/clock.ts";
import { drainPod } from "../test/build/drainer.ts";

const SEEDS = Array.from({ length: 40 }, (_, i) => 5_000 + i);
const STEPS = 45;
/** How long after its cause an eviction may still be on its way: the watch, the API server, and one call. */
const LATE_MS = 8_000;
/** However slow everybody is. */
const TOLD_WITHIN_MS = 10_000;
const {
  interruptionWarning,
  interruptionSource,
  terminationTime,
  drillAutoUncordon,
  drainRequest,
  drainState,
} = NODE_ANNOTATION;
const OURS: readonly string[] = [
  interruptionSource,
  interruptionWarning,
  terminationTime,
  drainState,
  NODE_ANNOTATION.interruptionHint,
];

async function live(seed: number) {
  const random = seededRandom(seed);
  const clock = createFakeClock();
  const wrong: string[] = [];
  const past: string[] = [];
  const note = (what: string): void => {
    past.push(`${(clock.monotonic() / 1000).toFixed(1)} ${what}`);
  };
  const bad = (what: string): void => {
    note(`WRONG: ${what}`);
    wrong.push(what);
  };
  const pick = <T>(of: readonly [T, ...T[]]): T => of[Math.floor(random() * of.length)] ?? of[0];

  /** Of this process of the agent. */
  let said = new Map<string, string[]>();
  let reported = new Map<string, string[]>();
  const deadlines = new Map<string, number>();
  let causeAt = Number.NEGATIVE_INFINITY;
  let realAt = Number.NEGATIVE_INFINITY;
  let goesSince: number | null = null;
  /** It was asked to end, and the next process has not begun. */
  let stopped = false;
  let theirs = false;
  const foreign = new Set<string>();
  let permitted = false;
  let inherited = "";

  const stateOf = (node: Node) => readDrainState(node.metadata.annotations?.[drainState]);
  const isReal = (): boolean => at.world.told.sightings.some(({ endsMachine }) => endsMachine);
  const lookAtCauses = (): void => {
    const { annotations } = at.node.metadata;
    const now = clock.monotonic();
    if (isReal()) realAt = now;
    const goes = at.world.told.sightings.some(({ kind }) => kind === "termination");
    goesSince = goes && !stopped ? (goesSince ?? now) : null;
    const isTold = [...said].some(([id, phases]) => id.startsWith("azure") && !phases.includes("cancelled"));
    if (goesSince !== null && now - goesSince > TOLD_WITHIN_MS && !isTold) bad("the end is not told");
    const isAsked =
      annotations?.[interruptionWarning] === "true" || annotations?.[drainRequest] !== undefined;
    if (isReal() || isAsked || !at.world.told.answered) causeAt = now;
  };

  const at = createAttendedNode({
    clock,
    random,
    watcher: {
      onPatch: (node, { metadata }) => {
        const changes = metadata["annotations"] as Readonly<Record<string, string | null>> | undefined;
        const source = node.metadata.annotations?.[interruptionSource];
        const { [drillAutoUncordon]: auto, [interruptionWarning]: asked } = node.metadata.annotations ?? {};
        const isTheirs = asked === "true" && (source === undefined || source === "drill");
        if (changes?.[interruptionWarning] === null && isTheirs && auto !== "true")
          bad("took a person's drill off");
        const next = readDrainState(changes?.[drainState] ?? undefined);
        if (next.kind === "malformed") bad(`drain-state ${next.why}`);
        if (next.kind !== "value") return;
        note(`writes ${next.value.phase} ${next.value.id} ${next.value.cordonedByUs}`);
        const before = deadlines.get(next.value.id) ?? Number.POSITIVE_INFINITY;
        if (next.value.phase === "refused") return;
        if (next.value.deadline > before) bad(`deadline of ${next.value.id} put off`);
        deadlines.set(next.value.id, next.value.deadline);
      },
      onCall: (how, name) => {
        lookAtCauses();
        if (clock.monotonic() - causeAt > LATE_MS) bad(`${how} of ${name} without a cause`);
        if (how === "delete" && clock.monotonic() - realAt > LATE_MS) bad(`DELETE of ${name}, nothing real`);
      },
      onNotice: ({ id, phase, source }) => {
        note(`says ${id} ${phase}`);
        const before = said.get(id) ?? [];
        if (before.includes("cancelled")) bad(`${id} ${phase} after it was cancelled`);
        if (phase === "seen" && before.length > 0) bad(`${id} seen twice`);
        if (phase === "superseded" && !before.includes("seen")) bad(`${id} superseded and not seen`);
        if (phase === "seen" && source === "drill" && !permitted && inherited !== id)
          bad(`drill ${id} without leave`);
        said.set(id, [...before, phase]);
        if (phase === "cancelled") deadlines.delete(id);
      },
      onReport: (id, phase) => {
        const before = reported.get(id) ?? [];
        // A request that gave way to a notice is answered anew under its id.
        if (!id.startsWith("shrink") && before.includes("cancelled"))
          bad(`drain ${id} ${phase} after it was cancelled`);
        reported.set(id, [...before, phase]);
      },
    },
  });

  const edit = (what: string, change: (node: Node) => Node): void => {
    note(what);
    at.change(change);
  };
  const annotate = (annotations: Readonly<Record<string, string | undefined>>): void => {
    edit(`a person writes ${JSON.stringify(annotations)}`, (node) => {
      const all = { ...node.metadata.annotations, ...annotations };
      const kept = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return { ...node, metadata: { ...node.metadata, annotations: Object.fromEntries(kept) } };
    });
  };
  const noDrill = {
    [interruptionWarning]: undefined,
    [terminationTime]: undefined,
    [drillAutoUncordon]: undefined,
  };
  const tell = (...sightings: Sighting[]): void => {
    note(`the cloud says ${sightings.map(({ id, kind }) => `${kind} ${id}`).join(", ") || "nothing"}`);
    at.world.told = { sightings, answered: true };
    at.wake();
  };
  let born = 0;
  const arrive = (): void => {
    born++;
    const pod = drainPod(`pod-${born}`, {
      priority: pick(["low", "medium", "high"]),
      graceS: pick([5, 30, 300]),
    });
    at.pods.set(pod.metadata.uid ?? "", pod);
    if (random() < 0.3) at.blocked.add(pod.metadata.name);
  };
  const cordonOf = (node: Node) => node.spec?.unschedulable === true;
  const setCordon = (on: boolean): void => {
    theirs = on;
    edit(on ? "a person cordons" : "a person uncordons", ({ spec, ...node }) => {
      const { unschedulable: _, ...rest } = spec ?? {};
      return { ...node, spec: on ? { ...rest, unschedulable: true } : rest };
    });
  };
  const sighting = (kind: Sighting["kind"], leadMs: number): Sighting => ({
    id: `azure-${born++}`,
    source: "azure",
    kind,
    action: kind,
    seenAt: clock.now(),
    deadline: kind === "rebalance" ? null : epochMs(clock.now() + leadMs),
    endsMachine: kind === "termination" || random() < 0.5,
  });
  /** As the metadata's reader has it: the end never later, maintenance as it is put off. */
  const moved = ({ kind, deadline }: Sighting): Sighting["deadline"] =>
    deadline === null
      ? null
      : epochMs(deadline + (kind === "termination" ? -10_000 : pick([-20_000, 100_000])));
  let before: readonly Sighting[] = [];
  const process = (): void => {
    stopped = false;
    goesSince = null;
    said = new Map();
    reported = new Map();
    const state = stateOf(at.node);
    inherited = state.kind === "value" && state.value.source === "drill" ? state.value.id : "";
    permitted = at.world.permit?.kind === "allowed";
    at.start();
  };

  const steps: readonly (() => void)[] = [
    () => {
      const time = pick([undefined, 20_000, 60_000, 300_000, -20_000, 3.2e11]);
      annotate({
        ...noDrill,
        [interruptionWarning]: "true",
        [terminationTime]: time === undefined ? undefined : new Date(clock.now() + time).toISOString(),
        [drillAutoUncordon]: random() < 0.3 ? "true" : undefined,
      });
    },
    () => annotate(noDrill),
    () => annotate(noDrill),
    () => tell(sighting("termination", pick([500, 15_000, 30_000, 120_000]))),
    () => tell(sighting("maintenance", pick([-60_000, 60_000, 200_000]))),
    () => tell(sighting("rebalance", 0)),
    () => tell(...at.world.told.sightings, sighting("termination", 40_000)),
    () => tell(...at.world.told.sightings.map((one) => ({ ...one, deadline: moved(one) }))),
    // What was taken back is said again.
    () => {
      if (at.world.told.sightings.length > 0) {
        before = at.world.told.sightings;
        return;
      }
      // With the time that they had then, which a process that has died meanwhile may have seen moved.
      deadlines.clear();
      tell(...before.map((one) => ({ ...one, seenAt: clock.now() })));
    },
    () => tell(),
    () => tell(),
    () =>
      annotate({
        [drainRequest]: JSON.stringify({
          v: 1,
          id: `shrink-${born++}`,
          deadline: clock.now() + pick([60_000, 300_000]),
          reason: "test",
          idleBelow: 0.05,
          evenBusy: random() < 0.8,
        }),
      }),
    () => annotate({ [drainRequest]: undefined }),
    () => annotate({ [drainRequest]: pick(["", "{", "x".repeat(250_000)]) }),
    () => {
      const state = stateOf(at.node);
      // A cordon upon ours changes nothing that anybody could see; nor does one that is being taken back.
      if (!cordonOf(at.node) && state.kind === "none") setCordon(true);
    },
    () => {
      if (cordonOf(at.node)) setCordon(false);
    },
    () => {
      const key = `else/${pick([1, 2, 3])}`;
      const isThere = foreign.has(key);
      if (isThere) foreign.delete(key);
      else foreign.add(key);
      edit(`somebody's taint ${key}`, (node) => {
        const others = (node.spec?.taints ?? []).filter((taint: Taint) => taint.key !== key);
        const taints = isThere ? others : [...others, { key, effect: "NoSchedule" as const }];
        return { ...node, spec: { ...node.spec, taints } };
      });
    },
    () => {
      note("the agent is killed");
      at.kill();
      at.world.told = { ...at.world.told, answered: random() < 0.5 };
      process();
    },
    () => {
      note("the agent is asked to end");
      stopped = true;
      at.stop();
    },
    () => {
      note("the machine starts anew");
      at.kill();
      at.change((node) => ({
        ...node,
        status: { nodeInfo: { ...node.status?.nodeInfo, bootID: `boot-${born++}` } },
      }));
      at.world.told = { sightings: random() < 0.5 ? [] : at.world.told.sightings, answered: random() < 0.5 };
      process();
    },
    () => {
      at.trouble.failing = pick([0, 0, 0.3, 0.9]);
      at.trouble.answerMs = pick([5, 5, 300, 2_000]);
      at.trouble.watchMs = pick([5, 5, 200, 1_500]);
      note(`API ${JSON.stringify(at.trouble)}`);
    },
    () => {
      const byMs = pick([-7_200_000, -1_000, 1_000, 7_200_000]);
      note(`the wall clock is set by ${byMs}`);
      clock.setWall(clock.now() + byMs);
    },
    () => {
      at.world.permit = pick([
        { kind: "allowed" },
        { kind: "allowed" },
        { kind: "refused", code: "share-of-pool", detail: "x".repeat(900) },
        { kind: "unknown", code: "cannot-look", detail: "x" },
        null,
      ]);
      permitted ||= at.world.permit?.kind === "allowed";
      note(`leave ${at.world.permit?.kind}`);
      at.wake();
    },
    arrive,
    arrive,
    () => at.blocked.clear(),
  ];

  for (let i = 0; i < 6; i++) arrive();
  process();
  for (let i = 0; i < STEPS; i++) {
    if (stopped) {
      at.kill();
      process();
    }
    const step = steps[Math.floor(random() * steps.length)];
    step?.();
    lookAtCauses();
    at.world.told = { ...at.world.told, answered: at.world.told.answered || random() < 0.3 };
    const ms = pick([20, 300, 2_000, 15_000, 70_000]);
    for (let left: number = ms; left > 0; left -= 1_000) {
      lookAtCauses();
      await clock.advance(Math.min(left, 1_000));
    }
    lookAtCauses();
  }

  // At rest: nobody asks for anything, and everybody can be heard.
  at.trouble.failing = 0;
  at.trouble.answerMs = 5;
  if (stopped) {
    at.kill();
    process();
  }
  annotate({ ...noDrill, [drainRequest]: undefined });
  tell();
  for (let i = 0; i < 60; i++) {
    lookAtCauses();
    await clock.advance(1_000);
    at.wake();
  }
  const { metadata, spec } = at.node;
  const left = Object.keys(metadata.annotations ?? {}).filter((key) => OURS.includes(key));
  if (left.length > 0) bad(`left ${left.join(", ")}`);
  if (metadata.labels?.[NODE_LABEL.excludeFromLoadBalancers] !== undefined) bad("left the label");
  const keys = (spec?.taints ?? []).map(({ key }) => key);
  if (keys.includes(TAINT.spotInterruption) || keys.includes(TAINT.scaleDown)) bad("left a taint");
  for (const key of foreign) if (!keys.includes(key)) bad(`took ${key} off`);
  if (cordonOf(at.node) !== theirs) bad(theirs ? "took a person's cordon off" : "left the node cordoned");
  arrive();
  await clock.advance(millis(120_000));
  at.kill();
  return { wrong, past };
}

describe("a node that lives at random", () => {
  test.each(SEEDS)("seed %i", async (seed) => {
    const { wrong, past } = await live(seed);
    // With what led to it, when something is wrong.
    expect(wrong.length > 0 ? past : []).toEqual([]);
  });
});
