// What of Azure's answers is read, as schemas: a field of another type than Azure documents is an error that names it,
// and never a zero or a text that happens to look like a number. Fields that nobody here needs are let through.

import * as z from "zod";

import { AppError } from "../../../shared/runtime/errors.ts";

const count = z.int().min(0);
const text = z.string().min(1);
const tags = z.record(z.string(), z.string()).nullish();

/** Read before the rest: a flexible set has no size of its own that means anything here. */
export const orchestration = z.object({
  name: text,
  properties: z.object({ orchestrationMode: z.string().nullish() }),
});

export const scaleSet = z.object({
  name: text,
  location: text,
  sku: z.object({ name: text, tier: text.nullish(), capacity: count }),
  /** Absent from lists of some versions of the API. */
  etag: text.nullish(),
  tags,
  zones: z.array(text).nullish(),
  properties: z.object({
    provisioningState: text,
    singlePlacementGroup: z.boolean().nullish(),
    overprovision: z.boolean().nullish(),
    automaticRepairsPolicy: z.object({ enabled: z.boolean().nullish() }).nullish(),
    spotRestorePolicy: z.object({ enabled: z.boolean().nullish() }).nullish(),
    virtualMachineProfile: z.object({ priority: text.nullish(), evictionPolicy: text.nullish() }).nullish(),
  }),
});
export type ScaleSetBody = z.infer<typeof scaleSet>;

export const machine = z.object({
  name: text,
  instanceId: text,
  zones: z.array(text).nullish(),
  sku: z.object({ name: text }).nullish(),
  properties: z.object({
    provisioningState: text,
    osProfile: z.object({ computerName: text.nullish() }).nullish(),
    protectionPolicy: z
      .object({
        protectFromScaleIn: z.boolean().nullish(),
        protectFromScaleSetActions: z.boolean().nullish(),
      })
      .nullish(),
    instanceView: z
      .object({
        statuses: z.array(z.object({ code: text, message: z.string().nullish() })).nullish(),
      })
      .nullish(),
  }),
});
export type MachineBody = z.infer<typeof machine>;

/** Read before the rest: a pool of single virtual machines has neither a count nor one size of machine. */
export const poolType = z.object({ name: text, properties: z.object({ type: text.nullish() }) });

export const agentPool = z.object({
  name: text,
  properties: z.object({
    count,
    vmSize: text,
    type: text.nullish(),
    mode: text.nullish(),
    eTag: text.nullish(),
    provisioningState: text,
    powerState: z.object({ code: text.nullish() }).nullish(),
    enableAutoScaling: z.boolean().nullish(),
    minCount: count.nullish(),
    maxCount: count.nullish(),
    scaleSetPriority: text.nullish(),
    scaleSetEvictionPolicy: text.nullish(),
    availabilityZones: z.array(text).nullish(),
    nodeLabels: z.record(z.string(), z.string()).nullish(),
    nodeTaints: z.array(z.string()).nullish(),
    gpuInstanceProfile: text.nullish(),
  }),
});
export type AgentPoolBody = z.infer<typeof agentPool>;

export const cluster = z.object({
  location: text,
  properties: z.object({ nodeResourceGroup: text }),
});

export const operation = z.object({
  status: text,
  error: z.unknown().optional(),
});

export const autoscaleSetting = z.object({
  name: z.string().nullish(),
  properties: z.object({
    enabled: z.boolean().nullish(),
    targetResourceUri: z.string().nullish(),
    name: z.string().nullish(),
  }),
});

export const permission = z.object({
  actions: z.array(z.string()).nullish(),
  notActions: z.array(z.string()).nullish(),
});

/** Of any resource in a list: to tell which one cannot be read. */
export const named = z.object({ name: text });

/** @throws AppError `malformed` that names the thing and the first field that is wrong. */
export function readAs<T>(schema: z.ZodType<T>, body: unknown, words: string): T {
  const read = schema.safeParse(body);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const field = issue?.path.join(".") ?? "";
  throw new AppError(
    "malformed",
    `${words}: Azure's answer has no usable ${field === "" ? "body" : field} (${issue?.message ?? "malformed"})`,
  );
}
