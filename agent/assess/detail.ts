// A node's GPUs in full, for whoever asks: every reading of the last cycle as a number or as the words for what it is
// instead, who holds what, and the findings. Unlike the report it is made on demand, and is as long as it must be.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import type { GpuAllocation } from "../../shared/model/gpu-allocation.ts";
import { GPU_READING_NAMES, readingOf } from "../../shared/model/gpu-readings.ts";
import type { GpuReadings, Reading } from "../../shared/model/gpu-readings.ts";
import type { GpuDetails, GpuSample, MigInstance } from "../../shared/model/gpu.ts";
import { NO_DATA } from "../../shared/model/nvml-status.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { sourceDetail } from "./idle.ts";
import type { GpuView, NodeView } from "./view.ts";

export interface DetailInput {
  readonly node: string;
  /** The agent's wall clock. */
  readonly at: EpochMs;
  readonly view: Pick<NodeView, "source" | "gpus" | "allocation" | "findings" | "health">;
  /** Of the last cycle; without one a GPU has no readings. */
  readonly samples: readonly GpuSample[];
}

type Gpu = NodeDetail["gpus"][number];
type Instance = Extract<Gpu["mig"], { instances: unknown }>["instances"][number];
type Told = number | string;

export function nodeDetailOf({ node, at, view, samples }: DetailInput): NodeDetail {
  const { source } = view;
  return {
    v: 1,
    node,
    at,
    source: {
      state: source.state,
      driver: "driver" in source ? source.driver : null,
      detail: sourceDetail(source),
    },
    gpus: view.gpus.map((gpu) =>
      gpuDetail(
        gpu,
        samples.find(({ uuid }) => uuid === gpu.identity.uuid),
      ),
    ),
    allocation: allocationDetail(view.allocation),
    health: { node: view.health, findings: view.findings.map((finding) => ({ ...finding })) },
  };
}

function gpuDetail({ identity, state }: GpuView, sample: GpuSample | undefined): Gpu {
  const { index, uuid, name, busId, mig } = identity;
  return {
    index,
    uuid,
    name: valueOf(name),
    busId: valueOf(busId),
    state,
    memoryTotalBytes: told(identity.memoryTotalBytes),
    details: factsOf(identity.details),
    readings: sample === undefined ? {} : readingsTold(sample.readings, "all"),
    mig:
      mig.kind === "on"
        ? { instances: mig.instances.map((instance) => instanceDetail(instance, sample)) }
        : mig.kind === "failed"
          ? words(mig)
          : mig.kind,
    processes: sample?.processes?.map((one) => ({ ...one })) ?? null,
  };
}

function instanceDetail(instance: MigInstance, sample: GpuSample | undefined): Instance {
  const { uuid, gpuInstance, computeInstance, profile } = instance;
  const own = sample?.instances.find((one) => one.uuid === uuid);
  return {
    uuid,
    gpuInstance,
    computeInstance,
    profile,
    memoryTotalBytes: told(instance.memoryTotalBytes),
    // Most readings are the card's alone, and nobody asks an instance for them.
    readings: own === undefined ? {} : readingsTold(own.readings, "asked"),
  };
}

function readingsTold(readings: GpuReadings, which: "all" | "asked"): Record<string, Told> {
  return Object.fromEntries(
    GPU_READING_NAMES.flatMap((name): [string, Told][] => {
      const reading = readingOf(readings, name);
      return which === "asked" && reading.kind === "pending" ? [] : [[name, told(reading)]];
    }),
  );
}

function factsOf(details: GpuDetails): Record<string, Told | boolean> {
  const facts: readonly [string, Reading<Told | boolean>][] = Object.entries(details);
  return Object.fromEntries(facts.map(([name, fact]) => [name, told(fact)]));
}

function allocationDetail(allocation: GpuAllocation): NodeDetail["allocation"] {
  return allocation.kind === "unknown"
    ? { kind: "unknown", why: allocation.why }
    : { kind: "known", holders: allocation.holders.map((holder) => ({ ...holder })) };
}

function told<T extends Told | boolean>(reading: Reading<T>): T | string {
  if (reading.kind !== "value") return words(reading);
  // JSON has no word for it, and null would be nothing that this contract knows.
  const isNumber = typeof reading.value !== "number" || Number.isFinite(reading.value);
  return isNumber ? reading.value : words({ kind: "failed", code: NO_DATA });
}

/** `unsupported (3)`, `failed (15)`, `pending`. */
function words({ kind, code }: Exclude<Reading<never>, { kind: "value" }>): string {
  return kind === "pending" ? "pending" : `${kind} (${code})`;
}

function valueOf<T>(reading: Reading<T>): T | null {
  return reading.kind === "value" ? reading.value : null;
}
