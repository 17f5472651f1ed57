// The marks of a drain on our own node: cordon, taint, source and drain-state, in one PATCH that is idempotent.
// What somebody else has put there stays: a node that was cordoned before us is not uncordoned by us. Writing is
// repeated until the API server takes it or a newer wish replaces it.

import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Node, Taint } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, TAINT } from "../../shared/model/names.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { NodePatcher } from "../../shared/runtime/kube/client.ts";
import { updateNode, withoutTaint, withTaint } from "../../shared/runtime/kube/node-marks.ts";
import type { NodeChange } from "../../shared/runtime/kube/node-marks.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { StateToWrite } from "./order.ts";

const PATCH_DEADLINE = millis(3_000);
const RETRY_MS = 1_000;

/** What the node is to look like: marked for a drain, only told of a refusal, or as if we had never been. */
export type Marks = StateToWrite | null;

/** The change that brings the node to `wanted`; null when it is there already. */
export function changeFor(node: Node, wanted: Marks): NodeChange | null {
  const before = readDrainState(node.metadata.annotations?.[NODE_ANNOTATION.drainState]);
  const ours = before.kind === "value" && isDraining(before.value) ? before.value : null;
  const change =
    wanted !== null && isDraining(wanted) ? marking(node, wanted, ours) : clearing(node, wanted, ours);
  return isNoChange(node, change) ? null : change;
}

/** A state in which the node carries cordon and taint; the others are words only. */
export function isDraining(state: Pick<DrainState, "phase">): boolean {
  return state.phase !== "refused" && state.phase !== "cancelled";
}

function marking(
  node: Node,
  wanted: StateToWrite,
  ours: DrainState | null,
): Required<Omit<NodeChange, "labels">> {
  const { spec, status } = node;
  const bootID = status?.nodeInfo?.bootID;
  const state: DrainState = {
    ...wanted,
    // Only whoever cordoned may uncordon. A drain that takes over from another one takes over its answer.
    cordonedByUs: ours?.cordonedByUs ?? spec?.unschedulable !== true,
    ...(bootID === undefined ? {} : { bootID: ours?.id === wanted.id ? (ours.bootID ?? bootID) : bootID }),
  };
  return {
    unschedulable: true,
    taints: withOurs(withoutOurs(spec?.taints), taintOf(wanted)),
    annotations: {
      [NODE_ANNOTATION.drainState]: JSON.stringify(state),
      [NODE_ANNOTATION.interruptionSource]: wanted.cause === "notice" ? wanted.source : null,
    },
  };
}

function clearing(node: Node, wanted: Marks, ours: DrainState | null): NodeChange {
  const { annotations } = node.metadata;
  return {
    // A state that we cannot read leaves the cordon alone: it is not known to be ours.
    ...(ours?.cordonedByUs === true ? { unschedulable: false } : {}),
    taints: withoutOurs(node.spec?.taints),
    annotations: {
      [NODE_ANNOTATION.drainState]:
        wanted === null ? null : JSON.stringify({ ...wanted, cordonedByUs: false } satisfies DrainState),
      ...(ours === null || annotations?.[NODE_ANNOTATION.interruptionSource] !== ours.source
        ? {}
        : { [NODE_ANNOTATION.interruptionSource]: null }),
    },
  };
}

/** NoSchedule and never NoExecute: that one would make the control plane delete every pod at once, past all budgets. */
function taintOf(state: StateToWrite): Taint {
  if (state.cause === "request") return { key: TAINT.scaleDown, effect: "NoSchedule" };
  return { key: TAINT.spotInterruption, value: shortId(state), effect: "NoSchedule" };
}

/** A taint's value has at most 63 letters, digits, "-", "_" and "."; an id holds a node's name of up to 253. */
function shortId(state: Pick<StateToWrite, "id" | "source">): string {
  const last = state.id.slice(state.id.lastIndexOf("-") + 1).replace(/[^A-Za-z0-9]/g, "");
  return `${state.source}-${last.slice(-32) || "0"}`;
}

function withoutOurs(taints: readonly Taint[] | undefined): readonly Taint[] {
  return withoutTaint(taints, TAINT.spotInterruption).filter((taint) => !isOurScaleDown(taint));
}

/** Ours has no value. With one it is the coordinator's note on a node that it retires, and says whose the cordon is. */
function isOurScaleDown({ key, value }: Taint): boolean {
  return key === TAINT.scaleDown && (value ?? "") === "";
}

/** A node carries one taint of a key and effect: where the coordinator's stands, ours would wipe it out. */
function withOurs(others: readonly Taint[], ours: Taint): readonly Taint[] {
  const taken = others.some((taint) => taint.key === ours.key && taint.effect === ours.effect);
  return taken ? others : withTaint(others, ours);
}

function isNoChange(node: Node, change: NodeChange): boolean {
  const { spec, metadata } = node;
  const sameCordon =
    change.unschedulable === undefined || change.unschedulable === (spec?.unschedulable === true);
  const sameTaints = change.taints === undefined || sameTaintsAs(change.taints, spec?.taints ?? []);
  const sameAnnotations = Object.entries(change.annotations ?? {}).every(
    ([key, value]) => (metadata.annotations?.[key] ?? null) === value,
  );
  return sameCordon && sameTaints && sameAnnotations;
}

function sameTaintsAs(a: readonly Taint[], b: readonly Taint[]): boolean {
  const text = (taint: Taint): string => `${taint.key}=${taint.value ?? ""}:${taint.effect}`;
  return a.length === b.length && a.every((taint) => b.some((other) => text(other) === text(taint)));
}

export interface Marker {
  /** Resolves when the node carries the marks, or when a newer wish has replaced this one. */
  want(marks: Marks): Promise<"written" | "superseded">;
  /** The wish that is not fulfilled yet; null when the node is as wanted. */
  readonly pending: boolean;
}

export interface MarkerOptions {
  readonly client: NodePatcher;
  readonly node: string;
  /** The node as the watch knows it, which saves a read when there is no time for one. */
  readonly known: () => Node | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** One writer for the node's marks: wishes are fulfilled one at a time, and the newest wins. */
export function createMarker(options: MarkerOptions): Marker {
  const { client, clock, random, log, signal } = options;
  let newest = 0;
  let pending = false;
  let working: Promise<unknown> = Promise.resolve();
  let hurry = new AbortController();

  const write = async (marks: Marks, mine: number): Promise<"written" | "superseded"> => {
    let known = options.known();
    while (mine === newest) {
      try {
        await updateNode(client, options.node, (node) => changeFor(node, marks), {
          clock,
          random,
          signal,
          deadlineMs: PATCH_DEADLINE,
          known,
        });
        if (mine === newest) pending = false;
        return "written";
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ error, phase: marks?.phase ?? "none" }, "node marks not written, trying again");
        known = undefined;
        await pauseUnless(hurry.signal, clock, random, signal);
      }
    }
    return "superseded";
  };

  return {
    get pending() {
      return pending;
    },
    want: async (marks) => {
      newest++;
      pending = true;
      hurry.abort();
      hurry = new AbortController();
      const mine = newest;
      const before = working;
      const written = before.then(
        () => write(marks, mine),
        () => write(marks, mine),
      );
      working = written.catch(() => {});
      return await written;
    },
  };
}

/** A second, give or take a fifth; shorter when a newer wish has come. */
async function pauseUnless(
  hurry: AbortSignal,
  clock: Clock,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  try {
    await clock.sleep(millis(RETRY_MS * (0.8 + 0.4 * random())), AbortSignal.any([hurry, signal]));
  } catch {
    signal.throwIfAborted();
  }
}
