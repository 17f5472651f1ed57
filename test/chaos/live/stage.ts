// The stage of chaos in real time: the world with its API server and its simulated cloud, a real nats-server, two shipped
// coordinators, and a shipped agent on each node. What is seen of it goes into the book.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createFleet } from "../../../coordinator/observe/fleet.ts";
import type { Fleet } from "../../../coordinator/observe/fleet.ts";
import { receiveReports } from "../../../coordinator/observe/messages.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { SUBJECT_ROOT } from "../../../shared/model/names.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { connectNats } from "../../../shared/runtime/nats.ts";
import { openScene } from "../../build/scene.ts";
import type { Scene } from "../../build/scene.ts";
import { healthyGpus } from "../../nvml-double/fixture.ts";
import { createDouble } from "../../nvml-double/fixture.ts";
import { startSimulatedCloud } from "../../world/cloud/simulated.ts";
import type { SimulatedCloud } from "../../world/cloud/simulated.ts";
import type { Reading } from "../book.ts";
import { groupShape, POOLS } from "../fleet.ts";
import type { FleetTimes } from "../fleet.ts";
import { createLiveAgents } from "./agents.ts";
import type { LiveAgents } from "./agents.ts";
import { createCoordinators } from "./coordinators.ts";
import type { Coordinators } from "./coordinators.ts";

export interface LiveStage extends AsyncDisposable {
  readonly scene: Scene;
  readonly cloud: SimulatedCloud;
  readonly agents: LiveAgents;
  readonly coordinators: Coordinators;
  /** What was heard of a node last, by a subscriber of our own. */
  reading(node: string): Reading | null;
}

/** A call of a coordinator may take so long here, so that a late answer is late soon. */
const CALL_DEADLINE = "1s";
/** A service's GPUs are quiet for every other while of so long. */
const QUIET_MS = 15_000;

export async function openLiveStage(
  times: FleetTimes,
  seed: number,
  say: (line: string) => void,
): Promise<LiveStage> {
  await using building = new AsyncDisposableStack();
  const scene = building.use(await openScene({ pools: [], seed }));
  for (const pool of POOLS) scene.server.change((world) => world.clouds.addGroup(groupShape(pool, times)));
  const cloud = building.adopt(
    await startSimulatedCloud({ change: scene.server.change, clock: systemClock }),
    async (one) => await one.close(),
  );
  const dir = building.adopt(
    await mkdtemp(join(tmpdir(), "chaos-")),
    async (path) => await rm(path, { recursive: true, force: true }),
  );
  // One library for all: each process has a file of its own that says what its GPUs do.
  const double = building.use(await createDouble({ gpus: healthyGpus(1) }));
  const world = (): World => scene.world;
  const agents = createLiveAgents({
    world,
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    doubleDir: double.directory,
    dir,
    onTrouble: say,
    loadOf: (owner) =>
      owner.startsWith("web") && Math.floor(systemClock.now() / QUIET_MS) % 2 === 1 ? 0 : 0.9,
  });
  building.defer(async () => await agents.stop());
  const coordinators = createCoordinators({
    world,
    start: async (name) =>
      await scene.coordinator({
        waitFor: "listening",
        env: { POD_NAME: name, GPUAS_CALL_DEADLINE: CALL_DEADLINE, GPUAS_DRAIN_TIMEOUT: "10s" },
      }),
  });
  const { fleet, stop } = listen(scene);
  building.defer(stop);
  const held = building.move();
  return {
    scene,
    cloud,
    agents,
    coordinators,
    reading: (node) => {
      const heard = fleet.telemetry(node);
      if (heard.kind !== "reported") return null;
      return {
        ageMs: Math.max(0, systemClock.now() - heard.receivedAt),
        busiest: heard.since.at(-1)?.busiest ?? null,
      };
    },
    [Symbol.asyncDispose]: async () => await held.disposeAsync(),
  };
}

/** A subscriber from outside: what it has heard is what could be known. */
function listen(scene: Scene): { readonly fleet: Fleet; readonly stop: () => Promise<void> } {
  const ended = new AbortController();
  const { log } = createLogSink("error");
  const random = seededRandom(1);
  const nats = connectNats({ servers: [scene.nats.url], name: "chaos", log, clock: systemClock, random });
  const fleet = createFleet({
    now: () => systemClock.now(),
    subjectRoot: SUBJECT_ROOT,
    onRefused: () => {},
    onTurn: () => {},
  });
  const options = { nats, subjectRoot: SUBJECT_ROOT, fleet, clock: systemClock, random, log };
  const done = receiveReports({
    ...options,
    replicas: 1,
    notices: { accept: () => {} },
    signal: ended.signal,
  }).catch(() => {});
  return {
    fleet,
    stop: async () => {
      ended.abort();
      await nats.close();
      await done;
    },
  };
}

/** Machines here come within a second, so that minutes of chaos hold hours of it. */
export const LIVE_TIMES: FleetTimes = {
  bootMs: [millis(300), millis(900)],
  readyMs: [millis(100), millis(400)],
  jobGapMs: 4_000,
  jobMs: [2_000, 20_000],
};
