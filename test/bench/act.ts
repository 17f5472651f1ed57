// How fast two hundred decisions become calls: every pool of the fleet is to get one node more in one cycle, from a
// provider that takes 100 ms over each call. From the first intent that the API server has to the last outcome, and how
// many calls that took by the provider's own list; through our own protocol and through AWS's with its own SDK.

import { inFlight } from "../../coordinator/act/moves.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";
import { openProvider } from "./providers.ts";
import type { Provider, ProviderName } from "./providers.ts";

const POOLS = 200;
const ANSWERS_AFTER_MS = 100;
const ROUNDS = 6;
/** Names of groups that one read takes. */
const BATCH = 100;
/** Whoever runs for weeks has done it before. */
const WARM_UP = 1;
const MOST = WARM_UP + ROUNDS;
const POLICY = "gpus";

interface Round {
  readonly seconds: number;
  readonly writes: number;
  readonly reads: number;
}

export async function run(): Promise<Figure[]> {
  const rounds = [...(await roundsOf("simulated")), ...(await roundsOf("aws"))];
  const callsPerPool = rounds.map(({ writes, reads }) => (writes + reads) / POOLS);
  return [
    figure("s", Math.max(...rounds.map(({ seconds }) => seconds)), "s", { max: 2 }),
    figure("calls_per_pool", Math.max(...callsPerPool), "", { max: 1 + READS_PER_POOL / BATCH }),
    // Each was asked for once, or what was measured is something else.
    figure("writes_per_pool", Math.max(...rounds.map(({ writes }) => writes / POOLS)), "", {
      min: 1,
      max: 1,
    }),
  ];
}

/** Before the write, and by the observer once while all this goes on. */
const READS_PER_POOL = 2;

async function roundsOf(name: ProviderName): Promise<readonly Round[]> {
  await using scene = await openScene({ pools: [] });
  const provider = await openProvider(name, scene, { answersAfterMs: ANSWERS_AFTER_MS });
  const fleet = { provider, pools: Array.from({ length: POOLS }, (_, index) => `pool-${index}`) };
  for (const pool of fleet.pools)
    provider.addGroup(pool, { desired: 0, capacityType: "on-demand", max: MOST });
  ask(scene, fleet, 0);
  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
    env: provider.env,
  });
  scene.also(() => coordinator.kill());

  const random = seededRandom(5);
  const taken: Round[] = [];
  for (let size = 1; size <= WARM_UP + ROUNDS; size++) {
    await systemClock.sleep(millis(3_000 + 2_000 * random()));
    const spentBefore = lookAt(coordinator.pid).cpuSeconds;
    const round = await grown(scene, fleet, size);
    const { seconds, writes, reads } = round;
    const spent = lookAt(coordinator.pid).cpuSeconds - spentBefore;
    console.error(
      `act, ${name}: ${seconds.toFixed(3)} s, of a core ${spent.toFixed(2)} s, ${writes} writes, ${reads} reads`,
    );
    if (size > WARM_UP) taken.push(round);
    const nodes = size * POOLS;
    await scene.until(() => readyNodes(scene) === nodes, { withinMs: 120_000 });
  }
  return taken;
}

interface Fleet {
  readonly provider: Provider;
  readonly pools: readonly string[];
}

/** Every pool is to have `size` nodes; ends when the last outcome is written. */
async function grown(scene: Scene, fleet: Fleet, size: number): Promise<Round> {
  const { provider, pools } = fleet;
  const callsBefore = provider.calls().length;
  const isGrown = (): boolean => pools.every((pool) => provider.size(pool) === size);
  let cameAt = Number.NaN;
  let begunAt: number | null = null;
  let endedAt: number | null = null;
  const unhook = scene.server.onRequest(({ when, method, path }) => {
    if (method === "GET" || !path.endsWith(`/autoscalingpolicies/${POLICY}/status`)) return;
    if (when === "before") {
      cameAt = systemClock.monotonic();
      return;
    }
    if (scene.status(POLICY)?.moves.some(inFlight) === true) begunAt ??= cameAt;
    else if (isGrown()) endedAt ??= systemClock.monotonic();
  });
  ask(scene, fleet, size);
  const took = await scene.until(() => begunAt !== null && endedAt !== null && endedAt - begunAt, {
    withinMs: 60_000,
  });
  unhook();
  const calls = provider.calls().slice(callsBefore);
  const writes = calls.filter(({ write }) => write).length;
  return { seconds: took / 1000, writes, reads: calls.length - writes };
}

function ask(scene: Scene, { provider, pools }: Fleet, minSize: number): void {
  const open = { nodes: 10 * POOLS, percent: 100 };
  const specs = pools.map((pool) =>
    poolSpec(pool, {
      capacityType: "on-demand",
      minSize,
      maxSize: MOST,
      group: provider.groupOf(pool),
      template: { allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" } },
    }),
  );
  const spec = policySpec(specs, {
    maxNodes: MOST * POOLS,
    maxPercentOrNodesAdded: open,
    disruption: { budgets: [] },
  });
  scene.policy(spec, POLICY);
}

function readyNodes(scene: Scene): number {
  return scene.world
    .list("nodes")
    .filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True"),
    ).length;
}
