// The agents of a fleet in virtual time, as far as a coordinator sees them: what they report of their GPUs, how they answer
// a request to empty their node, what they do at a notice. The shipped agent is not in these runs; it is in those of
// real time (live/).

import type { ReportDigest, Telemetry } from "../../../coordinator/decide/snapshot.ts";
import type { Fleet } from "../../../coordinator/observe/fleet.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { readDrainRequest, readDrainState } from "../../../shared/contract/node-marks.ts";
import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { Node, Pod } from "../../../shared/model/kube.ts";
import { GPU_RESOURCE, NODE_ANNOTATION } from "../../../shared/model/names.ts";
import { EVICTION_CLASSES, evictionClass, isDaemonPod, isFinished } from "../../../shared/model/pod.ts";
import { epochMs, ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Reading } from "../book.ts";
import type { VirtualTime } from "./time.ts";
import type { Troubles } from "./troubles.ts";

export interface Agents {
  /** Looks at every node that bears a request or a mark. Called when something has changed. */
  look(): void;
  /** The cloud says that it takes the node's machine at `deadline`, and the agent has seen it. */
  notice(node: string, deadline: EpochMs): void;
  kill(node: string): void;
  revive(node: string): void;
  isAlive(node: string): boolean;
  /** What was heard of a node last. */
  reading(node: string): Reading | null;
  /** What one replica knows; `now` by its own clock. */
  fleetOf(now: () => EpochMs): Fleet;
}

const REPORT_MS = 5_000;
/** An agent looks at its node, and at its pods, about so often. */
const STEP_MS = 1_000;
/** Reports that a replica is told of at once, at most. */
const KEPT = 30;
/** A service is quiet for a share of such a while. */
const QUIET_MS = 20 * 60_000;

export function createAgents(options: {
  readonly world: World;
  readonly time: VirtualTime;
  readonly troubles: Troubles;
}): Agents {
  const { world, time, troubles } = options;
  const dead = new Set<string>();
  const busyUntil = new Map<string, number>();
  const stepping = new Set<string>();
  /** When NATS was last there. */
  let heardAt = 0;

  const nodeOf = (name: string): Node | null => world.get("nodes", { name });

  function podsOn(node: string): readonly Pod[] {
    return world
      .list("pods")
      .filter((pod) => pod.spec.nodeName === node && !isFinished(pod) && !isDaemonPod(pod));
  }

  /** Jobs use what they hold; a service does so for half of the time. */
  function isBusy(node: string): boolean {
    const quiet = Math.floor(time.ms / QUIET_MS) % 2 === 1;
    return podsOn(node).some(
      (pod) =>
        pod.status?.phase === "Running" &&
        pod.spec.containers.some(({ resources }) => resources?.requests?.[GPU_RESOURCE] !== undefined) &&
        !(quiet && pod.metadata.ownerReferences?.[0]?.kind !== "Job"),
    );
  }

  function isGpuNode({ status }: Node): boolean {
    return status?.allocatable?.[GPU_RESOURCE] !== undefined;
  }

  function step(name: string): void {
    if (stepping.has(name)) return;
    stepping.add(name);
    time.alarm(time.ms + STEP_MS, () => {
      stepping.delete(name);
      const node = nodeOf(name);
      if (node !== null && !dead.has(name) && troubles.apiAway === 0) attend(node);
      else if (node !== null) step(name);
    });
  }

  function attend(node: Node): void {
    const { annotations = {}, name } = node.metadata;
    const request = readDrainRequest(annotations[NODE_ANNOTATION.drainRequest]);
    const state = readDrainState(annotations[NODE_ANNOTATION.drainState]);
    if (state.kind === "value" && state.value.cause === "notice") {
      if (state.value.phase !== "drained") go(node, state.value);
      return;
    }
    if (request.kind !== "value") {
      if (state.kind === "value")
        world.put("nodes", marked(node, null, state.value.cordonedByUs ? false : null));
      return;
    }
    const { id, deadline, evenBusy, idleBelow } = request.value;
    const mine = state.kind === "value" && state.value.id === id ? state.value : null;
    if (mine?.phase === "drained" || mine?.phase === "refused" || mine?.phase === "final") {
      step(name);
      return;
    }
    const begun: DrainState = mine ?? {
      v: 1,
      id,
      cause: "request",
      source: "coordinator",
      phase: "started",
      seenAt: world.now,
      deadline,
      replace: false,
      cordonedByUs: node.spec?.unschedulable !== true,
    };
    const busy = isBusy(name) ? 0.9 : 0;
    if (mine === null && evenBusy !== true && busy >= idleBelow) {
      world.put("nodes", marked(node, { ...begun, phase: "refused", cordonedByUs: false }, null));
      return;
    }
    if (world.now > deadline) {
      world.put("nodes", marked(node, { ...begun, phase: "final" }, null));
      return;
    }
    go(node, begun);
  }

  /** One step of emptying a node: a class begins when those before it have been asked. */
  function go(node: Node, state: DrainState): void {
    const pods = podsOn(node.metadata.name);
    const phase = pods.length === 0 ? "drained" : "wave";
    world.put("nodes", marked(node, { ...state, phase }, true));
    for (const wanted of EVICTION_CLASSES) {
      const due = pods.filter(
        (pod) => evictionClass(pod).class === wanted && pod.metadata.deletionTimestamp === undefined,
      );
      if (due.map(({ metadata }) => world.evict(metadata)).some(({ kind }) => kind === "too-many-requests"))
        break;
    }
    step(node.metadata.name);
  }

  function digests(node: string, since: number, until: number, offset: number): readonly ReportDigest[] {
    const last = Math.floor(until / REPORT_MS) * REPORT_MS;
    const count = Math.min(KEPT, Math.ceil((last - since) / REPORT_MS));
    return Array.from({ length: Math.max(0, count) }, (_, i) => {
      const at = last - (count - 1 - i) * REPORT_MS;
      const share = ratio(at <= (busyUntil.get(node) ?? -1) ? 0.9 : 0);
      return { at: epochMs(at + offset), busiest: share, peak: share, coverage: ratio(1) };
    });
  }

  /** Until when reports of a node have come: run time. */
  const silentSince = new Map<string, number>();
  function lastHeard(node: string): number {
    return Math.min(silentSince.get(node) ?? time.ms, troubles.natsAway > 0 ? heardAt : time.ms);
  }

  return {
    look: () => {
      if (troubles.natsAway === 0) heardAt = time.ms;
      for (const node of world.list("nodes")) {
        const { name, annotations = {} } = node.metadata;
        if (!isGpuNode(node)) continue;
        if (isBusy(name)) busyUntil.set(name, time.ms + REPORT_MS);
        if (
          annotations[NODE_ANNOTATION.drainRequest] !== undefined ||
          annotations[NODE_ANNOTATION.drainState] !== undefined
        )
          step(name);
      }
    },
    notice: (name, deadline) => {
      const node = nodeOf(name);
      if (node === null) return;
      const before = readDrainState(node.metadata.annotations?.[NODE_ANNOTATION.drainState]);
      const cordonedByUs =
        before.kind === "value" ? before.value.cordonedByUs : node.spec?.unschedulable !== true;
      const id = `aws-${name}`;
      const state: DrainState = {
        v: 1,
        id,
        cause: "notice",
        source: "aws",
        phase: "started",
        seenAt: world.now,
        deadline,
        replace: true,
        cordonedByUs,
      };
      world.put("nodes", marked(node, state, true));
      step(name);
    },
    kill: (node) => {
      dead.add(node);
      silentSince.set(node, time.ms);
    },
    revive: (node) => {
      dead.delete(node);
      silentSince.delete(node);
      step(node);
    },
    isAlive: (node) => !dead.has(node),
    reading: (node) => {
      if (nodeOf(node) === null) return null;
      const at = Math.floor(lastHeard(node) / REPORT_MS) * REPORT_MS;
      return { ageMs: time.ms - at, busiest: at <= (busyUntil.get(node) ?? -1) ? 0.9 : 0 };
    },
    fleetOf: (now) => {
      const seen = new Map<string, number>();
      const begun = time.ms;
      let told: readonly string[] = [];
      return {
        accept: () => {},
        telemetry: (name): Telemetry => {
          const until = lastHeard(name);
          const node = nodeOf(name);
          const born =
            node === null ? until : Date.parse(node.metadata.creationTimestamp ?? "") - (world.now - time.ms);
          const from = Math.max(seen.get(name) ?? begun, born);
          const offset = now() - time.ms;
          const since = digests(name, Math.min(from, until - REPORT_MS), until, offset);
          const newest = since.at(-1);
          if (newest === undefined || until - born < REPORT_MS || until < begun)
            return { kind: "unknown", because: "never-reported", detail: "no report has come" };
          told = [...told, name];
          return {
            kind: "reported",
            receivedAt: newest.at,
            gpus: [{ uuid: `GPU-${name}`, mean60: newest.busiest }],
            since,
          };
        },
        decided: () => {
          for (const name of told) seen.set(name, lastHeard(name));
          told = [];
        },
        keepOnly: (nodes) => {
          for (const name of seen.keys()) if (!nodes.has(name)) seen.delete(name);
        },
      };
    },
  };
}

/** `cordoned` null leaves that as it is. */
function marked(node: Node, state: DrainState | null, cordoned: boolean | null): Node {
  const { [NODE_ANNOTATION.drainState]: _before, ...others } = node.metadata.annotations ?? {};
  const annotations =
    state === null ? others : { ...others, [NODE_ANNOTATION.drainState]: JSON.stringify(state) };
  return {
    ...node,
    metadata: { ...node.metadata, annotations },
    spec: { ...node.spec, ...(cordoned === null ? {} : { unschedulable: cordoned }) },
  };
}
