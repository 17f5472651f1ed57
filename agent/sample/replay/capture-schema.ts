// The form of a capture: who the GPUs were, what the driver could tell, and what it told, step by step. Types of the
// model are made from it, branded units included, so that what has passed it can be played as it is. Reading and
// writing the file is capture.ts.

import * as z from "zod";

import type { GpuSource } from "../../../shared/model/gpu.ts";
import { bytes, celsius, hertz, millis, watts } from "../../../shared/model/units.ts";
import { describe } from "../../../shared/runtime/errors.ts";

export const CAPTURE_FORMAT = "gpu-autoscaler capture";
export const CAPTURE_VERSION = 1;

const code = z.number().int().min(-32_768).max(32_767);
const count = z.number().int().min(0);
const uuid = z.string().min(1).max(96);

/** A number in its unit. One outside of the unit's range is an issue of its field, as any other wrong value. */
const inUnit = <T>(number: z.ZodNumber, unit: (value: number) => T) =>
  number.transform((value, { issues }) => {
    try {
      return unit(value);
    } catch (error) {
      issues.push({ code: "custom", message: describe(error), input: value });
      return z.NEVER;
    }
  });

/** As in the model, so that a person finds the same words in both. */
const reading = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("value"), value }),
    z.object({ kind: z.literal("unsupported"), code }),
    z.object({ kind: z.literal("failed"), code }),
    z.object({ kind: z.literal("pending"), code }),
  ]);
const memory = reading(inUnit(count, bytes));
const degrees = reading(inUnit(z.number(), celsius));
const power = reading(inUnit(z.number(), watts));
const clock = reading(inUnit(z.number(), hertz));

const instance = z.object({
  uuid,
  gpuInstance: count,
  computeInstance: count,
  profile: z.string().nullable(),
  memoryTotalBytes: memory,
  computeSlices: reading(z.number()),
});

const identity = z.object({
  index: count,
  uuid,
  name: reading(z.string()),
  busId: reading(z.string()),
  memoryTotalBytes: memory,
  details: z.object({
    minor: reading(count),
    serial: reading(z.string()),
    vbios: reading(z.string()),
    partNumber: reading(z.string()),
    architecture: reading(count),
    virtualization: reading(count),
    numaNode: reading(z.number()),
    powerLimitDefault: power,
    powerLimitMax: power,
    smClockMax: clock,
    memoryClockMax: clock,
    pcieGenerationMax: reading(count),
    pcieWidthMax: reading(count),
    slowdownTemperature: degrees,
    shutdownTemperature: degrees,
    memoryTemperatureMax: degrees,
    eccEnabled: reading(z.boolean()),
    gpm: reading(z.boolean()),
  }),
  mig: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("off") }),
    z.object({ kind: z.literal("on"), instances: z.array(instance).max(64) }),
    z.object({ kind: z.literal("unsupported") }),
    z.object({ kind: z.literal("failed"), code }),
  ]),
});

const source: z.ZodType<GpuSource> = z.discriminatedUnion("state", [
  z.object({ state: z.literal("starting") }),
  z.object({ state: z.literal("ready"), driver: z.string(), gpus: z.array(identity).max(64) }),
  z.object({ state: z.literal("library-missing"), detail: z.string() }),
  z.object({ state: z.literal("driver-not-loaded"), code }),
  z.object({ state: z.literal("no-device"), driver: z.string() }),
  z.object({
    state: z.literal("hung"),
    call: z.string(),
    gpu: count.nullable(),
    forMs: inUnit(z.number(), millis),
  }),
  z.object({ state: z.literal("failed"), call: z.string(), code, detail: z.string() }),
]);

/** Reading → its number, or `code 3` where it had none. Only what is another one than in the cycle before. */
const changes = z.record(z.string(), z.union([z.number(), z.string().regex(/^code -?\d{1,5}$/)]));

const memoryOfProcess = inUnit(count, bytes).nullable();
const gpuChanges = z.object({
  uuid,
  state: z.enum(["present", "lost"]).optional(),
  readings: changes.optional(),
  /** All instances when one of them changed. */
  instances: z.array(z.object({ uuid, readings: changes })).optional(),
  processes: z
    .array(
      z.object({
        pid: count,
        kind: z.enum(["compute", "graphics", "mps"]),
        memoryBytes: memoryOfProcess,
        gpuInstance: count.nullable(),
        computeInstance: count.nullable(),
      }),
    )
    .nullable()
    .optional(),
});

const event = z.object({
  gpu: uuid.nullable(),
  busId: z.string().nullable(),
  teller: z.enum(["driver", "kernel-log"]),
  what: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("xid"), xid: count }),
    z.object({ kind: z.literal("sxid"), sxid: count, fatal: z.boolean() }),
    z.object({ kind: z.enum(["lost", "reset", "mig-changed", "unavailable", "recovery-action"]) }),
  ]),
  gpuInstance: count.nullable(),
  text: z.string().max(300),
});

/** Milliseconds since the recording began. */
const atMs = inUnit(z.number(), millis);
const step = z.discriminatedUnion("kind", [
  z.object({ atMs, kind: z.literal("source"), source }),
  /** All GPUs of the cycle, in its order. */
  z.object({ atMs, kind: z.literal("cycle"), gpus: z.array(gpuChanges).max(64) }),
  z.object({ atMs, kind: z.literal("event"), event }),
]);

const survey = z.object({
  library: z.string().nullable(),
  calls: z.array(z.object({ name: z.string(), exported: z.boolean(), codes: z.array(code) })),
  fields: z.array(z.object({ name: z.string(), id: count.nullable(), codes: z.array(code) })),
});

export const captureSchema = z.object({
  format: z.literal(CAPTURE_FORMAT),
  v: z.literal(CAPTURE_VERSION),
  madeAt: z.iso.datetime(),
  /** What a person should know of the machine and the moment; empty when nobody said. */
  note: z.string(),
  /** From cycle to cycle; also the pause before a replay begins anew. */
  intervalMs: inUnit(z.number().min(1), millis),
  survey: survey.nullable(),
  /** In the order of time; the first one says what the source was. */
  steps: z
    .array(step)
    .min(1)
    .refine((steps) => steps[0]?.kind === "source", "must begin with a step of kind source")
    .refine(
      (steps) => steps.every(({ atMs: at }, i) => at >= (steps[i - 1]?.atMs ?? 0)),
      "must be in the order of atMs",
    ),
});

export type Capture = z.infer<typeof captureSchema>;
export type CaptureStep = Capture["steps"][number];
export type GpuChanges = z.infer<typeof gpuChanges>;
export type ReadingChanges = z.infer<typeof changes>;
