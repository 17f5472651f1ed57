// Everything that an agent knows of its node's GPUs at one moment, for whoever asks on `ask.<node>`, for
// `agent inspect --json` and for a person who wants to know why a number is missing. Each reading is a number, or a
// text that says what it is instead: "unsupported (3)", "failed (15)", "pending".

import * as z from "zod";

import { instantMs } from "./instant.ts";

const reading = z.union([z.number(), z.string()]);

const holder = z.object({
  namespace: z.string(),
  pod: z.string(),
  container: z.string(),
  resource: z.string(),
  device: z.string(),
  gpu: z.string().nullable(),
  instance: z.string().nullable(),
  replica: z.number().int().nullable(),
});

const instance = z.object({
  uuid: z.string(),
  gpuInstance: z.number().int(),
  computeInstance: z.number().int(),
  profile: z.string().nullable(),
  memoryTotalBytes: reading,
  readings: z.record(z.string(), reading),
});

const gpuProcess = z.object({
  pid: z.number().int(),
  kind: z.enum(["compute", "graphics", "mps"]),
  memoryBytes: z.number().nullable(),
  gpuInstance: z.number().int().nullable(),
  computeInstance: z.number().int().nullable(),
});

const gpu = z.object({
  index: z.number().int().min(0),
  uuid: z.string(),
  name: z.string().nullable(),
  busId: z.string().nullable(),
  state: z.enum(["present", "lost"]),
  memoryTotalBytes: reading,
  details: z.record(z.string(), z.union([reading, z.boolean()])),
  readings: z.record(z.string(), reading),
  mig: z.union([
    z.enum(["off", "unsupported"]),
    z.string().startsWith("failed"),
    z.object({ instances: z.array(instance) }),
  ]),
  processes: z.array(gpuProcess).nullable(),
});

export const nodeDetailSchema = z.object({
  v: z.literal(1),
  node: z.string().min(1),
  at: instantMs,
  source: z.object({ state: z.string(), driver: z.string().nullable(), detail: z.string() }),
  gpus: z.array(gpu).max(64),
  allocation: z.union([
    z.object({ kind: z.literal("known"), holders: z.array(holder) }),
    z.object({ kind: z.literal("unknown"), why: z.string() }),
  ]),
  health: z.object({
    node: z.enum(["healthy", "degraded", "fatal", "unknown"]),
    findings: z.array(
      z.object({
        rule: z.string(),
        gpu: z.string().nullable(),
        level: z.string(),
        since: instantMs,
        evidence: z.string(),
        remedy: z.string(),
        clears: z.string(),
      }),
    ),
  }),
  /** What had to be left out of an answer that was too long for one message: `processes`, `readings of instances`. */
  leftOut: z.array(z.string()).optional(),
});

export type NodeDetail = z.infer<typeof nodeDetailSchema>;
