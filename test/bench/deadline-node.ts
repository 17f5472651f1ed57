// One node of the simulated world in virtual time, from the notice to the end of its machine: its pods and their budget,
// the API server that stands before it, and a watch of its pods. The drain is whoever is put to work on it.

import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { createFakeClock } from "../build/clock.ts";
import type { FakeClock } from "../build/clock.ts";
import { createDriver } from "../world/driver.ts";
import { createApi } from "./deadline-api.ts";
import type { Answers, NodeClient } from "./deadline-api.ts";
import { fateOf, KUBELET_MS } from "./deadline-fate.ts";
import type { Fate } from "./deadline-fate.ts";
import type { DrawnPod } from "./deadline-pods.ts";

/** A change is seen by a watch so long after it. */
const WATCH_MS = 20;

export interface VirtualNode {
  readonly clock: FakeClock;
  readonly client: NodeClient;
  readonly name: string;
  readonly noticeAt: EpochMs;
  readonly powerOffAt: EpochMs;
  current(): Node;
  /** The node's pods as a watch shows them. */
  watched(): readonly Pod[];
  onPods(listener: () => void): void;
  /** Resolves when the watch shows so; it is told the UIDs of the pods that are there. */
  until(holds: (uids: ReadonlySet<string>) => boolean): Promise<void>;
  /** Work that may outlive the machine; an error of its own fails the bench. */
  work(task: () => Promise<void>): void;
  /** Called when the machine is off. */
  onEnd(then: () => void): void;
  /** Runs until the machine is off; returns the fate of each pod that was there at the notice, in the order as drawn. */
  fates(): Promise<readonly Fate[]>;
}

export interface NodeOptions {
  readonly pods: readonly DrawnPod[];
  readonly answers: Answers;
  /** Whether the first call or the second is the first to fail. */
  readonly firstFails: boolean;
  /** Seconds from the notice until the machine is off. */
  readonly noticeS: number;
}

export function openNode({ pods, answers, firstFails, noticeS }: NodeOptions): VirtualNode {
  const clock = createFakeClock();
  const noticeAt = clock.now();
  const powerOffAt = epochMs(noticeAt + noticeS * 1_000);
  const { world, name } = worldWith(pods, noticeAt);
  const onNode = (): readonly Pod[] => world.list("pods").filter((pod) => pod.spec.nodeName === name);
  const there = onNode();
  const stop = new AbortController();

  // 1. The watch.
  let watched = there;
  let seenVersion = world.version;
  let telling = false;
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    if (telling || world.version === seenVersion) return;
    telling = true;
    void clock.sleep(millis(WATCH_MS)).then(() => {
      telling = false;
      seenVersion = world.version;
      watched = onNode();
      for (const listener of listeners) listener();
    });
  };
  const endings: (() => void)[] = [];
  const wrong: unknown[] = [];
  const driver = createDriver({ world, clock, speed: 1, onMove: changed });

  // 2. The API server.
  const firstSent = new Map<string, number>();
  const client = createApi({
    world,
    clock,
    answers,
    firstFails,
    before: driver.catchUp,
    after: () => {
      driver.rearm();
      changed();
    },
    onSend: (pod) => {
      if (!firstSent.has(pod)) firstSent.set(pod, clock.now() - noticeAt);
    },
  });

  return {
    clock,
    client,
    name,
    noticeAt,
    powerOffAt,
    current: () => present(world.get("nodes", { name })),
    watched: () => watched,
    onPods: (listener) => {
      listeners.push(listener);
    },
    until: async (holds) => {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (holds(new Set(watched.map((pod) => pod.metadata.uid ?? "")))) resolve();
        };
        listeners.push(look);
        look();
      });
    },
    work: (task) => {
      task().catch((error: unknown) => wrong.push(error));
    },
    onEnd: (then) => {
      endings.push(then);
    },
    fates: async () => {
      const driving = driver.run(stop.signal);
      await clock.advance(powerOffAt - noticeAt);
      stop.abort();
      await driving;
      for (const ending of endings) ending();
      if (wrong.length > 0) throw wrong[0];
      const drawn = new Map(pods.map((pod) => [pod.owner, pod]));
      return there.map((pod) => {
        const { uid = "", ownerReferences } = pod.metadata;
        const habits = present(drawn.get(ownerReferences?.[0]?.name ?? "") ?? null);
        const sentMs = firstSent.get(pod.metadata.name) ?? null;
        return { ...fateOf(uid, habits, world.ledger, powerOffAt), sentMs };
      });
    },
  };
}

function worldWith(
  pods: readonly DrawnPod[],
  noticeAt: EpochMs,
): { readonly world: World; readonly name: string } {
  const world = createWorld({
    start: epochMs(noticeAt - 1_000),
    seed: 1,
    pools: [
      {
        name: "spot-a",
        replicas: 1,
        capacityType: "spot",
        instanceType: "gpu-8x",
        zones: ["zone-a"],
        allocatable: { cpu: "96", memory: "1000Gi", pods: "110" },
        bootMs: millis(0),
        readyMs: millis(0),
      },
    ],
    startDelayMs: millis(0),
    heartbeatMs: null,
  });
  for (const pod of pods) {
    world.submitService({
      name: pod.owner,
      replicas: 1,
      cpu: "1",
      graceSeconds: pod.grace,
      // Its time begins with SIGTERM, and that of the world with the yes.
      exitAfterMs: millis(KUBELET_MS + pod.wantsMs),
      evictionPriority: pod.class,
      labels: { blocked: String(pod.blocked) },
    });
  }
  world.put("poddisruptionbudgets", {
    metadata: { name: "nobody-leaves", namespace: "default" },
    spec: { maxUnavailable: 0, selector: { matchLabels: { blocked: "true" } } },
  });
  world.advance(noticeAt);
  const node = present(world.list("nodes")[0] ?? null);
  const running = world
    .list("pods")
    .filter((pod) => pod.status?.phase === "Running" && pod.spec.nodeName === node.metadata.name);
  if (running.length !== pods.length) throw new Error(`${running.length} of ${pods.length} pods run`);
  return { world, name: node.metadata.name };
}

function present<T>(value: T | null): T {
  if (value === null) throw new Error("the bench's own node or pod is not there");
  return value;
}
