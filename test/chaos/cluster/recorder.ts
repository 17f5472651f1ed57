// Writes the book of a run on a real control plane: after each write of our programs, and before they hear of it, it reads the
// policy, the group and its machines as the API server has them. One pool, whose group is a MachineDeployment.

import { parsePolicy } from "../../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../../shared/contract/policy/status.ts";
import type { MoveState } from "../../../shared/contract/policy/status.ts";
import type { Machine } from "../../../shared/model/kube.ts";
import { CLUSTER_API } from "../../../shared/model/names.ts";
import { isDaemonPod, isFinished, isTerminating, podKey } from "../../../shared/model/pod.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";
import type { Book, Reading } from "../book.ts";
import { FLEET } from "../book.ts";

export interface ClusterRecorder {
  /** Reads all that there is; one reading after the other. */
  follow(): Promise<void>;
  openMoves(): readonly MoveState[];
}

export interface ClusterRecorderOptions {
  readonly client: KubeClient;
  readonly book: Book;
  readonly policy: string;
  readonly pool: string;
  readonly group: { readonly namespace: string; readonly name: string };
  readonly now: () => number;
  readonly reading: (node: string) => Reading | null;
}

const VERSION = "v1beta2";
const machines: Resource<Machine> = { ...RESOURCE.machines, version: VERSION };
const groups = { ...RESOURCE.machineDeployments, version: VERSION };
/** A watch of the policy may be cut for as long. */
const STALE_MS = 20_000;

export function createClusterRecorder(options: ClusterRecorderOptions): ClusterRecorder {
  const { client, book, pool, group, now } = options;
  const intended = new Set<string>();
  const known = new Set<string>();
  const lowered = new Set<string>();
  let moves: readonly MoveState[] = [];
  let generation: number | undefined;
  let size: number | null = null;
  let turn: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    await lookAtPolicy();
    const { spec } = await client.get(groups, group);
    const { replicas = 0 } = (spec ?? {}) as { readonly replicas?: number };
    const members = (await client.list(machines, { namespace: group.namespace })).items;
    if (size !== null && replicas > size) write("grow", size, replicas, null, []);
    if (size !== null && replicas < size) {
      // Those that were named for it; the controller takes them before any other.
      const going = members.filter(({ metadata }) => isNamed(metadata) && !lowered.has(metadata.name));
      for (const machine of going) {
        lowered.add(machine.metadata.name);
        const node = machine.status?.nodeRef?.name ?? null;
        write("remove", size, replicas, machine.metadata.name, await occupantsOf(node), node);
      }
    }
    size = replicas;
    for (const { metadata } of members) {
      if (known.has(metadata.name)) continue;
      known.add(metadata.name);
      book.add({ at: now(), kind: "launch", pool, machine: metadata.name });
    }
    const there = new Set(members.map(({ metadata }) => metadata.name));
    for (const name of known) {
      if (there.has(name)) continue;
      known.delete(name);
      book.add({ at: now(), kind: "end", pool, machine: name, why: lowered.has(name) ? "asked" : "victim" });
    }
  }

  async function lookAtPolicy(): Promise<void> {
    const object = await client.get(RESOURCE.policies, { name: options.policy });
    if (object.metadata.generation !== generation) {
      generation = object.metadata.generation;
      const parsed = parsePolicy(object.spec);
      const spec = parsed.kind === "valid" && parsed.spec.mode === "Act" ? parsed.spec : null;
      const own = spec?.nodePools.find(({ name }) => name === pool);
      const at = now();
      book.add({
        at,
        kind: "limits",
        pool: FLEET,
        limits: spec === null ? null : { min: spec.minNodes, max: spec.maxNodes },
      });
      book.add({
        at,
        kind: "limits",
        pool,
        limits: own === undefined ? null : { min: own.minSize, max: own.maxSize },
      });
    }
    moves = parsePolicyStatus(object.status)?.moves ?? [];
    for (const move of moves) {
      const id = `${move.key} ${move.at}`;
      if ((move.phase !== "intended" && move.phase !== "draining") || intended.has(id)) continue;
      intended.add(id);
      const reading = move.node === undefined ? null : options.reading(move.node);
      book.add({ at: now(), kind: "intent", pool: move.pool, move, reading });
    }
  }

  function write(
    what: "grow" | "remove",
    from: number,
    to: number,
    instance: string | null,
    occupants: readonly string[],
    node: string | null = null,
  ): void {
    book.add({
      at: now(),
      kind: "write",
      pool,
      what,
      from,
      to,
      fleetTo: to,
      staleMs: STALE_MS,
      instance,
      node,
      occupants,
      noticed: false,
    });
  }

  async function occupantsOf(node: string | null): Promise<readonly string[]> {
    if (node === null) return [];
    const { items } = await client.list(RESOURCE.pods, { fieldSelector: `spec.nodeName=${node}` });
    return items.filter((pod) => !isDaemonPod(pod) && !isFinished(pod) && !isTerminating(pod)).map(podKey);
  }

  return {
    follow: async () => {
      const mine = turn.then(look, look);
      turn = mine.catch(() => {});
      await mine;
    },
    openMoves: () => moves.filter(({ phase }) => phase === "intended" || phase === "draining"),
  };
}

function isNamed({ annotations, deletionTimestamp }: Machine["metadata"]): boolean {
  return annotations?.[CLUSTER_API.deleteMachine] !== undefined || deletionTimestamp !== undefined;
}
