// What a scrape has to show, and each GPU of it with all that concerns it. Gathers what is known already; what of it
// stands on the page under which name is decided by the families.

import type { GpuAllocation, GpuHolder } from "../../../shared/model/gpu-allocation.ts";
import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, MigInstance } from "../../../shared/model/gpu.ts";
import type { CloudSource } from "../../../shared/model/interruption.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Seen } from "../../assess/view.ts";
import type { ShownHealth } from "./health.ts";
import type { NodeFigures } from "./node-figures.ts";

/**
 * `samples` are those of the last cycle. What the GPUs' part of the page is made of is compared by identity: the same
 * objects give the same part, so whoever changes one has to give a new one.
 */
export interface Shown {
  readonly node: string;
  readonly seen: Seen;
  readonly samples: readonly GpuSample[];
  /** Null before the first cycle. */
  readonly sampleAgeMs: Millis | null;
  readonly eventsWaiting: number;
  /** How whoever tells of the machine's end answers, and which cloud that is. */
  readonly metadata: "starting" | "up" | "down" | "none";
  readonly cloud: CloudSource | "none" | null;
  readonly allocation: GpuAllocation;
  readonly health: ShownHealth;
  /** Asked for once a second at most, but when `revision` has changed: windows take their time. */
  readonly figures: () => NodeFigures;
  readonly revision: number;
  /** When this was put together, on a steady clock. */
  readonly steady: Millis;
}

export interface ShownGpu {
  readonly identity: GpuIdentity;
  readonly model: string;
  readonly lost: boolean;
  /** Undefined when the source does not answer: nothing is known of the GPU now. */
  readonly readings: GpuReadings | undefined;
  readonly instances: readonly ShownInstance[];
  /** Of the GPU and its instances, in the order of the allocation. */
  readonly holders: readonly GpuHolder[];
}

export interface ShownInstance {
  readonly instance: MigInstance;
  readonly readings: GpuReadings | undefined;
}

export function shownGpus(shown: Pick<Shown, "seen" | "samples" | "allocation">): readonly ShownGpu[] {
  const { seen, samples, allocation } = shown;
  // Two samples under one UUID are of two GPUs that nobody can tell apart: neither is shown for the other.
  const samplesOf = new Map(
    [...Map.groupBy(samples, ({ uuid }) => uuid)].filter(([, same]) => same.length === 1),
  );
  const holders = allocation.kind === "known" ? allocation.holders : [];
  return onceEach(seen.gpus, ({ index, uuid }) => `${index} ${uuid}`).map((identity) => {
    const [sample] = samplesOf.get(identity.uuid) ?? [];
    const { mig } = identity;
    return {
      identity,
      model: identity.name.kind === "value" ? identity.name.value : "",
      lost: sample?.state === "lost",
      readings: sample?.readings,
      instances: onceEach(mig.kind === "on" ? mig.instances : [], ({ uuid }) => uuid).map((instance) => ({
        instance,
        readings: sample?.instances.find(({ uuid }) => uuid === instance.uuid)?.readings,
      })),
      holders: holders.filter(({ gpu }) => gpu === identity.uuid),
    };
  });
}

/** What comes from outside may say a thing twice, and a page with one series twice is refused as a whole. */
function onceEach<T>(all: readonly T[], nameOf: (one: T) => string): readonly T[] {
  const names = new Set<string>();
  return all.filter((one) => {
    const name = nameOf(one);
    const isNew = !names.has(name);
    names.add(name);
    return isNew;
  });
}

/** Holders of a device that is no GPU that the driver shows: one that has left, or by an id that nobody can place. */
export function strayHolders(shown: Pick<Shown, "seen" | "allocation">): readonly GpuHolder[] {
  const { seen, allocation } = shown;
  const there = new Set(seen.gpus.map(({ uuid }) => uuid));
  if (allocation.kind === "unknown") return [];
  return allocation.holders.filter(({ gpu }) => gpu === null || !there.has(gpu));
}
