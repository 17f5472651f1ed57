// How soon a pod that finds no place becomes a size that is written: from the instant at which the API server has the
// pod to that at which it has the new size, by the world's own ledger, with the shipped coordinator and its shipped
// settings between them. Bursts go to pools at zero and to pools that run at full, while the nodes of earlier bursts
// come and go. What cannot be hurried is switched off in the policy: cooldowns, rates and the pods' own waiting time.

import { GPU_RESOURCE, NODE_LABEL } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

/** Pods of one burst, and what each asks for. */
const BURSTS = {
  one: { replicas: 1, gpus: 1 },
  fifty: { replicas: 50, gpus: 1 },
  cpu: { replicas: 500, cpu: "2", memory: "2Gi" },
} as const;
type Burst = keyof typeof BURSTS;
const ORDER: readonly Burst[] = ["one", "one", "fifty", "one", "one", "cpu"];
const COUNT = 216;
/** A coordinator runs for weeks: each kind is met before it counts. */
const WARM_UP = 2 * ORDER.length;

interface Stage {
  readonly pool: string;
  readonly cpuOnly: boolean;
  /** Nodes that it always has, all of them full. */
  readonly running: number;
}

const stages = (count: number, name: string, about: Omit<Stage, "pool">): readonly Stage[] =>
  Array.from({ length: count }, (_, index) => ({ pool: `${name}-${index}`, ...about }));
const STAGES: readonly Stage[] = [
  ...stages(14, "gpu", { cpuOnly: false, running: 0 }),
  ...stages(4, "cpu", { cpuOnly: true, running: 0 }),
  ...stages(14, "gpu-fleet", { cpuOnly: false, running: 15 }),
  ...stages(4, "cpu-fleet", { cpuOnly: true, running: 15 }),
];
/** One policy begins at most 300 removals in five minutes; so many bursts leave more behind. */
const POLICIES = 6;
/** A growth that the group does not show counts for so long: a pool that was just emptied again seems to lag behind. */
const REST_MS = 16_000;
const MAX_NODES = 10_000;
const ALLOCATABLE = { cpu: "96", memory: "1000Gi", pods: "110" };

export async function run(): Promise<Figure[]> {
  await using scene = await openScene({ pools: STAGES.map(poolOf) });
  fill(scene);
  for (let part = 0; part < POLICIES; part++)
    scene.policy(policyFor(STAGES.filter((_, index) => index % POLICIES === part)), `part-${part}`);
  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
  });
  scene.also(() => coordinator.kill());

  const random = seededRandom(11);
  const usedAt = new Map<string, number>();
  const taken: { readonly burst: Burst; readonly seconds: number }[] = [];
  for (let index = 0; index < WARM_UP + COUNT; index++) {
    const burst = ORDER[index % ORDER.length] ?? "one";
    const wanted = { cpuOnly: burst === "cpu", fleet: Math.floor(index / ORDER.length) % 2 === 1 };
    const pool = await scene.until(() => restedPool(scene, usedAt, wanted), { withinMs: 60_000 });
    usedAt.set(pool, systemClock.monotonic());
    const took = await react(scene, burst, pool, `burst-${index}`);
    if (index >= WARM_UP) taken.push({ burst, seconds: took });
    // Bursts must not fall into step with the cycles that they cause.
    await systemClock.sleep(millis(Math.floor(300 * random())));
  }
  for (const burst of Object.keys(BURSTS)) {
    const own = taken.filter((one) => one.burst === burst).map((one) => one.seconds);
    console.error(
      `reaction, burst "${burst}": ${own.length} times, p50 ${quantile(own, 0.5).toFixed(3)} s, worst ${Math.max(...own).toFixed(3)} s`,
    );
  }
  const all = taken.map((one) => one.seconds);
  return [
    figure("p50_s", quantile(all, 0.5), "s", {}),
    figure("p99_s", quantile(all, 0.99), "s", { max: 1 }),
    figure("max_s", Math.max(...all), "s", {}),
  ];
}

/** Seconds from the first pod of a burst to the first size of its pool; the burst is taken back afterwards. */
async function react(scene: Scene, burst: Burst, pool: string, name: string): Promise<number> {
  const from = scene.world.ledger.length;
  scene.server.change((world) => {
    const nodeSelector = { [NODE_LABEL.pool]: pool };
    world.submitService({ name, ...ENDS_AT_ONCE, ...BURSTS[burst], nodeSelector });
  });
  const since = scene.world.ledger.slice(from).find(({ kind }) => kind === "pod-created");
  const written = await scene.until(() =>
    scene.world.ledger.slice(from).find((fact) => fact.kind === "size-changed" && fact.pool === pool),
  );
  scene.server.change((world) => world.setServiceReplicas(name, 0));
  return since === undefined ? Number.NaN : (written.at - since.at) / 1000;
}

/** One to which the nodes of an earlier burst have neither to come nor to go. */
function restedPool(
  scene: Scene,
  usedAt: ReadonlyMap<string, number>,
  wanted: { readonly cpuOnly: boolean; readonly fleet: boolean },
): string | undefined {
  return STAGES.find(
    ({ pool, cpuOnly, running }) =>
      cpuOnly === wanted.cpuOnly &&
      running > 0 === wanted.fleet &&
      scene.size(pool) === running &&
      systemClock.monotonic() - (usedAt.get(pool) ?? -Infinity) > REST_MS,
  )?.pool;
}

const ENDS_AT_ONCE = { graceSeconds: seconds(1), exitAfterMs: millis(0) };

const offered = ({ cpuOnly }: Stage) => (cpuOnly ? ALLOCATABLE : { ...ALLOCATABLE, [GPU_RESOURCE]: "8" });

function poolOf(stage: Stage) {
  const { pool: name, running: replicas } = stage;
  return aQuickPool({ name, replicas, instanceType: name, allocatable: offered(stage) });
}

function policyFor(own: readonly Stage[]) {
  const open = { nodes: MAX_NODES, percent: 100 };
  return policySpec(
    own.map((stage) =>
      poolSpec(stage.pool, { maxSize: MAX_NODES, template: { allocatable: offered(stage) } }),
    ),
    {
      maxNodes: MAX_NODES,
      maxPercentOrNodesAdded: open,
      maxPercentOrNodesRemoved: open,
      disruption: { budgets: [] },
    },
  );
}

/** Nodes that are to stay have no room for a burst. */
function fill(scene: Scene): void {
  scene.server.change((world) => {
    for (const { pool, cpuOnly, running } of STAGES) {
      if (running === 0) continue;
      world.submitService({
        name: `full-${pool}`,
        replicas: running * 4,
        cpu: "24",
        memory: "10Gi",
        ...(cpuOnly ? {} : { gpus: 2 }),
        nodeSelector: { [NODE_LABEL.pool]: pool },
      });
    }
  });
}
