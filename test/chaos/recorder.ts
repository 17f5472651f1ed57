// Writes the book of a run over the simulated world: follows its ledger and what is written into its policies, and adds what
// those do not say themselves, as which pods went down with a machine and whether anybody had asked them to leave.

import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { readDrainState } from "../../shared/contract/node-marks.ts";
import { parsePolicy } from "../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { evictionClass, isDaemonPod, isFinished, isTerminating, podKey } from "../../shared/model/pod.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import { FLEET } from "./book.ts";
import type { Book, PoolLimits, Reading } from "./book.ts";

export interface GroupChange {
  readonly pool: string;
  readonly what: "grow" | "remove" | "release" | "cancel";
  readonly instance: string | null;
  /** Size of the group before and after it. */
  readonly from: number;
  readonly to: number;
}

export interface Recorder {
  /** Takes over what has happened in the world since. */
  follow(): void;
  /** Looks at what a change of a group is about before it takes effect; what it returns writes it down. */
  change(group: string, instance: string | null): (change: Omit<GroupChange, "pool" | "instance">) => void;
  /** The cloud has told a machine of its end. `chanceMs`: see book.ts. */
  noticed(node: string, deadline: number, chanceMs: () => number): void;
}

export interface RecorderOptions {
  readonly world: World;
  readonly book: Book;
  /** When the run began, in the world's time. */
  readonly start: number;
  readonly reading: (node: string) => Reading | null;
  /** For how long whoever leads may have known nothing new of the policy. */
  readonly staleMs: () => number;
  /** Whether the agent, or whoever empties the node, had the time to go by classes. */
  readonly ordered: (node: string) => boolean;
}

interface Resident {
  readonly class: EvictionClass;
  evicted: boolean;
}

interface Noticed {
  readonly deadline: number;
  readonly chanceMs: () => number;
  seen: boolean;
  told: boolean;
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { world, book, start, reading } = options;
  let read = 0;
  let version = 0;
  const residents = new Map<string, Map<string, Resident>>();
  const nodeOf = new Map<string, string>();
  const machineOf = new Map<string, string>();
  const ending = new Map<string, "asked" | "victim">();
  const classes = new Map<string, EvictionClass>();
  const intended = new Set<string>();
  const notices = new Map<string, Noticed>();
  let generation: number | undefined;

  const at = (instant: number): number => instant - start;
  const residentsOf = (node: string): Map<string, Resident> => {
    const known = residents.get(node) ?? new Map<string, Resident>();
    residents.set(node, known);
    return known;
  };

  function take(entry: LedgerEntry): void {
    switch (entry.kind) {
      case "machine-created":
        book.add({ at: at(entry.at), kind: "launch", pool: entry.pool, machine: entry.machine });
        break;
      case "machine-joined":
        nodeOf.set(entry.machine, entry.node);
        machineOf.set(entry.node, entry.machine);
        break;
      case "machine-deleting":
        ending.set(entry.machine, entry.chosen === "random" ? "victim" : "asked");
        break;
      case "machine-removed": {
        const why = ending.get(entry.machine) ?? "taken";
        book.add({ at: at(entry.at), kind: "end", pool: entry.pool, machine: entry.machine, why });
        ending.delete(entry.machine);
        break;
      }
      case "pod-created":
        classes.set(entry.uid, classOf(entry.evictionPriority));
        break;
      case "pod-scheduled":
        residentsOf(entry.node).set(keyOf(entry), {
          class: classes.get(entry.uid) ?? "medium",
          evicted: false,
        });
        break;
      case "pod-evicted":
        evicted(entry);
        break;
      case "pod-exited":
        if (entry.why === "node-lost") lost(entry);
        residents.get(entry.node)?.delete(keyOf(entry));
        break;
      case "pod-removed":
        classes.delete(entry.uid);
        if (entry.node !== null) residents.get(entry.node)?.delete(keyOf(entry));
        break;
      case "node-removed":
        ended(entry.node, at(entry.at));
        break;
      default:
        break;
    }
  }

  function evicted(entry: Extract<LedgerEntry, { kind: "pod-evicted" }>): void {
    const { node } = entry;
    if (node === null) return;
    const all = residentsOf(node);
    const resident = all.get(keyOf(entry));
    if (resident === undefined || resident.evicted) return;
    resident.evicted = true;
    const staying = [...new Set([...all.values()].filter((one) => !one.evicted).map((one) => one.class))];
    book.add({
      at: at(entry.at),
      kind: "evicted",
      pod: keyOf(entry),
      node,
      class: resident.class,
      staying,
      ordered: options.ordered(node),
    });
  }

  function lost(entry: Extract<LedgerEntry, { kind: "pod-exited" }>): void {
    const resident = residents.get(entry.node)?.get(keyOf(entry));
    if (resident === undefined) return;
    const machine = machineOf.get(entry.node) ?? "";
    const notice = notices.get(entry.node);
    // A machine whose cloud takes it may be given back by us a moment before: its pods had what the notice left them.
    const why = notice !== undefined ? "noticed" : ending.get(machine) === "asked" ? "removed" : "lost";
    book.add({
      at: at(entry.at),
      kind: "pod-lost",
      pod: keyOf(entry),
      node: entry.node,
      why,
      evicted: resident.evicted,
      chanceMs: notice?.chanceMs() ?? 0,
    });
  }

  function ended(node: string, when: number): void {
    residents.delete(node);
    const notice = notices.get(node);
    if (notice === undefined || notice.told) return;
    notice.told = true;
    const { deadline } = notice;
    if (notice.seen) book.add({ at: when, kind: "notice-seen", node });
    book.add({ at: when, kind: "notice", node, deadline: at(deadline), chanceMs: notice.chanceMs() });
  }

  function lookAtPolicies(): void {
    for (const object of world.list("autoscalingpolicies")) {
      if (object.metadata.generation !== generation) {
        generation = object.metadata.generation;
        for (const [pool, each] of limitsOf(object.spec))
          book.add({ at: at(world.now), kind: "limits", pool, limits: each });
      }
      for (const move of parsePolicyStatus(object.status)?.moves ?? []) {
        const id = `${move.key} ${move.at}`;
        if ((move.phase !== "intended" && move.phase !== "draining") || intended.has(id)) continue;
        intended.add(id);
        book.add({
          at: at(world.now),
          kind: "intent",
          pool: move.pool,
          move,
          reading: move.node === undefined ? null : reading(move.node),
        });
      }
    }
  }

  function lookAtMarks(): void {
    for (const [node, notice] of notices) {
      if (notice.seen) continue;
      const mark = world.get("nodes", { name: node })?.metadata.annotations?.[NODE_ANNOTATION.drainState];
      const state = readDrainState(mark);
      if (state.kind === "value" && state.value.cause === "notice") notice.seen = true;
    }
  }

  function occupantsOf(node: string): readonly string[] {
    return world
      .list("pods")
      .filter(
        (pod) => pod.spec.nodeName === node && !isDaemonPod(pod) && !isFinished(pod) && !isTerminating(pod),
      )
      .map((pod) => `${podKey(pod)} (${evictionClass(pod).class})`);
  }

  return {
    follow: () => {
      if (version !== world.version) {
        version = world.version;
        lookAtPolicies();
        lookAtMarks();
      }
      for (; read < world.ledger.length; read++) {
        const entry = world.ledger[read];
        if (entry !== undefined) take(entry);
      }
    },
    change: (pool, instance) => {
      const node = instance === null ? null : (nodeOf.get(instance) ?? null);
      const isThere = node !== null && world.get("nodes", { name: node }) !== null;
      const occupants = isThere ? occupantsOf(node) : [];
      const noticed = node !== null && notices.has(node);
      lookAtPolicies();
      const when = at(world.now);
      const others = world.clouds
        .groups()
        .reduce((sum, { name, desired }) => sum + (name === pool ? 0 : desired), 0);
      const staleMs = options.staleMs();
      return ({ what, from, to }) =>
        book.add({
          at: when,
          kind: "write",
          pool,
          what,
          from,
          to,
          fleetTo: others + to,
          staleMs,
          instance,
          node,
          occupants,
          noticed,
        });
    },
    noticed: (node, deadline, chanceMs) => {
      notices.set(node, { deadline, chanceMs, seen: false, told: false });
    },
  };
}

function keyOf({ namespace, pod }: { readonly namespace: string; readonly pod: string }): string {
  return `${namespace}/${pod}`;
}

function classOf(priority: string | null): EvictionClass {
  return priority === "low" || priority === "high" ? priority : "medium";
}

/** By pool, and of all together. Where nobody may act there are none. */
function limitsOf(spec: unknown): readonly (readonly [string, PoolLimits | null])[] {
  const parsed = parsePolicy(spec);
  const acts = parsed.kind === "valid" && parsed.spec.mode === "Act" ? parsed.spec : null;
  const { nodePools = [] } = spec as { readonly nodePools?: readonly { readonly name: string }[] };
  return [
    [FLEET, acts === null ? null : { min: acts.minNodes, max: acts.maxNodes }],
    ...nodePools.map(({ name }): readonly [string, PoolLimits | null] => {
      const pool = acts?.nodePools.find((one) => one.name === name);
      return [name, pool === undefined ? null : { min: pool.minSize, max: pool.maxSize }];
    }),
  ];
}
