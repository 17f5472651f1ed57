// How a GPU is cut into MIG instances, and what each of them says. The whole card's utilisation is not to be had while
// it is cut; what its instances do is told by the counters (gpm.ts), and on cards without those by nothing.

import { emptyReadings } from "../../../shared/model/gpu-readings.ts";
import type { Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, MigInstance, MigSample, MigState } from "../../../shared/model/gpu.ts";
import { bytes } from "../../../shared/model/units.ts";
import type { Bytes, Millis } from "../../../shared/model/units.ts";
import { TEXT_SIZES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { openGpm } from "./gpm.ts";
import type { Gpm } from "./gpm.ts";
import { DEVICE_ATTRIBUTES, MEMORY_V1, MEMORY_V2 } from "./layout.ts";
import { fingerprintOf, handlesOf, lookAtMig, saysGone } from "./mig-look.ts";
import type { Found } from "./mig-look.ts";
import { profileInName, profileOf } from "./mig-profile.ts";
import type { MigShape } from "./mig-profile.ts";
import type { Address } from "./native.ts";
import { struct, text, uint32, uint64 } from "./question.ts";
import type { Ask } from "./question.ts";
import { askOnce, createReader } from "./reader.ts";
import { FAST_QUESTIONS } from "./readings.ts";

export interface Mig {
  readonly state: MigState;
  /** The instances that there are, for what else is asked of each. */
  readonly instances: readonly Found[];
  /** The fast readings of each instance. `now` is monotonic. */
  readonly sample: (now: Millis) => readonly MigSample[];
  /** Whether mode or instances are other ones now. Asked with the slow group. */
  readonly changed: () => boolean;
  readonly close: () => void;
}

export interface MigOptions {
  readonly memoryTotalBytes: GpuIdentity["memoryTotalBytes"];
  readonly gpm: boolean;
}

const BYTES_PER_MEBIBYTE = 1_048_576;
const MOST_UNITS = 0xffff;

export function openMig(driver: Driver, gpu: number, handle: Address, options: MigOptions): Mig {
  const look = lookAtMig(driver, gpu, handle);
  if (look.kind === "unsupported")
    return { state: look, instances: [], sample: () => [], changed: () => false, close: () => {} };

  const found = look.kind === "on" ? look.found : [];
  const card = options.memoryTotalBytes.kind === "value" ? options.memoryTotalBytes.value : null;
  const counters = new Map<number, Gpm>();
  if (options.gpm) {
    for (const { gpuInstance } of found) {
      if (!counters.has(gpuInstance)) counters.set(gpuInstance, openGpm(driver, gpu, handle, gpuInstance));
    }
  }
  const samplers = found.map((instance) =>
    createSampler(driver, gpu, instance, counters.get(instance.gpuInstance)),
  );
  /** A handle was refused, as after an instance was cut anew: it can have the ids of the old one, and another handle. */
  let gone = false;

  const stateOf = (): MigState => {
    if (look.kind === "failed") return { kind: "failed", code: look.code };
    if (look.kind === "off") return look;
    return { kind: "on", instances: found.map((one) => describe(driver, gpu, one, card)) };
  };
  return {
    state: stateOf(),
    instances: found,
    sample: (now) =>
      samplers.map((sample) => {
        const { code, taken } = sample(now);
        gone ||= saysGone(code);
        return taken;
      }),
    changed: () => {
      const next = lookAtMig(driver, gpu, handle);
      // A look that fails has seen nothing new, unless it was given handles beside which ours may not stand any more.
      if (next.kind === "failed")
        return look.kind === "on" && next.given.some((one) => !found.some((known) => known.handle === one));
      return fingerprintOf(next) !== fingerprintOf(look) || (gone && handlesOf(next) !== handlesOf(look));
    },
    close: () => {
      for (const gpm of counters.values()) gpm.close();
    },
  };
}

/** Memory, counted by the driver for each GPU instance: compute instances of the same one all say the same. */
const MEMORY = FAST_QUESTIONS.filter(({ readings }) => readings.includes("memoryUsed"));

type Sampler = (now: Millis) => { readonly code: number; readonly taken: MigSample };

/** The code is that of the driver for the handle of the instance. */
function createSampler(driver: Driver, gpu: number, instance: Found, gpm: Gpm | undefined): Sampler {
  const read = createReader(driver, MEMORY, gpu);
  return (now) => {
    const readings = emptyReadings();
    const code = read(instance.handle, readings);
    gpm?.read(readings, now);
    return { code: saysGone(code) ? code : 0, taken: { uuid: instance.uuid, readings } };
  };
}

const NAME: Ask<string> = [text("nvmlDeviceGetName", TEXT_SIZES.NVML_DEVICE_NAME_V2_BUFFER_SIZE)];

const MEMORY_TOTAL: Ask<Bytes> = [
  {
    ...struct("nvmlDeviceGetMemoryInfo_v2", MEMORY_V2),
    decode: ({ view }) => sizeAt(view, MEMORY_V2.members.total.at, 1),
  },
  {
    ...struct("nvmlDeviceGetMemoryInfo", MEMORY_V1),
    decode: ({ view }) => sizeAt(view, MEMORY_V1.members.total.at, 1),
  },
];

const SHAPE: Ask<MigShape> = [
  {
    ...struct("nvmlDeviceGetAttributes_v2", DEVICE_ATTRIBUTES),
    decode: ({ view }) => {
      const { gpuInstanceSliceCount, computeInstanceSliceCount, sharedOfaCount, memorySizeMB } =
        DEVICE_ATTRIBUTES.members;
      const gpuSlices = uint32(view, gpuInstanceSliceCount.at, MOST_UNITS);
      const computeSlices = uint32(view, computeInstanceSliceCount.at, MOST_UNITS);
      const ofaEngines = uint32(view, sharedOfaCount.at, MOST_UNITS);
      const memoryBytes = sizeAt(view, memorySizeMB.at, BYTES_PER_MEBIBYTE);
      if (Number.isNaN(gpuSlices + computeSlices + ofaEngines) || memoryBytes === undefined) return undefined;
      return { gpuSlices, computeSlices, ofaEngines, memoryBytes };
    },
  },
];

function describe(driver: Driver, gpu: number, instance: Found, cardBytes: number | null): MigInstance {
  const { handle, uuid, gpuInstance, computeInstance } = instance;
  const name = askOnce(driver, NAME, gpu, handle);
  const shape = askOnce(driver, SHAPE, gpu, handle);
  const memory = askOnce(driver, MEMORY_TOTAL, gpu, handle);
  const named = name.kind === "value" ? profileInName(name.value) : null;
  const built = shape.kind === "value" && cardBytes !== null ? profileOf(shape.value, cardBytes) : null;
  return {
    uuid,
    gpuInstance,
    computeInstance,
    profile: named ?? built,
    memoryTotalBytes:
      memory.kind === "value" ? memory : mapped(shape, ({ memoryBytes }) => bytes(memoryBytes)),
    computeSlices: mapped(shape, ({ gpuSlices }) => gpuSlices),
  };
}

function mapped<T, U>(reading: Reading<T>, map: (value: T) => U): Reading<U> {
  return reading.kind === "value" ? { kind: "value", value: map(reading.value) } : reading;
}

function sizeAt(view: DataView, at: number, unit: number): Bytes | undefined {
  const size = uint64(view, at) * unit;
  return size > 0 && Number.isSafeInteger(size) ? bytes(size) : undefined;
}
