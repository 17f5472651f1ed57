// The kubelets of the simulated nodes: they start what is bound, end what is done, and give a pod that is
// deleted its grace. This file is the only way out for a pod, so each process ends exactly once and for one
// reason. What an end means for the work is for the pod's owner.
//
// The rule of grace: on deletion the process gets SIGTERM at once. It ends by itself after its own shutdown
// time, or is killed when the grace ends first. A later deletion may shorten the grace, counted from the first
// SIGTERM, and never lengthen it. Grace 0 removes the object at once and the process with it; on a real
// cluster the process may live on unseen for a moment.

import type { Pod } from "../../shared/model/kube.ts";
import { after, elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs, Millis, Seconds } from "../../shared/model/units.ts";
import type { Core, ExitReason, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import { isFinished, isNodeReady, isTerminating, podFact, withCondition } from "./world-pods.ts";
import { keyOf } from "./world-resources.ts";
import { timestamp } from "./world-time.ts";

const DEFAULT_GRACE_SECONDS = 30;

/** How the process inside a pod behaves; given by whoever made the pod. */
export interface Program {
  readonly startDelayMs: Millis;
  /** Work that is left; null runs for ever. */
  readonly remainingMs: Millis | null;
  readonly exitAfterMs: Millis;
}

export interface ProcessEnd {
  readonly uid: string;
  readonly why: ExitReason;
  readonly ranMs: Millis;
}

export interface ProgramSource {
  programOf(pod: Pod): Program | null;
  /** Takes note of the end; returns how much of the time that it ran is kept. */
  ended(end: ProcessEnd): Millis;
}

export interface Kubelet extends Part {
  /** Deletes as the API does; a null grace means the pod's own. */
  terminate(pod: Pod, grace: Seconds | null): void;
  /** Removes the pod with its process, for a reason that no grace can answer. */
  lose(pod: Pod): void;
}

interface Process {
  readonly key: string;
  readonly program: Program;
  startedAt: EpochMs | null;
  warnedAt: EpochMs | null;
  exitAt: EpochMs | null;
  ended: boolean;
}

export function createKubelet(core: Core, index: NodeIndex, programs: ProgramSource): Kubelet {
  const processes = new Map<string, Process>();
  /** Processes that wait for their node: to start on it, or to end on it. */
  const waiting = new Set<string>();
  let toLookAt = false;

  core.store.onChange((change) => {
    if (change.resource === "nodes") {
      if (change.kind === "deleted" || !isNodeReady(change.object)) return;
      if (change.previous !== null && isNodeReady(change.previous)) return;
      for (const key of index.podsOn(change.object.metadata.name)) {
        const uid = core.store.get("pods", key)?.metadata.uid;
        if (uid !== undefined && processes.has(uid)) waiting.add(uid);
      }
      toLookAt = true;
    }
    if (change.resource !== "pods" || change.kind === "deleted") return;
    const pod = change.object;
    const { uid = "" } = pod.metadata;
    if (pod.spec.nodeName === undefined || isFinished(pod) || processes.has(uid)) return;
    const program = programs.programOf(pod) ?? defaultProgram(core);
    processes.set(uid, {
      key: keyOf(pod.metadata),
      program,
      startedAt: null,
      warnedAt: null,
      exitAt: null,
      ended: false,
    });
    waiting.add(uid);
    toLookAt = true;
  });

  function current(uid: string): { process: Process; pod: Pod; node: string } | null {
    const process = processes.get(uid);
    const pod = process === undefined ? undefined : core.store.get("pods", process.key);
    if (process === undefined || pod?.metadata.uid !== uid || pod.spec.nodeName === undefined) return null;
    return { process, pod, node: pod.spec.nodeName };
  }

  function nodeAnswers(name: string): boolean {
    const node = core.store.get("nodes", name);
    return node !== undefined && isNodeReady(node);
  }

  function start(uid: string): void {
    const found = current(uid);
    if (
      found === null ||
      found.process.startedAt !== null ||
      isTerminating(found.pod) ||
      isFinished(found.pod)
    )
      return;
    if (!nodeAnswers(found.node)) {
      waiting.add(uid);
      return;
    }
    found.process.startedAt = core.now;
    writeRunning(found.pod);
    core.note({ kind: "pod-started", ...podFact(found.pod), node: found.node });
    const { remainingMs } = found.process.program;
    if (remainingMs !== null) core.schedule(after(core.now, remainingMs), () => finish(uid));
  }

  function writeRunning(pod: Pod): void {
    const now = timestamp(core.now);
    let conditions = pod.status?.conditions;
    for (const type of ["Initialized", "ContainersReady", "Ready"]) {
      conditions = withCondition(conditions, { type, status: "True", lastTransitionTime: now });
    }
    core.store.write("pods", {
      ...pod,
      status: { ...pod.status, phase: "Running", startTime: now, conditions: conditions ?? [] },
    });
  }

  function finish(uid: string): void {
    const found = current(uid);
    // After SIGTERM the process saves its work instead of going on with it.
    if (found === null || found.process.ended || found.process.warnedAt !== null) return;
    endProcess(found.process, found.pod, "finished");
    let conditions = found.pod.status?.conditions;
    for (const type of ["ContainersReady", "Ready"]) {
      const over = { type, status: "False", reason: "PodCompleted", lastTransitionTime: timestamp(core.now) };
      conditions = withCondition(conditions, over);
    }
    core.store.write("pods", {
      ...found.pod,
      status: { ...found.pod.status, phase: "Succeeded", conditions: conditions ?? [] },
    });
    core.schedule(after(core.now, core.settings.keepFinishedMs), () => {
      const done = current(uid);
      if (done !== null) remove(done.pod);
    });
  }

  function warn(process: Process, pod: Pod, graceMs: number): void {
    process.warnedAt ??= core.now;
    const killAt = epochMs(Math.max(core.now, process.warnedAt + graceMs));
    const ownEnd =
      process.startedAt === null ? core.now : after(process.warnedAt, process.program.exitAfterMs);
    const exitAt = epochMs(Math.max(core.now, Math.min(ownEnd, killAt, process.exitAt ?? killAt)));
    process.exitAt = exitAt;
    const { uid = "", name } = pod.metadata;
    core.note({ kind: "pod-stopping", ...podFact(pod), node: pod.spec.nodeName ?? name, graceMs, killAt });
    core.schedule(exitAt, () => exit(uid));
  }

  function exit(uid: string): void {
    const found = current(uid);
    if (found === null || found.process.exitAt === null || found.process.exitAt > core.now) return;
    if (!nodeAnswers(found.node)) {
      waiting.add(uid);
      return;
    }
    const { process, pod } = found;
    const ownEnd = after(process.warnedAt ?? core.now, process.program.exitAfterMs);
    endProcess(process, pod, found.process.exitAt >= ownEnd ? "clean" : "killed");
    remove(pod);
  }

  function endProcess(process: Process, pod: Pod, why: ExitReason): void {
    if (process.ended) return;
    process.ended = true;
    if (process.startedAt === null) return;
    const ranMs = elapsed(process.startedAt, process.warnedAt ?? core.now);
    const keptMs = programs.ended({ uid: pod.metadata.uid ?? "", why, ranMs });
    const warnedMs = process.warnedAt === null ? null : elapsed(process.warnedAt, core.now);
    core.note({
      kind: "pod-exited",
      ...podFact(pod),
      node: pod.spec.nodeName ?? "",
      why,
      ranMs,
      keptMs,
      warnedMs,
    });
  }

  function remove(pod: Pod): void {
    processes.delete(pod.metadata.uid ?? "");
    waiting.delete(pod.metadata.uid ?? "");
    core.store.remove("pods", keyOf(pod.metadata));
    core.note({ kind: "pod-removed", ...podFact(pod), node: pod.spec.nodeName ?? null });
  }

  function removeWith(pod: Pod, why: ExitReason): void {
    const process = processes.get(pod.metadata.uid ?? "");
    if (process !== undefined) endProcess(process, pod, why);
    remove(pod);
  }

  return {
    terminate: (pod, grace) => {
      const process = processes.get(pod.metadata.uid ?? "");
      const graceSeconds = effectiveGrace(pod, grace);
      if (graceSeconds === 0 || process === undefined) {
        removeWith(pod, "killed");
        return;
      }
      if (isTerminating(pod) && graceSeconds >= (pod.metadata.deletionGracePeriodSeconds ?? 0)) return;
      const graceMs = graceSeconds * 1000;
      const firstWarning = process.warnedAt ?? core.now;
      const deletionTimestamp = timestamp(epochMs(firstWarning + graceMs));
      const written = core.store.write("pods", {
        ...pod,
        metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: graceSeconds },
      });
      warn(process, written, graceMs);
    },
    lose: (pod) => removeWith(pod, "node-lost"),
    pass: () => {
      if (!toLookAt) return false;
      toLookAt = false;
      for (const uid of Array.from(waiting)) {
        const found = current(uid);
        if (found !== null && !nodeAnswers(found.node)) continue;
        waiting.delete(uid);
        if (found === null) continue;
        const { process } = found;
        if (process.exitAt !== null) core.schedule(process.exitAt, () => exit(uid));
        else if (process.startedAt === null)
          core.schedule(after(core.now, process.program.startDelayMs), () => start(uid));
      }
      return false;
    },
  };
}

/** A process of a pod that came from outside: it runs until it is told to end. */
function defaultProgram(core: Core): Program {
  const { startDelayMs, exitAfterMs } = core.settings;
  return { startDelayMs, remainingMs: null, exitAfterMs };
}

/** Nothing runs in a pod that is unbound or finished, so nothing needs grace; a negative grace counts as 1. */
function effectiveGrace(pod: Pod, asked: Seconds | null): number {
  if (pod.spec.nodeName === undefined || isFinished(pod)) return 0;
  const grace = asked ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
  return grace < 0 ? 1 : grace;
}
