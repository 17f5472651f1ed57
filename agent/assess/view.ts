// Everything that is known of each GPU at one moment: who it is, whether it is there, and its windows. Keeps
// the last known list while the driver does not answer, since a GPU that cannot be asked has not gone.

import type { GpuCycle, GpuIdentity, GpuSource, GpuUuid, Window, Windows } from "../../shared/model/gpu.ts";
import { WINDOW_SPANS_MS } from "../../shared/model/gpu.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { History } from "./window.ts";

export interface GpuView {
  readonly identity: GpuIdentity;
  readonly state: "present" | "lost";
  readonly utilization: Windows;
  readonly memoryUsed: Window;
  readonly temperature: Window;
  readonly power: Window;
}

export interface NodeView {
  readonly source: GpuSource;
  readonly gpus: readonly GpuView[];
}

/** What the sampler has said so far. Folded over cycles; the windows live in the history. */
export interface Seen {
  readonly source: GpuSource;
  readonly gpus: readonly GpuIdentity[];
  readonly lost: readonly GpuUuid[];
}

export const NOTHING_SEEN: Seen = { source: { state: "starting" }, gpus: [], lost: [] };

export function seenAfter(before: Seen, cycle: Pick<GpuCycle, "source" | "samples">): Seen {
  const { source, samples } = cycle;
  const gpus = source.state === "ready" ? source.gpus : source.state === "no-device" ? [] : before.gpus;
  const lost =
    samples.length === 0
      ? before.lost
      : samples.filter((sample) => sample.state === "lost").map((sample) => sample.uuid);
  return { source, gpus, lost: lost.filter((uuid) => gpus.some((gpu) => gpu.uuid === uuid)) };
}

/** True when a reader of reports has to hear of it at once instead of at the next report. */
export function changedAtOnce(before: Seen, after: Seen): boolean {
  return (
    before.source.state !== after.source.state ||
    before.lost.length !== after.lost.length ||
    before.lost.some((uuid) => !after.lost.includes(uuid)) ||
    before.gpus.length !== after.gpus.length ||
    before.gpus.some((gpu, i) => gpu.uuid !== after.gpus[i]?.uuid)
  );
}

export function viewOf(seen: Seen, history: Pick<History, "window" | "windows">, now: Millis): NodeView {
  return {
    source: seen.source,
    gpus: seen.gpus.map((identity) => ({
      identity,
      state: seen.lost.includes(identity.uuid) ? "lost" : "present",
      utilization: history.windows(identity.uuid, "utilization", now),
      memoryUsed: history.window(identity.uuid, "memoryUsed", WINDOW_SPANS_MS.w60, now),
      temperature: history.window(identity.uuid, "temperature", WINDOW_SPANS_MS.w60, now),
      power: history.window(identity.uuid, "power", WINDOW_SPANS_MS.w60, now),
    })),
  };
}
