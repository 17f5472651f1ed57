// How soon pods that find no place become a size that is written, on a whole cluster and seen from outside: from the watch
// that brings the first pod of a workload to the watch that brings a larger group. The workloads, the four kinds of nodes and
// the way of measuring are those by which other autoscalers were measured; all nodes are gone before the next workload,
// and a random pause keeps the workloads from falling into step with anything.

import { GPU_RESOURCE } from "../../shared/model/names.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { lastLines } from "../build/program.ts";
import { machineDeployment, policySpec } from "../build/scene.ts";
import { change } from "../control-plane/workloads.ts";
import { startObserver } from "./cluster-observer.ts";
import type { Observer, Sighting } from "./cluster-observer.ts";
import { NAMESPACE, openClusterStage } from "./cluster-stage.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import { figure, median } from "./figure.ts";
import type { Figure } from "./figure.ts";

const GROUPS = {
  cpu16: { offers: { cpu: "16", memory: "64Gi", pods: "110" }, usdPerHour: 0.8 },
  cpu64: { offers: { cpu: "64", memory: "256Gi", pods: "110" }, usdPerHour: 3.2 },
  gpu1: { offers: { cpu: "16", memory: "64Gi", pods: "110", [GPU_RESOURCE]: "1" }, usdPerHour: 2 },
  gpu8: { offers: { cpu: "96", memory: "768Gi", pods: "110", [GPU_RESOURCE]: "8" }, usdPerHour: 15 },
} as const;

const PLAIN = { cpu: "1", memory: "2Gi" };
const WITH_GPU = { cpu: "4", memory: "16Gi", [GPU_RESOURCE]: "1" };
const WORKLOADS = [
  { name: "one", pods: 1, asks: PLAIN, maxS: 1 },
  { name: "one_gpu", pods: 1, asks: WITH_GPU, maxS: 1 },
  { name: "fifty_gpu", pods: 50, asks: WITH_GPU, maxS: 1 },
  { name: "five_hundred", pods: 500, asks: PLAIN, maxS: 1.5 },
] as const;
type Workload = (typeof WORKLOADS)[number];

/** Of each workload, after one that does not count: a coordinator runs for weeks. */
const ROUNDS = 8;
const PAUSE_UP_TO_MS = 2_000;
const MAX_NODES = 1_000;
const REPLICA_SETS = `/apis/apps/v1/namespaces/${NAMESPACE}/replicasets`;
const WITHIN_MS = 90_000;
/** The coordinator takes 300 nodes of a policy in five minutes at most; a quick machine gets there and waits. */
const EMPTY_WITHIN_MS = 400_000;

/** Seconds after the first pod was seen. */
interface Round {
  readonly workload: Workload["name"];
  readonly sizeS: number;
  readonly firstMarkS: number;
  readonly lastMarkS: number;
  readonly lastBoundS: number;
  /** Nodes of each group that has any. */
  readonly nodes: Readonly<Record<string, number>>;
}

export async function measureReaction(random: Random): Promise<readonly Figure[]> {
  await using stage = await openClusterStage(
    Object.fromEntries(Object.entries(GROUPS).map(([name, { offers }]) => [name, offers])),
  );
  await stage.policy("reaction", policyOfAll());
  await using observer = await startObserver(stage.plane, stage.changed);
  const coordinator = await startCoordinator({
    kubeconfig: stage.kubeconfig,
    nats: stage.nats,
    waitFor: "leading",
  });
  try {
    const rounds: Round[] = [];
    for (let index = 0; index <= ROUNDS; index++) {
      for (const workload of WORKLOADS) {
        await systemClock.sleep(millis(Math.floor(PAUSE_UP_TO_MS * random())));
        const round = await oneRound({ stage, observer, workload, app: `${workload.pods}-${index}` });
        console.error(`cluster: round ${index}, ${wordsOf(round)}${index === 0 ? "; not counted" : ""}`);
        if (index > 0) rounds.push(round);
      }
    }
    return WORKLOADS.map(({ name, maxS }) => {
      const own = rounds.filter(({ workload }) => workload === name);
      const sizes = own.map(({ sizeS }) => sizeS);
      const marks = own.map(({ sizeS, firstMarkS }) => sizeS - firstMarkS);
      console.error(
        `cluster: ${name}, ${own.length} times: first size after ${spread(sizes)} s, of which ${spread(marks)} s after the scheduler's first word`,
      );
      return figure(`${name}_s`, median(sizes), "s", { max: maxS });
    });
  } catch (error) {
    throw new Error(`the coordinator said:\n${lastLines(coordinator.logs, 30)}`, { cause: error });
  } finally {
    await coordinator.kill();
  }
}

/** Until nothing of it is left. */
async function oneRound({
  stage,
  observer,
  workload,
  app,
}: {
  readonly stage: ClusterStage;
  readonly observer: Observer;
  readonly workload: Workload;
  readonly app: string;
}): Promise<Round> {
  const { send } = stage.plane;
  const sighting = observer.begin(app);
  const name = `work-${app}`;
  await change(send, "POST", REPLICA_SETS, replicaSet(name, app, workload));
  await eventually(() => sighting().firstSizeAt !== null && sighting().bound >= workload.pods, {
    withinMs: WITHIN_MS,
    describe: () => JSON.stringify([workload, sighting(), observer.sizes()]),
  });
  const nodes = sizesAboveZero(observer);
  await change(send, "DELETE", `${REPLICA_SETS}/${name}`, { propagationPolicy: "Background" });
  // But for the base node.
  await eventually(() => observer.pods() === 0 && observer.nodes() === 1, {
    withinMs: EMPTY_WITHIN_MS,
    describe: () =>
      `${observer.pods()} pods are left, ${observer.nodes()} nodes and ${JSON.stringify(observer.sizes())}`,
  });
  return roundOf(workload.name, sighting(), nodes);
}

function roundOf(workload: Workload["name"], seen: Sighting, nodes: Round["nodes"]): Round {
  const after = (at: number | null): number =>
    at === null || seen.firstPodAt === null ? Number.NaN : (at - seen.firstPodAt) / 1000;
  return {
    workload,
    sizeS: after(seen.firstSizeAt),
    firstMarkS: after(seen.firstMarkAt),
    lastMarkS: after(seen.lastMarkAt),
    lastBoundS: after(seen.lastBoundAt),
    nodes,
  };
}

function sizesAboveZero(observer: Observer): Round["nodes"] {
  return Object.fromEntries(Object.entries(observer.sizes()).filter(([, size]) => size > 0));
}

function policyOfAll(): object {
  const open = { nodes: MAX_NODES, percent: 100 };
  const pools = Object.entries(GROUPS).map(([name, { offers, usdPerHour }]) => ({
    name,
    capacityType: "on-demand",
    maxSize: MAX_NODES,
    price: { usdPerHour },
    group: machineDeployment(name),
    template: { allocatable: offers },
  }));
  return policySpec(pools, {
    maxNodes: MAX_NODES,
    maxPercentOrNodesAdded: open,
    maxPercentOrNodesRemoved: open,
    disruption: { budgets: [] },
  });
}

function replicaSet(name: string, app: string, { pods, asks }: Workload): object {
  const container = { name: "main", image: "example.test/work", resources: { requests: asks, limits: asks } };
  return {
    metadata: { name },
    spec: {
      replicas: pods,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: { containers: [container] } },
    },
  };
}

function wordsOf({ workload, sizeS, firstMarkS, lastMarkS, lastBoundS, nodes }: Round): string {
  return (
    `${workload}: first size ${sizeS.toFixed(3)} s after the first pod, the scheduler's first word ` +
    `${firstMarkS.toFixed(3)} and last ${lastMarkS.toFixed(3)}, all bound ${lastBoundS.toFixed(3)}, ${JSON.stringify(nodes)}`
  );
}

function spread(values: readonly number[]): string {
  return [Math.min(...values), median(values), Math.max(...values)].map((one) => one.toFixed(3)).join(" / ");
}
