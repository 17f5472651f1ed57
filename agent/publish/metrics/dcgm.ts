// The series under dcgm-exporter's names and labels, for dashboards and rules that were written for it. A GPU that is
// cut into instances shows each GPU instance, with what only the whole GPU has repeated on each; a GPU that several
// pods share has one series for each of them, so that no pod is lost.

import type { GpuHolder } from "../../../shared/model/gpu-allocation.ts";
import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadings, Reading } from "../../../shared/model/gpu-readings.ts";
import type { GpuUuid } from "../../../shared/model/gpu.ts";
import { labelsText } from "../../../shared/runtime/exposition.ts";
import type { DcgmPlan } from "./dcgm-counters.ts";
import { DCGM_LABELS, XID_ERRORS } from "./dcgm-fields.ts";
import type { DcgmSubject } from "./dcgm-fields.ts";
import { line } from "./family.ts";
import type { Block, Family } from "./family.ts";
import { MIG_READINGS } from "./native-families.ts";
import type { ShownGpu, ShownInstance } from "./shown.ts";
import { xidWords } from "./xid-words.ts";

export interface DcgmNames {
  readonly plan: DcgmPlan;
  readonly hostnameLabel: "Hostname" | "hostname";
}

export interface DcgmShown {
  readonly node: string;
  readonly driver: string;
  readonly xids: ReadonlyMap<GpuUuid, number>;
  /** Bytes a second over all NVLinks. */
  readonly nvlinkRates: ReadonlyMap<GpuUuid, number>;
}

/** For the reference page; those in brackets stand only where there is something to say. */
export const DCGM_SERIES_LABELS: Family["labels"] = {
  gpu: "Index of the GPU on its node",
  UUID: "The GPU's UUID",
  pci_bus_id: "As DCGM writes it: 00000000:3B:00.0",
  device: "nvidiaN, the name under /dev",
  modelName: "Product name as the driver gives it",
  GPU_I_PROFILE: "(MIG) profile of the GPU instance",
  GPU_I_ID: "(MIG) id of the GPU instance",
  Hostname: "Name of the node; spelt hostname where the settings say so",
  DCGM_FI_DRIVER_VERSION: "Version of the driver, and further labels of the list",
  container: "(when held) name of the container",
  namespace: "(when held) namespace of the pod",
  pod: "(when held) name of the pod",
  vgpu: "(when held) number of the replica of a shared GPU",
  err_code: "(XID_ERRORS) the number once more",
  err_msg: "(XID_ERRORS) what it is, in a few words",
};

export function dcgmBlocks(gpus: readonly ShownGpu[], shown: DcgmShown, names: DcgmNames): readonly Block[] {
  const subjects = gpus.flatMap((gpu) => subjectsOf(gpu, shown, names));
  return names.plan.fields.map(({ name, type, help, value }) => {
    let lines = "";
    for (const { subject, labels } of subjects) {
      const at = value(subject);
      if (at === undefined) continue;
      const more = name === XID_ERRORS ? `,${xidLabels(at)}` : "";
      for (const one of labels) lines += line(name, `${one}${more}`, at);
    }
    return { family: { name, type, help, labels: DCGM_SERIES_LABELS }, lines };
  });
}

function xidLabels(xid: number): string {
  return labelsText({ err_code: String(xid), err_msg: xidWords(xid) });
}

interface LabelledSubject {
  readonly subject: DcgmSubject;
  /** One for each holder; one when nobody holds it. */
  readonly labels: readonly string[];
}

function subjectsOf(gpu: ShownGpu, shown: DcgmShown, names: DcgmNames): readonly LabelledSubject[] {
  const wholly = (holders: readonly GpuHolder[]): LabelledSubject => ({
    subject: subjectOf(gpu, gpu.readings, gpu.identity.memoryTotalBytes, shown),
    labels: labelsOf(gpu, null, holders, shown, names),
  });
  if (gpu.instances.length === 0) return [wholly(gpu.holders)];

  // A GPU instance with several compute instances is one subject: memory and counters are its own.
  const cut = [...Map.groupBy(gpu.instances, ({ instance }) => instance.gpuInstance).values()];
  const parts = cut.flatMap((instances): readonly LabelledSubject[] => {
    const [first] = instances;
    if (first === undefined) return [];
    const held = gpu.holders.filter((holder) =>
      instances.some(({ instance }) => instance.uuid === holder.instance),
    );
    const subject = subjectOf(gpu, first.readings, first.instance.memoryTotalBytes, shown);
    return [{ subject, labels: labelsOf(gpu, first, held, shown, names) }];
  });
  // Somebody holds the GPU by an id that belongs to no instance of it: shown with the whole, rather than not at all.
  const others = gpu.holders.filter(
    (holder) => !gpu.instances.some(({ instance }) => instance.uuid === holder.instance),
  );
  return others.length === 0 ? parts : [...parts, wholly(others)];
}

function subjectOf(
  gpu: ShownGpu,
  own: GpuReadings | undefined,
  memoryTotal: Reading<number>,
  shown: DcgmShown,
): DcgmSubject {
  const { details, uuid } = gpu.identity;
  return {
    read: (name) => {
      const readings = MIG_READINGS.includes(name) ? own : gpu.readings;
      return readings && valueOf(readings, name);
    },
    detail: (name) => numberOf(details[name]),
    memoryTotal: numberOf(memoryTotal),
    lastXid: shown.xids.get(uuid) ?? 0,
    nvlinkRate: shown.nvlinkRates.get(uuid),
  };
}

function labelsOf(
  gpu: ShownGpu,
  part: ShownInstance | null,
  holders: readonly GpuHolder[],
  shown: DcgmShown,
  { plan, hostnameLabel }: DcgmNames,
): readonly string[] {
  const { index, uuid, busId, details } = gpu.identity;
  const labels = labelsText({
    gpu: String(index),
    UUID: uuid,
    pci_bus_id: busId.kind === "value" ? dcgmBusId(busId.value) : "",
    device: `nvidia${details.minor.kind === "value" ? details.minor.value : index}`,
    modelName: gpu.model,
    ...(part === null
      ? {}
      : {
          GPU_I_PROFILE: (part.instance.profile ?? "").replace(/^\d+c\./, ""),
          GPU_I_ID: String(part.instance.gpuInstance),
        }),
    [hostnameLabel]: shown.node,
    ...Object.fromEntries(plan.labels.map((name) => [name, fact(gpu, name, shown.driver)])),
  });
  const held = holders.map(
    ({ container, namespace, pod, replica }) =>
      `${labels},${labelsText({
        container,
        namespace,
        pod,
        ...(replica === null ? {} : { vgpu: String(replica) }),
      })}`,
  );
  // A container may hold two compute instances of one GPU instance: one series, or the page would be refused.
  return held.length === 0 ? [labels] : [...new Set(held)];
}

function fact(gpu: ShownGpu, label: string, driver: string): string {
  const from = DCGM_LABELS[label]?.from;
  if (from === undefined || from === "driver") return driver;
  const reading = gpu.identity.details[from];
  return reading.kind === "value" ? String(reading.value) : "";
}

/** 0000:3b:00.0 → 00000000:3B:00.0 */
export function dcgmBusId(busId: string): string {
  const [domain = "", ...rest] = busId.split(":");
  return [domain.padStart(8, "0"), ...rest].join(":").toUpperCase();
}

function numberOf(reading: Reading<number>): number | undefined {
  return reading.kind === "value" ? reading.value : undefined;
}
