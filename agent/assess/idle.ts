// The node's last word before a voluntary drain: is every GPU idle now, by the agent's own readings? What is
// not known is not idle, and the answer carries the reading that decided.

import type { LiveReading } from "../../shared/contract/drain-report.ts";
import type { GpuAllocation } from "../../shared/model/gpu-allocation.ts";
import type { GpuSource } from "../../shared/model/gpu.ts";
import type { GpuView, NodeView } from "./view.ts";

/** Below this share of the last 10 s nothing is concluded. */
export const ENOUGH_COVERAGE = 0.9;

export type Idleness =
  | { readonly kind: "idle"; readonly reading: LiveReading }
  | { readonly kind: "not-idle"; readonly reading: LiveReading };

/**
 * Idle when each GPU's last 10 s are known, well covered and without one sample that is not below `threshold` (0..1),
 * and no pod holds a GPU that is none of these: an agent that was given a part of the node's GPUs cannot speak for the
 * others. The p95 alone would pass over work that has just begun where there are more than 20 samples.
 */
export function idleness(
  view: Pick<NodeView, "source" | "gpus" | "allocation">,
  threshold: number,
): Idleness {
  if (view.source.state !== "ready") {
    return {
      kind: "not-idle",
      reading: { gpu: "", p95: null, threshold, detail: sourceDetail(view.source) },
    };
  }
  if (view.gpus.length === 0) {
    return {
      kind: "not-idle",
      reading: {
        gpu: "",
        p95: null,
        threshold,
        detail: "the driver lists no GPU on this node, so nothing says that it is idle",
      },
    };
  }
  const stray = strayReading(view.allocation, threshold);
  if (stray !== null) return { kind: "not-idle", reading: stray };
  const unknown = view.gpus.map((gpu) => unknownReading(gpu, threshold)).find((reading) => reading !== null);
  if (unknown !== undefined) return { kind: "not-idle", reading: unknown };

  const busiest = view.gpus.toSorted((a, b) => seenOf(b).max - seenOf(a).max)[0];
  const { p95, max } = busiest === undefined ? UNSEEN : seenOf(busiest);
  const reading: LiveReading = {
    gpu: busiest?.identity.uuid ?? "",
    p95,
    threshold,
    detail: `GPU ${busiest?.identity.index ?? "?"} is the busiest of ${view.gpus.length}: p95 ${percent(p95)}${busiest?.utilizationFrom === "gpm" ? " of its busiest instance" : ""}, highest ${percent(max)}, over the last 10 s, idle is below ${percent(threshold)}`,
  };
  return { kind: max < threshold ? "idle" : "not-idle", reading };
}

const UNSEEN = { p95: Number.POSITIVE_INFINITY, max: Number.POSITIVE_INFINITY };

function seenOf({ utilization: { w10 } }: GpuView): { readonly p95: number; readonly max: number } {
  return w10.kind === "known" ? w10 : UNSEEN;
}

/** The reading that says why nothing can be concluded about this GPU; null when its window can be used. */
function unknownReading(gpu: GpuView, threshold: number): LiveReading | null {
  const { index, uuid } = gpu.identity;
  const { w10 } = gpu.utilization;
  const because = (detail: string): LiveReading => ({
    gpu: uuid,
    p95: null,
    threshold,
    detail: `GPU ${index}: ${detail}`,
  });
  if (gpu.state === "lost") return because("lost from the bus");
  if (w10.kind === "unknown") return because(`utilisation is unknown (${w10.because})`);
  if (w10.coverage < ENOUGH_COVERAGE) {
    return because(
      `only ${percent(w10.coverage)} of the last 10 s was seen, ${percent(ENOUGH_COVERAGE)} is needed`,
    );
  }
  return null;
}

/** Of a device that a pod holds and that is no GPU that the driver shows; null when there is none. */
function strayReading(allocation: GpuAllocation, threshold: number): LiveReading | null {
  const stray = allocation.kind === "known" ? allocation.holders.find(({ gpu }) => gpu === null) : undefined;
  if (stray === undefined) return null;
  const { namespace, pod, device } = stray;
  const detail = `${namespace}/${pod} holds ${device}, which is no GPU that the driver shows to this agent, so nothing says that it is idle`;
  return { gpu: device, p95: null, threshold, detail };
}

/** For people: what is wrong with the source of readings. */
export function sourceDetail(source: GpuSource): string {
  switch (source.state) {
    case "starting":
      return "the first reading is not there yet";
    case "ready":
      return `driver ${source.driver}`;
    case "library-missing":
      return `the NVML library cannot be loaded: ${source.detail}`;
    case "driver-not-loaded":
      return `the driver is not loaded (code ${source.code})`;
    case "no-device":
      return `driver ${source.driver} shows no GPU`;
    case "hung":
      return `${source.call}${source.gpu === null ? "" : ` on GPU ${source.gpu}`} has not returned for ${Math.round(source.forMs / 1000)} s`;
    case "failed":
      // Most details name the call themselves.
      return source.detail.startsWith(source.call) ? source.detail : `${source.call}: ${source.detail}`;
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
