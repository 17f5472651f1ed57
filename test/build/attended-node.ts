// One node whose end is attended to by the shipped parts of the agent (loop, attention, drain, marker, hints), over an API
// server that is late, fails and conflicts as a test says, on a clock that only the test moves. The agent may die at any
// moment and be started anew: what it knows then is what stands on the node.

import { createDrainer } from "../../agent/act/drain.ts";
import { createHintKeeper } from "../../agent/act/hints.ts";
import { createMarker } from "../../agent/act/marker.ts";
import type { Told } from "../../agent/assess/interruption.ts";
import { NOTHING_KNOWN, NOTHING_SEEN, viewOf } from "../../agent/assess/view.ts";
import { createHistory } from "../../agent/assess/window.ts";
import { runLoop } from "../../agent/loop.ts";
import { asksForDrill } from "../../shared/contract/drill-permit.ts";
import type { DrillPermit } from "../../shared/contract/drill-permit.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { NodePatcher } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createPulse } from "../../shared/runtime/stream.ts";
import type { FakeClock } from "./clock.ts";

type Changes = Readonly<Record<string, unknown>>;

/** What is seen from outside; a test that finds something wrong throws nothing here and keeps it. */
export interface NodeWatcher {
  /** Before it is applied. */
  readonly onPatch: (node: Node, patch: { readonly metadata: Changes }) => void;
  readonly onCall: (how: "evict" | "delete", name: string) => void;
  readonly onNotice: (message: Omit<NoticeMessage, "v" | "node">) => void;
  readonly onReport: (id: string, phase: string) => void;
}

export interface ApiTrouble {
  /** Of its calls so many fail: 0 to 1. */
  failing: number;
  answerMs: number;
  /** The watch shows a change so much later. */
  watchMs: number;
}

export function createAttendedNode(options: {
  readonly clock: FakeClock;
  readonly random: Random;
  readonly watcher: NodeWatcher;
}) {
  const { clock, random, watcher } = options;
  const { log } = createLogSink();
  let version = 1;
  let node: Node = {
    metadata: { name: "gpu-1", uid: "node-1", resourceVersion: "1", annotations: {}, labels: {} },
    spec: {},
    status: { nodeInfo: { bootID: "boot-1" } },
  };
  /** As the watch shows it. */
  let shown = node;
  const pods = new Map<string, Pod>();
  const blocked = new Set<string>();
  const trouble: ApiTrouble = { failing: 0, answerMs: 5, watchMs: 5 };
  const world = {
    told: { sightings: [], answered: true } as Told,
    permit: { kind: "allowed" } as DrillPermit | null,
  };
  let agent: { readonly end: () => void; readonly stop: () => void; readonly changed: () => void } | null =
    null;

  const change = (edit: (node: Node) => Node): void => {
    version++;
    const next = edit(node);
    node = { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } };
    const now = node;
    void clock.sleep(millis(trouble.watchMs)).then(() => {
      if (Number(now.metadata.resourceVersion) < Number(shown.metadata.resourceVersion)) return;
      shown = now;
      agent?.changed();
    });
  };

  const answered = async (signal: AbortSignal | undefined): Promise<void> => {
    await clock.sleep(millis(trouble.answerMs * (0.5 + random())), signal);
    if (random() < trouble.failing) throw new AppError("unavailable", "the API server is away");
  };
  /** An answer may be lost on its way back. */
  const lostAtTimes = (): void => {
    if (random() < trouble.failing / 2) throw new AppError("unavailable", "the answer was lost");
  };

  const client: NodePatcher = {
    // Nothing but the node is read and written here.
    get: async <T>(_: unknown, __: unknown, limits: { readonly signal?: AbortSignal } = {}) => {
      await answered(limits.signal);
      return node as unknown as T;
    },
    mergePatch: async <T>(
      _: unknown,
      __: unknown,
      body: object,
      limits: { readonly signal?: AbortSignal } = {},
    ) => {
      await answered(limits.signal);
      const patch = body as { readonly metadata: Changes; readonly spec?: Changes };
      const wanted = patch.metadata["resourceVersion"];
      if (wanted !== undefined && wanted !== node.metadata.resourceVersion)
        throw new AppError("conflict", "the node has changed");
      watcher.onPatch(node, patch);
      change((before) => merge(before, patch) as Node);
      const written = node;
      lostAtTimes();
      return written as unknown as T;
    },
  };

  const leave = async (uid: string): Promise<void> => {
    await clock.sleep(millis(500 + 5_000 * random()));
    pods.delete(uid);
    agent?.changed();
  };

  const start = (): void => {
    // A process begins with a list.
    shown = node;
    const pulse = createPulse(clock);
    const stopping = new AbortController();
    const lasting = new AbortController();
    const { signal } = lasting;
    const news = {
      // A killed process says nothing any more, though its last round may still run here.
      notice: (message: Parameters<NodeWatcher["onNotice"]>[0]) => {
        if (!signal.aborted) watcher.onNotice(message);
      },
      drain: ({ id, phase }: { readonly id: string; readonly phase: string }) => {
        if (!signal.aborted) watcher.onReport(id, phase);
        pulse.trigger();
      },
      hint: () => undefined,
      pod: () => undefined,
      severalBudgets: () => undefined,
      unknownPriority: () => undefined,
      marked: () => undefined,
      drillIgnored: () => undefined,
      drillHeld: () => undefined,
      calledOff: () => undefined,
      otherDrainer: () => undefined,
      requestMalformed: () => undefined,
      requestAnswered: () => undefined,
      reported: () => undefined,
    };
    const marker = createMarker({
      client,
      node: "gpu-1",
      known: () => shown,
      leaveLoadBalancers: true,
      clock,
      random,
      log,
      signal,
    });
    const store = { synced: true, staleSince: null, values: () => [...pods.values()] };
    const drainer = createDrainer({
      marker,
      news,
      pods: store,
      self: null,
      evict: async ({ name, uid }, limits) => {
        await answered(limits?.signal);
        watcher.onCall("evict", name);
        if (!pods.has(uid)) return { kind: "gone" };
        if (blocked.has(name)) return { kind: "budget-blocked", retryAfterMs: null, message: "" };
        void leave(uid);
        lostAtTimes();
        return { kind: "accepted" };
      },
      remove: async ({ name, uid }, _, limits) => {
        await answered(limits.signal);
        watcher.onCall("delete", name);
        if (!pods.has(uid)) return "gone";
        void leave(uid);
        return "accepted";
      },
      clock,
      random,
      log,
    });
    const hooks = { call: () => undefined, pending: () => false, results: () => [], giveUp: () => undefined };
    agent = {
      changed: () => {
        drainer.podsChanged();
        pulse.trigger();
      },
      stop: () => {
        stopping.abort();
      },
      end: () => {
        drainer.leave();
        lasting.abort();
      },
    };
    runLoop({
      node: "gpu-1",
      drills: true,
      maintenanceLeadMs: millis(120_000),
      told: () => world.told,
      // As a fresh list has it.
      permit: (drill) => (drill === null || !asksForDrill(node.metadata.annotations) ? null : world.permit),
      hints: createHintKeeper({ marker, hooks, targets: () => [], news, now: clock.now }),
      reportIntervalMs: millis(60_000),
      shutdownGraceMs: millis(120_000),
      sight: {
        view: () => viewOf(NOTHING_SEEN, NOTHING_KNOWN, createHistory(millis(1_000)), millis(0)),
        revision: 0,
      },
      ownNode: () => shown,
      podsSynced: () => true,
      drainer,
      reporter: { send: () => true },
      news,
      pulse,
      clock,
      random,
      log,
      signal: stopping.signal,
      lasting: signal,
    }).catch(() => {}); // it was killed
  };

  return {
    world,
    pods,
    blocked,
    trouble,
    change,
    /** The agent looks again. */
    wake: () => agent?.changed(),
    start,
    kill: () => {
      agent?.end();
      agent = null;
    },
    stop: () => agent?.stop(),
    get node() {
      return node;
    },
  };
}

/** As RFC 7386 has it; a list takes the place of a list. */
function merge(before: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(before) ? { ...before } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
