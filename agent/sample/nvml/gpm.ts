// Rates from the GPU's own counters (GPM, Hopper and newer): two samples some time apart give the activity between
// them. One sampler for each GPU and each GPU instance, which keeps two samples of the driver's and no history. The
// counters always run; nothing here switches them on or off.

import { kindOf, writeCode, writeReading } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings, Reading } from "../../../shared/model/gpu-readings.ts";
import {
  FUNCTION_NOT_FOUND,
  NO_DATA,
  NOT_ASKED,
  NOT_SUPPORTED,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { ask } from "./ask.ts";
import type { CallName } from "./calls.ts";
import type { Driver } from "./driver.ts";
import { bindMetricsGet, METRICS } from "./gpm-metrics.ts";
import { GPM_SUPPORT, HANDLE_BYTES } from "./layout.ts";
import type { Address } from "./native.ts";

export interface Gpm {
  /** Whether this GPU has counters of this kind, as far as it has said. */
  readonly support: Reading<boolean>;
  /** Takes a sample and writes the gpm readings since the one before. `now` is monotonic. */
  readonly read: (readings: GpuReadings, now: Millis) => void;
  /** Gives back what the driver holds for us; before the connection is closed. */
  readonly close: () => void;
}

/**
 * Closer samples give 0 for every metric, and no error: seen on an H100 with driver 580.159 at 20 ms. The header asks
 * for more than 100 ms; the rest is for a sample that is taken late in its cycle, behind other GPUs and slow readings.
 */
const SHORTEST_SPAN_MS = 250;
/** An average over more than this says nothing about now. */
const LONGEST_SPAN_MS = 600_000;
/** A GPU that failed to say whether it has counters is asked again after this time. */
const RETRY_MS = 10_000;

/**
 * `gpuInstance` null: the whole GPU; else that instance of it, with the handle of the parent. All compute instances of
 * a GPU instance share its counters and one sampler: a second `read` at the same moment repeats the first.
 */
export function openGpm(driver: Driver, gpu: number, handle: Address, gpuInstance: number | null): Gpm {
  const sampleGet = bindSampleGet(driver, handle, gpuInstance);
  const metricsGet = bindMetricsGet(driver, gpu);
  const rows = {
    values: new Float64Array(METRICS.length),
    codes: new Int16Array(METRICS.length).fill(NOT_ASKED),
  };
  /** The driver's samples; 0 where none is allocated yet. */
  const samples: [Address, Address] = [0n, 0n];
  let last: 0 | 1 = 0;
  /** When the last one was taken; null when there is none to compare with. */
  let lastAt: Millis | null = null;
  /** SUCCESS when the GPU has counters, else why it is not asked. */
  let support = querySupport(driver, gpu, handle);
  let supportAt: Millis | null = null;
  let closed = false;

  /** All metrics with this code, and nothing to compare the next sample with. */
  const refuse = (code: number): void => {
    rows.codes.fill(code);
    lastAt = null;
    if (kindOf(code) === "unsupported") support = code;
  };

  const isAskable = (now: Millis): boolean => {
    if (support === SUCCESS || kindOf(support) === "unsupported") return support === SUCCESS;
    if (supportAt !== null && now - supportAt < RETRY_MS) return false;
    supportAt = now;
    support = querySupport(driver, gpu, handle);
    if (support !== SUCCESS) refuse(support);
    return support === SUCCESS;
  };

  const sample = (now: Millis): void => {
    const next = last === 0 ? 1 : 0;
    samples[next] ||= allocateSample(driver, gpu, refuse);
    const to = samples[next];
    if (to === 0n) return;
    const code =
      sampleGet === null ? FUNCTION_NOT_FOUND : ask(driver, sampleGet.call, gpu, () => sampleGet.into(to));
    if (code !== SUCCESS) return refuse(code);

    const from = lastAt !== null && now - lastAt <= LONGEST_SPAN_MS ? samples[last] : null;
    last = next;
    lastAt = now;
    if (from === null) return void rows.codes.fill(NOT_ASKED);
    const computed = metricsGet(from, to, rows);
    if (kindOf(computed) === "unsupported") support = computed;
  };

  if (support !== SUCCESS) refuse(support);
  return {
    get support(): Reading<boolean> {
      if (support === SUCCESS) return { kind: "value", value: true };
      const kind = kindOf(support);
      return kind === "unsupported" ? { kind: "value", value: false } : { kind, code: support };
    },
    read: (readings, now) => {
      if (!closed && isAskable(now) && (lastAt === null || now - lastAt >= SHORTEST_SPAN_MS)) sample(now);
      for (const [at, [, name]] of METRICS.entries()) {
        const code = rows.codes[at] ?? NOT_ASKED;
        if (code === SUCCESS) writeReading(readings, name, rows.values[at] ?? Number.NaN);
        else writeCode(readings, name, code);
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      rows.codes.fill(NOT_ASKED);
      const call = "nvmlGpmSampleFree";
      const free = driver.library.bind(call);
      if (free === null) return;
      for (const held of samples) if (held !== 0n) ask(driver, call, gpu, () => free(held));
    },
  };
}

/** SUCCESS when the GPU has counters, else why not. */
function querySupport(driver: Driver, gpu: number, handle: Address): number {
  const call = "nvmlGpmQueryDeviceSupport";
  const query = driver.library.bind(call);
  if (query === null) return FUNCTION_NOT_FOUND;
  const { version, isSupportedDevice } = GPM_SUPPORT.members;
  const { address, view } = driver.blockOf(call, GPM_SUPPORT.size);
  view.setUint32(version.at, GPM_SUPPORT.stamp, true);
  view.setUint32(isSupportedDevice.at, 0, true);
  const code = ask(driver, call, gpu, () => query(handle, address));
  if (code !== SUCCESS) return code;
  return view.getUint32(isSupportedDevice.at, true) === 0 ? NOT_SUPPORTED : SUCCESS;
}

/** The address of a new sample; 0, and `refuse` told why, when there is none. */
function allocateSample(driver: Driver, gpu: number, refuse: (code: number) => void): Address {
  const call = "nvmlGpmSampleAlloc";
  const allocate = driver.library.bind(call);
  const { address, view } = driver.blockOf(call, HANDLE_BYTES);
  view.setBigUint64(0, 0n, true);
  const code = allocate === null ? FUNCTION_NOT_FOUND : ask(driver, call, gpu, () => allocate(address));
  const sample = code === SUCCESS ? view.getBigUint64(0, true) : 0n;
  if (sample === 0n) refuse(code === SUCCESS ? NO_DATA : code);
  return sample;
}

interface SampleGet {
  readonly call: CallName;
  readonly into: (sample: Address) => number;
}

/** Null when the driver does not export the call. */
function bindSampleGet(driver: Driver, handle: Address, gpuInstance: number | null): SampleGet | null {
  if (gpuInstance === null) {
    const call = "nvmlGpmSampleGet";
    const get = driver.library.bind(call);
    return get && { call, into: (sample) => get(handle, sample) };
  }
  const call = "nvmlGpmMigSampleGet";
  const get = driver.library.bind(call);
  return get && { call, into: (sample) => get(handle, gpuInstance, sample) };
}
