// A stage for the contract suite on the simulated world: its API server over loopback, Cluster API's and Karpenter's
// controllers in the world behind it, and time that passes when the test says so.

import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import { parseKubeconfig } from "../../shared/runtime/kube/kubeconfig.ts";
import { aQuickPool } from "../build/scene.ts";
import { startWorldServer } from "../world/server.ts";
import type { HarnessSetup } from "./harness.ts";
import type { ScaleStage } from "./scale-harness.ts";
import { HANDS } from "./world-hands.ts";
import type { StageKind } from "./world-hands.ts";

export interface WorldStage extends ScaleStage {
  readonly world: World;
}

const LOSING_DEADLINE_MS = 300;
const DEADLINE_MS = 10_000;
const RETRY_AFTER_S = 7;
/** Longer than it takes to try again, to launch, to boot and to drain. */
const A_WHILE = millis(125_000);
const QUOTA = "MaxSpotInstanceCountExceeded: Max spot instance count exceeded";
const WRITES: readonly string[] = ["PATCH", "DELETE", "PUT", "POST"];

export async function worldStage(kind: StageKind, setup: HarnessSetup): Promise<WorldStage> {
  const hands = HANDS[kind];
  const world = createWorld({ start: systemClock.now(), seed: 1, heartbeatMs: null });
  const names = Array.from({ length: setup.groups }, (_, at) => `group-${at}`);
  const [first = ""] = names;
  const quick = { bootMs: millis(150), readyMs: millis(100) };
  for (const name of names) hands.add(world, { ...aQuickPool(quick), name, replicas: setup.size }, setup);
  const server = await startWorldServer({ world, clock: systemClock, token: "test", speed: "manual" });
  const config = await parseKubeconfig(server.kubeconfig(), { clock: systemClock, path: "kubeconfig" });
  const client = createKubeClient({ config, clock: systemClock, userAgent: "gpu-autoscaler-coordinator" });

  function advance(): void {
    server.step(after(world.now, A_WHILE));
  }
  advance();

  // 1. Writes are counted as they come; those that a fault refuses never get as far as the hook.
  let arrived = 0;
  let isLosing = false;
  let losing: "before" | "after" | null = null;
  const lost: (() => void)[] = [];
  server.onRequest(({ when, method }) => {
    if (!WRITES.includes(method)) return undefined;
    if (when === "before") arrived += 1;
    if (losing !== when) return undefined;
    losing = null;
    return new Promise((resolve) => lost.push(resolve));
  });
  const refused = (): number =>
    server.audit.filter(({ method, fault }) => fault === "status" && WRITES.includes(method)).length;

  function stock(left: number | null, refusal?: string): void {
    server.change(() => {
      for (const name of names) {
        const max = left === null ? null : hands.instances(world, name).length + left;
        world.setCapacity(name, max, refusal);
      }
    });
  }

  return {
    world,
    client,
    targets: names.map((name) => hands.target(name)),
    get deadlineMs() {
      return isLosing ? LOSING_DEADLINE_MS : DEADLINE_MS;
    },
    instances: async (at = 0) => await done(hands.instances(world, names[at] ?? "")),
    size: async (at = 0) => await done(hands.size(world, names[at] ?? "")),
    made: async () => await done(world.ledger.filter((fact) => fact.kind === "machine-joined").length),
    writes: async () => await done(arrived + refused()),
    advance: async () => await done(advance()),
    stockOut: async (left) => await done(stock(left)),
    quota: async () => await done(stock(0, QUOTA)),
    deny: async () => {
      for (const method of WRITES) server.faults.set({ kind: "status", code: 403, match: { method } });
      await done(null);
    },
    throttle: async () => {
      const refusal = { code: 429, retryAfterSeconds: RETRY_AFTER_S, match: { method: "PATCH" } };
      server.faults.set({ kind: "status", times: 1, ...refusal });
      return await done(RETRY_AFTER_S);
    },
    loseAnswer: async (when) => {
      losing = when;
      isLosing = true;
      await done(null);
    },
    resizeByOther: async (to) => await done(server.change(() => hands.resize(world, first, to))),
    deleteGroup: async () => await done(server.change(() => hands.remove(world, first))),
    interrupt: async (id) => {
      const node = hands.nodeOf(world, id);
      if (node !== undefined) server.change(() => world.interrupt(node, world.now));
      await done(null);
    },
    [Symbol.asyncDispose]: async () => {
      for (const release of lost) release();
      client.close();
      await server.close();
    },
  };
}

/** The world answers at once, whatever a stage promises. */
async function done<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
