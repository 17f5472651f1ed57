// Who holds what at this moment of a replay, read from the world's ledger: machines with what stands on them, pods with
// whose they are. Everything that counts, money, use, waits, asks here; nothing here is added up over time.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolModel } from "../scenario.ts";
import type { LedgerEntry } from "../world-core.ts";
import type { World } from "../world.ts";
import { gpusOfPool } from "./pools.ts";

/** One machine that is paid for. */
export interface MachineUse {
  readonly id: string;
  readonly pool: PoolModel;
  readonly zone: string;
  readonly gpus: number;
  readonly createdAt: EpochMs;
  /** Null: it is no node yet. */
  node: string | null;
  ready: boolean;
  /** Its node is being emptied, or is under notice. */
  draining: boolean;
  /** What pods on its node hold, started or not. */
  heldGpus: number;
  heldPods: number;
  /** What processes on it use now. */
  busyGpus: number;
  /** When a process last ran on it. */
  busyAt: EpochMs | null;
}

export interface PodUse {
  readonly uid: string;
  readonly key: string;
  readonly owner: { readonly kind: "job" | "service"; readonly name: string } | null;
  readonly gpus: number;
  node: string | null;
  phase: "pending" | "bound" | "running" | "stopping";
}

export interface Book {
  /** Those that are paid for, in the order in which they were asked for. */
  readonly machines: ReadonlyMap<string, MachineUse>;
  /** Machines whose place in the stock is taken: those, and those that are just ending. */
  held(): Iterable<MachineUse>;
  onNode(node: string): MachineUse | undefined;
  pod(uid: string): PodUse | undefined;
  podsOn(node: string): readonly PodUse[];
  /** GPUs that pods hold, and that processes use; a process that was told to end uses none. */
  readonly heldGpus: number;
  readonly runningGpus: number;
  /** Pods of the service that run. */
  replicasOf(service: string): number;
  /** Takes in one fact. `ended`: the machine that is not paid for any more. */
  take(fact: LedgerEntry): { readonly ended?: MachineUse };
}

export function createBook(world: World, pools: readonly PoolModel[]): Book {
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  const machines = new Map<string, MachineUse>();
  const ending = new Map<string, MachineUse>();
  const nodes = new Map<string, MachineUse>();
  const pods = new Map<string, PodUse>();
  const onNode = new Map<string, Set<PodUse>>();
  const replicas = new Map<string, number>();
  let heldGpus = 0;
  let runningGpus = 0;

  function hold(pod: PodUse, sign: 1 | -1): void {
    heldGpus += sign * pod.gpus;
    const machine = nodes.get(pod.node ?? "");
    if (machine === undefined) return;
    machine.heldGpus += sign * pod.gpus;
    machine.heldPods += sign;
  }

  function run(pod: PodUse, sign: 1 | -1): void {
    runningGpus += sign * pod.gpus;
    const machine = nodes.get(pod.node ?? "");
    if (machine !== undefined) {
      machine.busyGpus += sign * pod.gpus;
      machine.busyAt = world.now;
    }
    if (pod.owner?.kind === "service")
      replicas.set(pod.owner.name, (replicas.get(pod.owner.name) ?? 0) + sign);
  }

  /** It holds nothing from here on. */
  function release(pod: PodUse): void {
    if (pod.phase === "running") run(pod, -1);
    if (pod.phase !== "pending") hold(pod, -1);
    onNode.get(pod.node ?? "")?.delete(pod);
    pods.delete(pod.uid);
  }

  function end(id: string): MachineUse | undefined {
    const machine = machines.get(id);
    if (machine === undefined) return undefined;
    machines.delete(id);
    if (machine.node !== null) {
      nodes.delete(machine.node);
      onNode.delete(machine.node);
    }
    return machine;
  }

  return {
    machines,
    held: function* () {
      yield* machines.values();
      yield* ending.values();
    },
    onNode: (node) => nodes.get(node),
    pod: (uid) => pods.get(uid),
    podsOn: (node) => [...(onNode.get(node) ?? [])],
    get heldGpus() {
      return heldGpus;
    },
    get runningGpus() {
      return runningGpus;
    },
    replicasOf: (service) => replicas.get(service) ?? 0,
    take: (fact) => {
      switch (fact.kind) {
        case "machine-created": {
          const pool = byName.get(fact.pool);
          const zone = world.clouds.instance(fact.machine)?.zone;
          if (pool === undefined || zone === undefined) break;
          machines.set(fact.machine, {
            id: fact.machine,
            pool,
            zone,
            gpus: gpusOfPool(pool),
            createdAt: fact.at,
            node: null,
            ready: false,
            draining: false,
            heldGpus: 0,
            heldPods: 0,
            busyGpus: 0,
            busyAt: null,
          });
          break;
        }
        case "machine-joined": {
          const machine = machines.get(fact.machine);
          if (machine === undefined) break;
          machine.node = fact.node;
          nodes.set(fact.node, machine);
          onNode.set(fact.node, new Set());
          break;
        }
        case "node-ready": {
          const machine = nodes.get(fact.node);
          if (machine !== undefined) machine.ready = true;
          break;
        }
        // From here on a cloud takes no money, and still has the machine for a moment.
        case "machine-deleting": {
          const ended = end(fact.machine);
          if (ended === undefined) break;
          ending.set(fact.machine, ended);
          return { ended };
        }
        case "machine-removed": {
          ending.delete(fact.machine);
          const ended = end(fact.machine);
          return ended === undefined ? {} : { ended };
        }
        case "pod-created":
          pods.set(fact.uid, {
            uid: fact.uid,
            key: `${fact.namespace}/${fact.pod}`,
            owner: ownerOf(fact.owner),
            gpus: fact.gpus,
            node: null,
            phase: "pending",
          });
          break;
        case "pod-scheduled": {
          const pod = pods.get(fact.uid);
          if (pod === undefined) break;
          pod.node = fact.node;
          pod.phase = "bound";
          onNode.get(fact.node)?.add(pod);
          hold(pod, 1);
          break;
        }
        case "pod-started": {
          const pod = pods.get(fact.uid);
          if (pod?.phase !== "bound") break;
          pod.phase = "running";
          run(pod, 1);
          break;
        }
        case "pod-stopping": {
          const pod = pods.get(fact.uid);
          if (pod?.phase === "running") run(pod, -1);
          if (pod !== undefined) pod.phase = "stopping";
          break;
        }
        case "pod-exited":
        case "pod-removed": {
          const pod = pods.get(fact.uid);
          // A process that has finished leaves its GPUs to others although its pod can still be read.
          if (pod !== undefined) release(pod);
          break;
        }
        default:
          break;
      }
      return {};
    },
  };
}

function ownerOf(owner: string | null): PodUse["owner"] {
  const [kind, ...rest] = owner?.split("/") ?? [];
  const name = rest.join("/");
  if (kind === "Job") return { kind: "job", name };
  return kind === "ReplicaSet" ? { kind: "service", name } : null;
}
