// What a caller tells the world: its pools of machines, how fast things go, and the work that arrives. Every
// length of time is explicit or has its default here.

import type { Affinity, ResourceList, Taint, Toleration } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Ratio, Seconds } from "../../shared/model/units.ts";

/** A fixed length, or a range from which each machine draws by the seed. */
export type Span = Millis | readonly [shortest: Millis, longest: Millis];

/** `chance`: 0 gives the shortest, below 1 up to the longest. */
export function draw(span: Span, chance: number): Millis {
  if (typeof span === "number") return span;
  const [shortest, longest] = span;
  return millis(Math.round(shortest + chance * (longest - shortest)));
}

/** A MachineDeployment and the machines that it makes. */
export interface PoolShape {
  /** Name of the MachineDeployment, and the value of the pool label on its nodes. */
  readonly name: string;
  readonly namespace?: string;
  readonly replicas?: number;
  readonly capacityType: "spot" | "on-demand" | "reserved";
  readonly instanceType: string;
  /** Machines take the zones in turn. */
  readonly zones: readonly string[];
  /** What a node offers to pods, `pods` included. */
  readonly allocatable: ResourceList;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  /** Machine created → node registered. */
  readonly bootMs: Span;
  /** Node registered → node Ready with its GPUs. */
  readonly readyMs: Span;
  /** Share of machines that never come up. */
  readonly bootFailureRate?: Ratio;
  /** How many machines the provider has to give; null is without end. */
  readonly maxMachines?: number | null;
  /** What Cluster API does with a Machine whose instance was taken: keep it as Failed, or replace it. */
  readonly onInterrupt?: "failed" | "replaced";
}

/** A Cluster API MachinePool: its provider makes the members, shows no Machines and picks who goes. */
export type MachinePoolShape = Omit<PoolShape, "bootFailureRate" | "onInterrupt">;

/** A Karpenter NodePool. With `replicas` it is static. */
export interface NodePoolShape extends Omit<MachinePoolShape, "namespace"> {
  /** `limits.nodes` */
  readonly nodeLimit?: number;
  /** Whether its provider's own interruption controller deletes a claim at the notice, as with a queue of such notices. */
  readonly deletesAtNotice?: boolean;
  /** Of a dynamic one: how many NodeClaims it begins with, as if pods had asked for them. */
  readonly claims?: number;
}

export interface WorldOptions {
  readonly start: EpochMs;
  readonly seed: number;
  readonly pools?: readonly PoolShape[];
  readonly machinePools?: readonly MachinePoolShape[];
  readonly nodePools?: readonly NodePoolShape[];
  /** Beside `default` and `kube-system`. */
  readonly namespaces?: readonly string[];
  /** Added to machine names to make node names, such as `sim.internal`. */
  readonly nodeDomain?: string;
  /** Pod bound → containers running. */
  readonly startDelayMs?: Millis;
  /** SIGTERM → a process without heavy shutdown has ended. */
  readonly exitAfterMs?: Millis;
  /** Pod lost → its owner makes the next one. */
  readonly recreateDelayMs?: Millis;
  /** How long the machine controller waits for a node's pods before it takes the machine anyway. */
  readonly drainMs?: Millis;
  /** How often a kubelet refreshes its node's conditions; null never. */
  readonly heartbeatMs?: Millis | null;
  /** How long pods that finished stay readable. */
  readonly keepFinishedMs?: Millis;
  /** A group of machines at a cloud that found none tries again so much later. */
  readonly launchRetryMs?: Millis;
  /** Whether the scheduler binds pods that name a gang (`POD_ANNOTATION.gang`) all together or not at all. Absent: no. */
  readonly holdsGangs?: boolean;
  /** How many changes a watch may lag behind before it must list again. */
  readonly historyLimit?: number;
}

export type WorldSettings = Required<
  Omit<WorldOptions, "pools" | "machinePools" | "nodePools" | "namespaces">
>;

export function withDefaults(options: WorldOptions): WorldSettings {
  return {
    start: options.start,
    seed: options.seed,
    nodeDomain: options.nodeDomain ?? "",
    startDelayMs: options.startDelayMs ?? millis(1000),
    exitAfterMs: options.exitAfterMs ?? millis(1000),
    recreateDelayMs: options.recreateDelayMs ?? millis(200),
    drainMs: options.drainMs ?? millis(120_000),
    heartbeatMs: options.heartbeatMs === undefined ? millis(300_000) : options.heartbeatMs,
    keepFinishedMs: options.keepFinishedMs ?? millis(30_000),
    launchRetryMs: options.launchRetryMs ?? millis(30_000),
    holdsGangs: options.holdsGangs ?? false,
    historyLimit: options.historyLimit ?? 5000,
  };
}

/** What the pods of one owner look like and how their processes behave. */
export interface PodShape {
  readonly namespace?: string;
  readonly gpus?: number;
  /** Defaults: 2 cores and 8Gi for each GPU, 1 core and 1Gi without. */
  readonly cpu?: string;
  readonly memory?: string;
  /** Value of the eviction-priority annotation, written as given. */
  readonly evictionPriority?: string;
  /** Kubernetes priority, for the scheduler's order. */
  readonly priority?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly affinity?: Affinity;
  readonly tolerations?: readonly Toleration[];
  readonly graceSeconds?: Seconds;
  /** SIGTERM → the process is done with its own shutdown; it is killed when its grace ends before that. */
  readonly exitAfterMs?: Millis;
  /** Of a range each pod draws by the seed. */
  readonly startDelayMs?: Span;
}

/** Work with an end. */
export interface JobSpec extends PodShape {
  readonly id: string;
  /** For the whole job; a job without `workers` is split into pods of at most `maxGpusPerPod`. */
  readonly gpus: number;
  readonly durationMs: Millis;
  /** Arrival; at once when left out. */
  readonly at?: EpochMs;
  /** So many equal pods, each holding its share of the GPUs. */
  readonly workers?: number;
  readonly maxGpusPerPod?: number;
  /** Progress is saved this often; without it only a clean exit saves it. */
  readonly checkpointEveryMs?: Millis;
  /** What a pod that comes after one that ran does before it goes on. */
  readonly restartMs?: Millis;
  /** Its workers run together or not at all: one that is lost ends the others, and all go on from where the last one is. */
  readonly gang?: boolean;
}

/** Pods that run until the service is removed. */
export interface ServiceSpec extends PodShape {
  readonly name: string;
  readonly replicas: number;
}

/** One pod on each node that matches. */
export interface DaemonSetSpec extends PodShape {
  readonly name: string;
  /** Pods of the kubelet itself, with the mirror annotation and no controller but their node. */
  readonly mirror?: boolean;
}
