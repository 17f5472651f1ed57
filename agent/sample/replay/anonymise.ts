// Takes out of a capture what names a machine: UUIDs, serial numbers, bus addresses, process ids and the kernel's own
// words. Each gets a placeholder that stays the same throughout, so that what belonged together still does. Driver,
// model, firmware and every reading stay: they are what a capture is for.

import type { Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSource } from "../../../shared/model/gpu.ts";
import type { Capture, CaptureStep, GpuChanges } from "./capture-schema.ts";

/** What looks like one of them in a text, in any of the spellings that tellers use. */
const NAMES_IN_TEXT =
  /MIG-GPU-[\da-f-]+\/\d+\/\d+|(?:GPU|MIG)-[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}|\b(?:[\da-f]{4,8}:)?[\da-f]{2}:[\da-f]{2}(?:\.[\da-f])?\b/gi;

type Names = ReturnType<typeof createNames>;

export function anonymise(capture: Capture): Capture {
  const names = createNames();
  return {
    ...capture,
    survey:
      capture.survey === null ? null : { ...capture.survey, library: clean(names, capture.survey.library) },
    steps: capture.steps.map((step) => stepWithout(names, step)),
  };
}

function stepWithout(names: Names, step: CaptureStep): CaptureStep {
  switch (step.kind) {
    case "source":
      return { ...step, source: sourceWithout(names, step.source) };
    case "cycle":
      return { ...step, gpus: step.gpus.map((gpu) => gpuWithout(names, gpu)) };
    case "event": {
      const { gpu, busId } = step.event;
      // The kernel's line names programs, processes and whatever else it likes.
      const event = { ...step.event, text: "" };
      return {
        ...step,
        event: {
          ...event,
          gpu: gpu === null ? null : names.uuid(gpu),
          busId: busId === null ? null : names.busId(busId),
        },
      };
    }
  }
}

function sourceWithout(names: Names, source: GpuSource): GpuSource {
  switch (source.state) {
    case "ready":
      return { ...source, gpus: source.gpus.map((gpu) => identityWithout(names, gpu)) };
    case "library-missing":
    case "failed":
      return { ...source, detail: clean(names, source.detail) };
    case "starting":
    case "driver-not-loaded":
    case "no-device":
    case "hung":
      return source;
  }
}

function identityWithout(names: Names, gpu: GpuIdentity): GpuIdentity {
  return {
    ...gpu,
    uuid: names.uuid(gpu.uuid),
    busId: inValue(gpu.busId, names.busId),
    details: { ...gpu.details, serial: inValue(gpu.details.serial, names.serial) },
    mig:
      gpu.mig.kind === "on"
        ? { kind: "on", instances: gpu.mig.instances.map((one) => ({ ...one, uuid: names.uuid(one.uuid) })) }
        : gpu.mig,
  };
}

function gpuWithout(names: Names, gpu: GpuChanges): GpuChanges {
  return {
    ...gpu,
    uuid: names.uuid(gpu.uuid),
    ...(gpu.instances === undefined
      ? {}
      : { instances: gpu.instances.map((one) => ({ ...one, uuid: names.uuid(one.uuid) })) }),
    ...(gpu.processes === undefined || gpu.processes === null
      ? {}
      : { processes: gpu.processes.map((one) => ({ ...one, pid: names.pid(one.pid) })) }),
  };
}

function inValue(reading: Reading<string>, replace: (name: string) => string): Reading<string> {
  return reading.kind === "value" ? { kind: "value", value: replace(reading.value) } : reading;
}

function clean<T extends string | null>(names: Names, text: T): T {
  if (text === null) return text;
  const replaced = text.replace(NAMES_IN_TEXT, (found) =>
    /^(GPU|MIG)-/i.test(found) ? names.uuid(found) : names.busId(found),
  );
  // A string stays a string, which the compiler cannot see of a type parameter.
  return replaced as T;
}

function createNames() {
  const uuids = numbering();
  const serials = numbering();
  const buses = numbering();
  const pids = numbering();
  return {
    uuid: (uuid: string): string => {
      // Our own word for a GPU that would not say who it is; there is nothing in it.
      if (uuid.startsWith("unidentified")) return uuid;
      const kind = uuid.toUpperCase().startsWith("MIG-") ? "MIG" : "GPU";
      return `${kind}-00000000-0000-0000-0000-${padded(uuids(uuid.toLowerCase()), 12)}`;
    },
    serial: (serial: string): string => padded(serials(serial), 13),
    // A domain that no machine has, so that a placeholder is not taken for an address.
    busId: (busId: string): string => `ffff:${padded(buses(plainBus(busId)), 2)}:00.0`,
    pid: (pid: number): number => pids(String(pid)),
  };
}

/** 00000000:3B:00.0, 0000:3b:00.0 and 3b:00 are one address. */
function plainBus(busId: string): string {
  const [, domain = "0", rest = busId] =
    /^(?:([\da-f]+):)?([\da-f]{2}:[\da-f]{2})(?:\.\d)?$/i.exec(busId) ?? [];
  return `${Number.parseInt(domain, 16)} ${rest.toLowerCase()}`;
}

/** 1, 2, 3 … in the order in which things turn up. */
function numbering(): (name: string) => number {
  const known = new Map<string, number>();
  return (name) => {
    const at = known.get(name) ?? known.size + 1;
    known.set(name, at);
    return at;
  };
}

function padded(value: number, width: number): string {
  return String(value).padStart(width, "0");
}
