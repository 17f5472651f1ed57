// The agents of a replay's nodes, as far as a sizer can see them: what they report of their GPUs, and how they empty their
// node at a notice or when they are asked to. A GPU is busy while a process runs that holds it, else idle; reports come
// without delay or loss, and a node's pods are told to end all at once, in order of their class.

import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { Node, Pod } from "../../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import { EVICTION_CLASSES, evictionClass, isDaemonPod, isFinished } from "../../../shared/model/pod.ts";
import { epochMs, ratio, seconds } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { GpuInput, ReportDigest, Telemetry } from "../../decide/snapshot.ts";
import type { Fleet } from "../../observe/fleet.ts";
import type { World } from "../world.ts";
import type { Book, MachineUse } from "./book.ts";

export interface Agents {
  readonly fleet: Fleet;
  /** The cloud says that it takes the node's machine at `deadline`. */
  notice(node: string, deadline: EpochMs): void;
  /** Empties a node on request; `id` names the request. */
  drain(node: string, id: string): void;
  /** A request is taken back: the node takes pods again. */
  callOff(node: string): void;
  /** Says of nodes that have become empty that they are. True when it said so of one. */
  look(): boolean;
}

/** As far apart as reports may come before a decision asks what happened in between. */
const REPORT_MS = 15_000;

const NEVER: Telemetry = Object.freeze({
  kind: "unknown",
  because: "never-reported",
  detail: "no report has come from this node's agent",
});

export function createAgents(world: World, book: Book): Agents {
  /** Nodes that are being emptied. */
  const emptying = new Map<string, DrainState>();
  let decidedAt: EpochMs = world.now;
  const gpuNames = new Map<string, readonly GpuInput[]>();

  function gpusOf({ id, gpus, busyGpus }: MachineUse): readonly GpuInput[] {
    const busy = Math.min(gpus, busyGpus);
    const key = `${id} ${busy}`;
    let made = gpuNames.get(key);
    if (made === undefined) {
      made = Object.freeze(
        Array.from({ length: gpus }, (_, at) =>
          Object.freeze({
            uuid: `GPU-${id}-${String(at).padStart(2, "0")}`,
            mean60: at < busy ? ratio(1) : ratio(0),
          }),
        ),
      );
      gpuNames.set(key, made);
    }
    return made;
  }

  function telemetry(node: string): Telemetry {
    const machine = book.onNode(node);
    if (machine === undefined || !machine.ready || machine.gpus === 0) return NEVER;
    const { now } = world;
    return Object.freeze({
      kind: "reported",
      receivedAt: now,
      gpus: gpusOf(machine),
      since: Object.freeze(machine.busyGpus > 0 ? [digest(now, 1)] : idleReports(machine, decidedAt, now)),
    });
  }

  function nodeOf(name: string): Node | null {
    return world.get("nodes", { name });
  }

  function podsOn(node: string): readonly Pod[] {
    return book.podsOn(node).flatMap(({ key }) => {
      const [namespace = "", name = ""] = key.split("/");
      const pod = world.get("pods", { namespace, name });
      return pod === null || isFinished(pod) || isDaemonPod(pod) ? [] : [pod];
    });
  }

  function mark(name: string, state: DrainState | null, cordoned: boolean): void {
    const node = nodeOf(name);
    if (node === null) return;
    const { [NODE_ANNOTATION.drainState]: _before, ...others } = node.metadata.annotations ?? {};
    const annotations =
      state === null ? others : { ...others, [NODE_ANNOTATION.drainState]: JSON.stringify(state) };
    world.put("nodes", {
      ...node,
      metadata: { ...node.metadata, annotations },
      spec: { ...node.spec, unschedulable: cordoned },
    });
  }

  function begin(name: string, state: DrainState, graceMs: number | null): void {
    const machine = book.onNode(name);
    if (machine !== undefined) machine.draining = true;
    emptying.set(name, state);
    mark(name, state, true);
    const pods = podsOn(name);
    for (const wanted of EVICTION_CLASSES)
      for (const pod of pods) {
        if (evictionClass(pod).class !== wanted) continue;
        const own = pod.spec.terminationGracePeriodSeconds ?? 30;
        const graceSeconds = seconds(graceMs === null ? own : Math.min(own, Math.ceil(graceMs / 1000)));
        world.evict(pod.metadata, { graceSeconds });
      }
  }

  return {
    fleet: {
      accept: () => {},
      telemetry,
      decided: (at) => {
        decidedAt = at;
      },
      keepOnly: () => {},
    },
    notice: (node, deadline) => {
      const source = book.onNode(node)?.pool.provider ?? "generic";
      const before = emptying.get(node);
      begin(
        node,
        {
          v: 1,
          id: `${source}-${node}`,
          cause: "notice",
          source,
          phase: "wave",
          seenAt: world.now,
          deadline,
          replace: true,
          cordonedByUs: before?.cordonedByUs ?? true,
        },
        deadline - world.now,
      );
    },
    drain: (node, id) => {
      const found = nodeOf(node);
      if (found === null || emptying.has(node)) return;
      begin(
        node,
        {
          v: 1,
          id,
          cause: "request",
          source: "coordinator",
          phase: "wave",
          seenAt: world.now,
          deadline: epochMs(world.now + DRAIN_MS),
          replace: false,
          cordonedByUs: found.spec?.unschedulable !== true,
        },
        null,
      );
    },
    callOff: (node) => {
      if (emptying.get(node)?.cause !== "request") return;
      emptying.delete(node);
      const machine = book.onNode(node);
      if (machine !== undefined) machine.draining = false;
      mark(node, null, false);
    },
    look: () => {
      let said = false;
      for (const [node, state] of emptying) {
        if (book.onNode(node) === undefined) emptying.delete(node);
        else if (state.phase !== "drained" && book.podsOn(node).length === 0) {
          const drained = { ...state, phase: "drained" as const };
          emptying.set(node, drained);
          mark(node, drained, true);
          said = true;
        }
      }
      return said;
    },
  };
}

/** As long as a drain that was asked for may take; nothing in a replay refuses to end. */
const DRAIN_MS = 300_000;

/**
 * Of a machine on which no process runs: one report now, and those since the last decision that show that it was so all
 * the time, or that it was not.
 */
function idleReports(
  { busyAt, createdAt }: MachineUse,
  decidedAt: EpochMs,
  now: EpochMs,
): readonly ReportDigest[] {
  const reports = [digest(now, 0)];
  const begun = Math.max(busyAt ?? createdAt, decidedAt);
  for (let at = now - REPORT_MS; at > begun; at -= REPORT_MS) reports.push(digest(epochMs(at), 0));
  if (busyAt !== null && busyAt >= decidedAt && busyAt < now) reports.push(digest(busyAt, 1));
  return reports.reverse();
}

function digest(at: EpochMs, share: 0 | 1): ReportDigest {
  const busy = ratio(share);
  return Object.freeze({ at, busiest: busy, peak: busy, coverage: ratio(1) });
}
