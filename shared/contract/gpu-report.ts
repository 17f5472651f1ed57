// What an agent says about its node's GPUs, every 5 s and at once when something changes. Windows, not
// samples: the reader gets mean, maximum and p95 with the share of the span that was really seen. Decoded, a report is
// whole; written, it leaves out what the reader can fill in, so that eight GPUs with their pods stay below 4 KiB.

import * as z from "zod";

import type { Window } from "../model/gpu.ts";
import { millis, ratio } from "../model/units.ts";
import { instantMs } from "./instant.ts";

/**
 * A window as `[mean, max, p95, coverage 0..1, age in ms]`, or why there is none. A report has eight of them for
 * each GPU; names would make it half as large again, and 10,000 agents send one every 5 s.
 */
const window = z.union([
  z.tuple([z.number(), z.number(), z.number(), z.number().min(0).max(1), z.number().min(0)]),
  z.enum(["no-samples", "unsupported", "failed", "lost"]),
]);

/** Of one GPU; more share none. */
export const PODS_AT_MOST = 128;

const source = z.object({
  state: z.enum(["starting", "ready", "library-missing", "driver-not-loaded", "no-device", "hung", "failed"]),
  driver: z.string().optional(),
  /** For people: what exactly is missing, hangs or failed. */
  detail: z.string().optional(),
});

const gpu = z.object({
  index: z.number().int().min(0),
  uuid: z.string().min(1),
  name: z.string().nullable(),
  memoryTotalBytes: z.number().min(0).nullable(),
  state: z.enum(["present", "lost"]),
  /** 0..1 over 10 s, 60 s and 600 s. */
  utilization: z.object({ w10: window, w60: window, w600: window }),
  /** Over 60 s. */
  memoryUsedBytes: window,
  temperatureCelsius: window,
  powerWatts: window,
  /**
   * `gpm`: the driver cannot tell the utilisation of a card in MIG mode, and `utilization` is that of its busiest
   * instance, by the GPU's own counters. Absent: the driver's own reading.
   */
  utilizationFrom: z.literal("gpm").optional(),
  /** Shares over 60 s by the GPU's own counters, where it has them. */
  smActive: window.optional(),
  tensorActive: window.optional(),
  /** The worst finding of this GPU; absent: none. */
  health: z.enum(["suspicion", "degraded", "fatal"]).optional(),
  /**
   * `namespace/pod/container` of everybody who holds it or a part of it; empty: nobody. Absent: not known, or not in
   * full, or more than the report has room for; `ask.<node>` tells which, and has what is known of them.
   */
  pods: z.array(z.string()).max(PODS_AT_MOST).optional(),
  /**
   * MIG profile → how many instances of it there are and how many are held; null: not known who holds what, or which
   * of them somebody holds. Absent: not in MIG mode.
   */
  mig: z.record(z.string(), z.tuple([z.number().int(), z.number().int().nullable()])).optional(),
});

/** A window of 60 s; without its last two numbers it has those of the same GPU's `utilization.w60`. */
const writtenWindow = z.union([window, z.tuple([z.number(), z.number(), z.number()])]);

/** A GPU as it is written: what the reader can fill in may be left out. */
const writtenGpu = gpu.extend({
  /** Left out: its place in the list. */
  index: gpu.shape.index.optional(),
  /** Left out, as the next: that of the GPU before it in the list, of which a node has one kind. */
  name: gpu.shape.name.optional(),
  memoryTotalBytes: gpu.shape.memoryTotalBytes.optional(),
  /** Left out: present. */
  state: gpu.shape.state.optional(),
  memoryUsedBytes: writtenWindow,
  temperatureCelsius: writtenWindow,
  powerWatts: writtenWindow,
  smActive: writtenWindow.optional(),
  tensorActive: writtenWindow.optional(),
  /** Or the place, in the list, of a GPU before it that the same pods hold: one pod often has a whole node. */
  pods: z.union([z.array(z.string()).max(PODS_AT_MOST), z.number().int().min(0)]).optional(),
});

/**
 * Several GPUs as one: the mean of their means, and the highest maximum and p95, the thinnest coverage and the oldest
 * age of any. The number of GPUs is the denominator; with none there are no samples.
 */
const rollUp = z.object({
  gpus: z.number().int().min(0),
  utilization: z.object({ w10: window, w60: window, w600: window }),
});

export const gpuReportSchema = z.object({
  /** 1: every GPU is written in full. 2: what the reader can fill in is left out, which readers of 1 cannot do. */
  v: z.union([z.literal(1), z.literal(2)]),
  node: z.string().min(1),
  /** The agent's wall clock, epoch ms. The reader ages reports by its own clock, from receipt. */
  at: instantMs,
  /** Counts up from 0 since the agent started: a gap is a lost report. */
  seq: z.number().int().min(0),
  source,
  gpus: z.array(writtenGpu).max(64).transform(filledIn),
  /** Over all healthy GPUs, idle ones included. Unknown as soon as one of them is. */
  healthyGpus: rollUp.optional(),
  /** Over the healthy GPUs that a pod holds; absent: not known, of one of them at least, whether a pod does. */
  allocatedGpus: rollUp.optional(),
  /** `fatal` and `degraded` by the worst finding; `unknown` while the GPUs cannot be asked. */
  health: z.enum(["healthy", "degraded", "fatal", "unknown"]).optional(),
  /** Readings that no GPU of the node supports; `nvlink*` stands for every reading whose name begins so. */
  unsupported: z.array(z.string()).max(128).optional(),
});

/**
 * What decisions are made of. Whoever hears ten thousand agents reads no more: all of a report takes three times as
 * long, and what is wrong in a part that nobody asks for is no reason not to know whether the GPUs work.
 */
export const reportGistSchema = gpuReportSchema.pick({ v: true, node: true, at: true, source: true }).extend({
  gpus: z
    .array(
      writtenGpu.pick({ uuid: true, state: true }).extend({
        utilization: z.object({ w10: window, w60: window }),
      }),
    )
    .max(64),
});

export type GpuReport = z.infer<typeof gpuReportSchema>;
/** Every GpuReport is one. */
export type ReportGist = z.infer<typeof reportGistSchema>;
export type ReportedGpu = z.infer<typeof gpu>;
export type ReportedWindow = z.infer<typeof window>;
export type WrittenReport = z.input<typeof gpuReportSchema>;
type WrittenGpu = z.infer<typeof writtenGpu>;

/** The window by its names. */
export function windowOf(reported: ReportedWindow): Window {
  if (typeof reported === "string") return { kind: "unknown", because: reported };
  const [mean, max, p95, coverage, ageMs] = reported;
  return { kind: "known", mean, max, p95, coverage: ratio(coverage), ageMs: millis(ageMs) };
}

/** The shortest report that is read as the same. */
export function written(report: GpuReport): WrittenReport {
  const places = new Map<string, number>();
  const placeOrPods = (pods: string[], place: number): string[] | number => {
    const before = places.get(JSON.stringify(pods));
    if (before === undefined) places.set(JSON.stringify(pods), place);
    return before ?? pods;
  };
  return {
    ...report,
    gpus: report.gpus.map((one, place) => {
      const { index, name, memoryTotalBytes, state, smActive, tensorActive, pods, ...gpu } = one;
      const before = report.gpus[place - 1];
      const alike = before?.name === name && before.memoryTotalBytes === memoryTotalBytes;
      const short = (whole: ReportedWindow): z.infer<typeof writtenWindow> =>
        isAsSeen(whole, gpu.utilization.w60) ? [whole[0], whole[1], whole[2]] : whole;
      return {
        ...(index === place ? {} : { index }),
        ...(alike ? {} : { name, memoryTotalBytes }),
        ...(state === "present" ? {} : { state }),
        ...gpu,
        memoryUsedBytes: short(gpu.memoryUsedBytes),
        temperatureCelsius: short(gpu.temperatureCelsius),
        powerWatts: short(gpu.powerWatts),
        ...(smActive === undefined ? {} : { smActive: short(smActive) }),
        ...(tensorActive === undefined ? {} : { tensorActive: short(tensorActive) }),
        ...(pods === undefined ? {} : { pods: pods.length === 0 ? pods : placeOrPods(pods, place) }),
      };
    }),
  };
}

function filledIn(list: readonly WrittenGpu[], context: z.RefinementCtx): ReportedGpu[] {
  let before: Pick<ReportedGpu, "name" | "memoryTotalBytes"> = { name: null, memoryTotalBytes: null };
  const podsOf = (earlier: number, place: number): string[] => {
    const pods = earlier < place ? list[earlier]?.pods : undefined;
    if (Array.isArray(pods)) return pods;
    const message = `pods of GPU ${earlier} in the list, which is none before it that has pods of its own`;
    context.addIssue({ code: "custom", path: [place, "pods"], message });
    return [];
  };
  return list.map(({ smActive, tensorActive, pods, ...gpu }, place) => {
    const { index = place, name = before.name, state = "present" } = gpu;
    const { memoryTotalBytes = before.memoryTotalBytes } = gpu;
    before = { name, memoryTotalBytes };
    const { w60 } = gpu.utilization;
    const whole = (short: z.infer<typeof writtenWindow>): ReportedWindow => {
      if (typeof short === "string" || short.length === 5) return short;
      if (typeof w60 !== "string") return [...short, w60[3], w60[4]];
      const message = `a window of three numbers needs utilization.w60, which is ${JSON.stringify(w60)}`;
      context.addIssue({ code: "custom", path: [place], message });
      return w60;
    };
    return {
      ...gpu,
      index,
      name,
      memoryTotalBytes,
      state,
      memoryUsedBytes: whole(gpu.memoryUsedBytes),
      temperatureCelsius: whole(gpu.temperatureCelsius),
      powerWatts: whole(gpu.powerWatts),
      ...(smActive === undefined ? {} : { smActive: whole(smActive) }),
      ...(tensorActive === undefined ? {} : { tensorActive: whole(tensorActive) }),
      ...(pods === undefined ? {} : { pods: typeof pods === "number" ? podsOf(pods, place) : pods }),
    };
  });
}

function isAsSeen(whole: ReportedWindow, w60: ReportedWindow): whole is Exclude<ReportedWindow, string> {
  return typeof whole !== "string" && typeof w60 !== "string" && whole[3] === w60[3] && whole[4] === w60[4];
}
