// Chaos on a real control plane: the chart installed by helm, its pods played by the shipped programs with the tokens of those
// pods, real scheduler and controllers, and between our programs and the API server a proxy that fails on demand. It plays those
// faults that can be there; machines are a stand-in's for Cluster API. What is seen is read from the API.

import { SERVICE_ACCOUNT } from "../../../shared/model/names.ts";
import { isTerminating } from "../../../shared/model/pod.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { eventually } from "../../build/eventually.ts";
import type { Fault as Wire } from "../../control-plane/between.ts";
import { BASE, startInstalled, TRAINING, VALUES } from "../../control-plane/installed.ts";
import type { Running } from "../../control-plane/kubelets.ts";
import { createWorkloads, WITH_GPU } from "../../control-plane/workloads.ts";
import { createBook } from "../book.ts";
import { exponential } from "../bursts.ts";
import { drawFaults } from "../draw.ts";
import { endOf } from "../fault.ts";
import type { Fault, FaultKind } from "../fault.ts";
import { edited } from "../fleet.ts";
import { violationsOf } from "../invariants.ts";
import type { Bounds } from "../invariants.ts";
import type { LiveRun } from "../live/run.ts";
import { createClusterRecorder } from "./recorder.ts";

export const CLUSTER_KINDS = [
  "stock-out",
  "api-away",
  "api-refuses",
  "api-answers-lost",
  "api-cut",
  "leader-dies",
  "leader-stops",
  "agent-dies",
  "policy-edit",
] as const satisfies readonly FaultKind[];

const MINUTE_MS = 60_000;
const BOUNDS: Bounds = { editMs: 10_000, freshMs: 20_000, chanceMs: 8_000, recoveryMs: 60_000 };
const LOOK_MS = 250;
const RESTED_MS = 3_000;
const REST_MS = 120_000;
const POOL = "gpus";
/** Between two changes of what is to run. */
const WORK_GAP_MS = 8_000;
const MOST_PODS = 4;

export function clusterFaults(seed: number, minutes: number): readonly Fault[] {
  return drawFaults({
    seed,
    kinds: CLUSTER_KINDS,
    lengthMs: minutes * MINUTE_MS,
    gapMs: 6_000,
    spansMs: [500, 6_000],
    zones: ["zone-a"],
    bursts: { gapMs: MINUTE_MS, withinMs: 1_000, most: 1, noticesMs: [10_000] },
    stepMs: 0,
  });
}

export async function runCluster(
  seed: number,
  minutes: number,
  faults: readonly Fault[] = clusterFaults(seed, minutes),
  say: (line: string) => void = () => {},
): Promise<LiveRun> {
  await using installed = await startInstalled();
  const { cluster, between, release, provider } = installed;
  const { client } = cluster.plane;
  const workloads = createWorkloads(cluster.plane);
  const random = seededRandom(seed ^ 0xfa11);
  const book = createBook();
  const start = systemClock.monotonic();
  const now = (): number => systemClock.monotonic() - start;
  const recorder = createClusterRecorder({
    client,
    book,
    policy: TRAINING,
    pool: POOL,
    group: { namespace: "default", name: POOL },
    now,
    // Here nodes go when they are empty, which needs no reading.
    reading: () => null,
  });

  // 1. Windows short enough that nodes come and go.
  const spec = {
    ...VALUES.policies[TRAINING],
    emptySeconds: 3,
    maxPercentOrNodesAdded: { nodes: 1000, percent: 100 },
  };
  const writeSpec = async (next: object): Promise<void> =>
    void (await client.mergePatch(RESOURCE.policies, { name: TRAINING }, { spec: { mode: null, ...next } }));
  await writeSpec(spec);
  await recorder.follow();
  between.afterWrite(async () => await recorder.follow().catch(() => {}));
  await workloads.deploy("train", 1, WITH_GPU);
  await release.until(async () => (await workloads.running("train")).length === 1, 120_000);

  // 2. What is wrong on the wire.
  const wire = { away: 0, refusals: 0, code: 503, lost: 0 };
  between.onRequest(({ isWrite }): Wire | null => {
    if (wire.away > 0) return { kind: "answer", status: 503, body: "{}" };
    if (wire.refusals > 0) {
      wire.refusals -= 1;
      return { kind: "answer", status: wire.code, body: "{}" };
    }
    if (isWrite && wire.lost > 0) {
      wire.lost -= 1;
      return { kind: "lose-answer" };
    }
    return null;
  });
  const leader = async (): Promise<Running | null> => {
    const { namespace } = SERVICE_ACCOUNT;
    const lease = await client
      .get(RESOURCE.leases, { namespace, name: "gpu-autoscaler-coordinator" })
      .catch(() => null);
    const holder = lease?.spec?.holderIdentity ?? "";
    return release.running.find(({ pod }) => holder.startsWith(`${pod}_`)) ?? null;
  };
  /** As a node does with a container that has ended for good: its Deployment, or DaemonSet, makes the next. */
  const end = async (one: Running | null | undefined, how: "kill" | "stop"): Promise<void> => {
    if (one === null || one === undefined) return;
    if (how === "kill") await one.program.kill();
    const ref = { namespace: SERVICE_ACCOUNT.namespace, name: one.pod };
    await client.delete(RESOURCE.pods, ref).catch(() => {});
  };
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number, run: () => void): void => void timers.push(setTimeout(run, ms));

  function play(fault: Fault): void {
    say(`${(fault.at / 1000).toFixed(1)} s ${JSON.stringify(fault)}`);
    switch (fault.kind) {
      case "stock-out":
        provider.stock(fault.left);
        later(fault.forMs, () => provider.stock(null));
        break;
      case "api-away":
        wire.away += 1;
        between.cut();
        later(fault.forMs, () => {
          wire.away -= 1;
        });
        break;
      case "api-refuses":
        Object.assign(wire, { refusals: fault.count, code: fault.code });
        break;
      case "api-answers-lost":
        wire.lost = fault.count;
        break;
      case "api-cut":
        between.cut();
        break;
      case "leader-dies":
        void leader().then(async (one) => await end(one, "kill"));
        break;
      case "leader-stops":
        void leader().then(async (one) => await end(one, "stop"));
        break;
      case "agent-dies":
        void end(
          release.running.find(({ component }) => component === "agent"),
          "kill",
        );
        break;
      case "policy-edit":
        // What cannot be used the server itself refuses.
        if (fault.edit === "broken") break;
        void writeSpec(edited({ ...spec }, fault.edit, fault.pick)).catch(() => {});
        later(fault.forMs, () => void writeSpec(spec).catch(() => {}));
        break;
      default:
        throw new RangeError(`${fault.kind} cannot be here`);
    }
  }

  // 3. It runs.
  const begun = now();
  for (const fault of faults) later(fault.at, () => play(fault));
  for (
    let at = exponential(random, WORK_GAP_MS);
    at < minutes * MINUTE_MS;
    at += exponential(random, WORK_GAP_MS)
  ) {
    const replicas = Math.floor(random() * (MOST_PODS + 1));
    later(at, () => void workloads.scale("train", replicas).catch(() => {}));
  }
  const lastMs = begun + Math.max(minutes * MINUTE_MS, ...faults.map(endOf));
  await eventually(async () => await ticked(lastMs), { withinMs: lastMs - begun + MINUTE_MS });
  async function ticked(until: number): Promise<boolean> {
    await recorder.follow().catch(() => {});
    await systemClock.sleep(LOOK_MS as Parameters<typeof systemClock.sleep>[0]);
    return now() >= until;
  }

  // 4. Rest.
  Object.assign(wire, { away: 0, refusals: 0, lost: 0 });
  provider.stock(null);
  await writeSpec(spec);
  const faultsEnd = now();
  let settledAt: number | null = null;
  let left: readonly string[] = [];
  await eventually(
    async () => {
      await recorder.follow();
      left = await leftNow();
      if (left.length > 0) settledAt = null;
      else settledAt ??= now();
      return settledAt !== null && now() - settledAt >= RESTED_MS;
    },
    { withinMs: REST_MS },
  ).catch(() => {});
  for (const timer of timers) clearTimeout(timer);

  async function cordoned(): Promise<readonly string[]> {
    const { items } = await client.list(RESOURCE.nodes);
    return items
      .filter(({ metadata, spec: node }) => metadata.name !== BASE && node?.unschedulable === true)
      .map(({ metadata }) => `node ${metadata.name}`);
  }

  async function leftNow(): Promise<readonly string[]> {
    const pods = (await workloads.pods("train")).filter((pod) => !isTerminating(pod));
    const waiting = pods.filter(({ status }) => status?.phase !== "Running");
    return [
      ...waiting.map(({ metadata }) => `pod ${metadata.name} waits`),
      ...recorder.openMoves().map(({ key }) => `move ${key} is open`),
      ...(await cordoned()),
    ];
  }

  const { items: nodes } = await client.list(RESOURCE.nodes);
  book.add({
    at: now(),
    kind: "last",
    faultsEnd,
    settledAt,
    left,
    cordoned: await cordoned(),
    // A machine of the provider whose node is not there any more, or never came.
    forgotten: [...provider.running].filter((id) => !nodes.some(({ spec: node }) => node?.providerID === id)),
  });
  return {
    seed,
    minutes,
    faults,
    violations: violationsOf(book.entries, BOUNDS),
    entries: book.entries,
    recoveryMs: settledAt === null ? null : settledAt - faultsEnd,
    restarts: release.past.filter(({ component }) => component === "coordinator").length - 2,
    calls: between.count("read") + between.count("write"),
  };
}
