// Work that fled to on-demand while spot failed everywhere, and comes back: the shipped loop, decision and act layer in
// virtual time over the world, with a service under a PodDisruptionBudget. What is judged is the world's own ledger.

import { describe, expect, test } from "vitest";

import { createWorld } from "../../coordinator/replay/world.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { groupShape, policyFor, POOLS, startOf, writePolicy } from "../chaos/fleet.ts";
import { createAgents } from "../chaos/hours/agents.ts";
import { startReplica } from "../chaos/hours/replica.ts";
import { createTime, turn } from "../chaos/hours/time.ts";
import { noTroubles } from "../chaos/hours/troubles.ts";

const MINUTE_MS = 60_000;
const SEED = 7;
const TIMES = {
  bootMs: millis(60_000),
  readyMs: millis(15_000),
  jobGapMs: 1,
  jobMs: [1, 1],
} as const;
const SPOT = ["spot-a", "spot-b"] as const;

/** Spot fails from the start until `backAtMs`, if ever. */
async function play(backAtMs: number | null, untilMs: number) {
  const start = startOf(SEED);
  const time = createTime(start);
  const world = createWorld({ start, seed: SEED, heartbeatMs: null, nodeDomain: "" });
  for (const pool of POOLS) world.clouds.addGroup(groupShape(pool, TIMES));
  const troubles = noTroubles();
  const agents = createAgents({ world, time, troubles });
  const broken: string[] = [];
  const fail = (failing: boolean): void => {
    for (const name of SPOT)
      world.clouds.failLaunches(
        name,
        failing ? { kind: "no-capacity", code: "no-capacity", message: "told to fail" } : null,
      );
  };
  fail(true);
  if (backAtMs !== null) time.alarm(backAtMs, () => fail(false));
  world.submitService({
    name: "web",
    replicas: 4,
    gpus: 4,
    evictionPriority: "high",
    graceSeconds: seconds(5),
  });
  world.put("poddisruptionbudgets", {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: "web", namespace: "default" },
    spec: { selector: { matchLabels: { app: "web" } }, maxUnavailable: 1 },
  });
  writePolicy(
    world,
    policyFor("http://cloud", {
      spotInstancePercentage: 1,
      scaleUpThreshold: 1,
      pendingPodTimeoutSeconds: 0,
      scaleUpCooldownSeconds: 0,
      scaleDownCooldownSeconds: 0,
      emptySeconds: 60,
      disruption: { budgets: [] },
      spot: { returnAfterSeconds: 600, returnPolicy: "Replace" },
    }),
  );
  const replica = startReplica({
    name: "replica",
    seed: SEED,
    world,
    time,
    troubles,
    agents,
    bucket: { memory: null, offerings: new Map() },
    predecessor: "none",
    conditional: true,
    onWrite: () => () => {},
    onCycle: () => {},
    onBroken: (part, detail) => broken.push(`${part}: ${detail}`),
    onEnd: () => {},
  });
  let leastRunning = Infinity;
  let seen = -1;
  const rest = async (): Promise<void> => {
    for (let turns = 0; turns < 20_000; turns++) {
      agents.look();
      replica.feed();
      await turn();
      if (!replica.busy && seen === world.version) return;
      seen = world.version;
    }
    throw new Error("the coordinator does not come to rest");
  };
  await rest();
  for (;;) {
    const next = Math.min(time.nextAt ?? Infinity, (world.nextEventAt() ?? Infinity) - start);
    if (next > untilMs) break;
    time.moveTo(Math.max(next, time.ms));
    world.advance((start + time.ms) as typeof start);
    time.ring();
    await rest();
    const running = world.list("pods").filter(({ status }) => status?.phase === "Running").length;
    if (time.ms > 10 * MINUTE_MS) leastRunning = Math.min(leastRunning, running);
  }
  const sizes = POOLS.map(({ name }) => world.clouds.group(name)?.desired);
  const evicted = world.ledger.filter(({ kind }) => kind === "pod-evicted").length;
  const joined = world.ledger.filter(
    (fact) => fact.kind === "node-added" && fact.pool !== null && fact.pool.startsWith("spot"),
  ).length;
  const asked = world.ledger.filter(
    (fact) => fact.kind === "size-changed" && fact.pool.startsWith("spot") && fact.to > fact.from,
  ).length;
  const pods = world.list("pods").filter(({ status }) => status?.phase === "Running").length;
  replica.die();
  return { sizes, evicted, joined, asked, pods, leastRunning, broken };
}

describe("spot.returnPolicy: Replace, when spot failed everywhere", () => {
  test("brings a service back once spot is there again, a pod at a time and each node once", async () => {
    const { sizes, ...rest } = await play(20 * MINUTE_MS, 180 * MINUTE_MS);
    expect(rest.broken).toEqual([]);
    expect(sizes[2]).toBe(0);
    expect((sizes[0] ?? 0) + (sizes[1] ?? 0)).toBe(2);
    expect(rest).toMatchObject({ pods: 4, evicted: 4, joined: 2 });
    expect(rest.leastRunning).toBeGreaterThanOrEqual(3);
  });
  test("moves nothing while none comes, and asks ever more seldom", async () => {
    const { sizes, ...rest } = await play(null, 180 * MINUTE_MS);
    expect(rest).toMatchObject({ broken: [], evicted: 0, joined: 0, pods: 4, leastRunning: 4 });
    expect(sizes).toEqual([0, 0, 2]);
    expect(rest.asked).toBeLessThan(20);
  });
});
