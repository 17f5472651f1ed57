// What the coordinator costs beside a fleet at rest, on a whole cluster: nodes of a Cluster API group with their agents'
// reports, pods of a DaemonSet and of a ReplicaSet that fill them, kept by the real scheduler and controllers, and kwok for
// the kubelets. The shipped bundle with the flags it ships with, once beside each size of fleet, each time a new process.

import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { policySpec, poolSpec } from "../build/scene.ts";
import { change } from "../control-plane/workloads.ts";
import { speakForAgents } from "./agents.ts";
import { MACHINE_DEPLOYMENTS, NAMESPACE, openClusterStage } from "./cluster-stage.ts";
import type { ClusterStage } from "./cluster-stage.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";

const GROUP = "fleet";
const GPUS = 8;
const OFFERS = { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: String(GPUS) };
/** Of the ReplicaSet; beside one of the DaemonSet. */
const PODS_PER_NODE = 4;
const FLEETS = [500, 1_000] as const;
/** After the start, compiled code and lists settle. */
const SETTLE_MS = millis(30_000);
const MEASURE_MS = millis(120_000);
const LOOK_EVERY_MS = millis(2_000);
const REPORT_EVERY_MS = 5_000;
const WITHIN_MS = 480_000;

const APPS = `/apis/apps/v1/namespaces/${NAMESPACE}`;
const CYCLES = "gpu_autoscaler_reconcile_duration_seconds_count";

interface Cost {
  readonly rssMib: number;
  readonly cpuPercent: number;
}

export async function measureRest(): Promise<readonly Figure[]> {
  await using stage = await openClusterStage({ [GROUP]: OFFERS });
  const most = Math.max(...FLEETS);
  await stage.policy(
    "rest",
    policySpec([poolSpec(GROUP, { maxSize: most, template: { allocatable: OFFERS } })], {
      maxNodes: most,
    }),
  );
  await change(stage.plane.send, "POST", `${APPS}/daemonsets`, workload("daemon", DAEMON));
  await change(stage.plane.send, "POST", `${APPS}/replicasets`, workload("train", TRAIN, 0));
  const costs: Cost[] = [];
  for (const nodes of FLEETS) {
    await fill(stage, nodes);
    costs.push(await costBeside(stage, nodes));
  }
  const [small, large] = costs;
  if (small === undefined || large === undefined) throw new Error("no fleet was measured");
  return [
    figure("rss_mib", small.rssMib, "MiB", { max: 200 }),
    figure("cpu_percent", small.cpuPercent, "% of a core", { max: 5 }),
    figure("rss_1000_mib", large.rssMib, "MiB", {}),
    figure("cpu_1000_percent", large.cpuPercent, "% of a core", {}),
    // All of both is twice as much; what a process has and does without any fleet is in both.
    figure("rss_growth", large.rssMib / small.rssMib, "", { max: 2 }),
    figure("cpu_growth", large.cpuPercent / small.cpuPercent, "", { max: 2.2 }),
  ];
}

/** Makes the fleet so large, and full. */
async function fill({ plane, resize }: ClusterStage, nodes: number): Promise<void> {
  const begunMs = systemClock.monotonic();
  await resize(GROUP, nodes);
  await change(plane.send, "PATCH", `${APPS}/replicasets/train`, {
    spec: { replicas: nodes * PODS_PER_NODE },
  });
  const all = nodes * (1 + PODS_PER_NODE);
  let told = 0;
  await eventually(
    async () => {
      const daemons = (await statusOf(plane, "daemonsets/daemon"))["numberReady"] ?? 0;
      const trains = (await statusOf(plane, "replicasets/train"))["readyReplicas"] ?? 0;
      const share = Math.floor((5 * (daemons + trains)) / all);
      if (share > told) console.error(`cluster: ${daemons + trains} of ${all} pods run`);
      told = Math.max(told, share);
      return daemons === nodes && trains === nodes * PODS_PER_NODE;
    },
    { withinMs: WITHIN_MS },
  );
  const tookS = (systemClock.monotonic() - begunMs) / 1000;
  console.error(`cluster: ${nodes} nodes are full, after ${tookS.toFixed(0)} s`);
}

async function costBeside(stage: ClusterStage, nodes: number): Promise<Cost> {
  const machines = await stage.groups.machines(GROUP);
  const names = machines.flatMap(({ status }) => status?.nodeRef?.name ?? []);
  const sending = { url: stage.nats, nodes: names, gpus: GPUS, everyMs: REPORT_EVERY_MS };
  await using parts = new AsyncDisposableStack();
  parts.defer(speakForAgents(sending));
  const coordinator = await startCoordinator({
    kubeconfig: stage.kubeconfig,
    nats: stage.nats,
    waitFor: "leading",
  });
  // In order: the next one need not wait for the end of its lease.
  parts.defer(async () => void (await coordinator.stop()));
  await systemClock.sleep(SETTLE_MS);

  const before = { look: lookAt(coordinator.pid), cycles: await coordinator.metric(CYCLES) };
  const begunMs = systemClock.monotonic();
  let rssMib = before.look.rssMib;
  while (systemClock.monotonic() - begunMs < MEASURE_MS) {
    await systemClock.sleep(LOOK_EVERY_MS);
    rssMib = Math.max(rssMib, lookAt(coordinator.pid).rssMib);
  }
  const spentS = lookAt(coordinator.pid).cpuSeconds - before.look.cpuSeconds;
  const passedS = (systemClock.monotonic() - begunMs) / 1000;
  const cycles = ((await coordinator.metric(CYCLES)) ?? Number.NaN) - (before.cycles ?? Number.NaN);
  const unknown = await coordinator.metric("gpu_autoscaler_nodes_unknown");
  const size = await sizeOf(stage, GROUP);
  if (unknown !== 0 || size !== nodes)
    throw new Error(`the fleet was not at rest: ${size} of ${nodes} nodes, ${String(unknown)} not heard`);
  // One each ten seconds at least, or what was measured is not a coordinator at work.
  if (!(cycles >= Math.floor(passedS / 11)))
    throw new Error(`${cycles} decisions in ${passedS.toFixed(0)} s`);
  const cost = { rssMib, cpuPercent: (100 * spentS) / passedS };
  console.error(
    `cluster: beside ${nodes} nodes and ${nodes * (1 + PODS_PER_NODE)} pods: ${rssMib.toFixed(0)} MiB and ${cost.cpuPercent.toFixed(2)} % of a core, ${cycles} decisions in ${passedS.toFixed(0)} s`,
  );
  return cost;
}

async function sizeOf({ plane }: ClusterStage, group: string): Promise<number> {
  const { text } = await plane.send({ method: "GET", path: `${MACHINE_DEPLOYMENTS}/${group}` });
  return (JSON.parse(text) as { readonly spec: { readonly replicas: number } }).spec.replicas;
}

async function statusOf(
  { send }: Pick<ClusterStage["plane"], "send">,
  path: string,
): Promise<Readonly<Record<string, number>>> {
  const { text } = await send({ method: "GET", path: `${APPS}/${path}` });
  return (JSON.parse(text) as { readonly status?: Record<string, number> }).status ?? {};
}

const DAEMON = { cpu: "100m", memory: "100Mi" };
const TRAIN = { cpu: "8", memory: "64Gi", [GPU_RESOURCE]: String(GPUS / PODS_PER_NODE) };

/** A DaemonSet, or with `replicas` a ReplicaSet. A pod as clients write them is more than the few fields that are read. */
function workload(app: string, asks: Readonly<Record<string, string>>, replicas?: number): object {
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(3_000) };
  const container = { name: "main", image: "example.test/work", resources: { requests: asks, limits: asks } };
  const selector = { "example.test/group": GROUP };
  return {
    metadata: { name: app },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app }, annotations },
        spec: { containers: [container], nodeSelector: selector },
      },
    },
  };
}
