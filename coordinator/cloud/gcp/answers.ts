// Google's answers, each field that we use with the type that it has to have. Google's own client libraries let a wrong
// type through, so that a text could become a size of zero: here it is `malformed`, with the field in the message. What is
// not used is not looked at, so that new fields do no harm.

import { z } from "zod";

import { AppError } from "../../../shared/runtime/errors.ts";

const count = z.int().min(0);
const text = z.string().min(1);
/** 64-bit numbers come as text. */
const id = z.string().regex(/^\d+$/, "a number as text");

const errors = z.object({
  errors: z.array(z.object({ code: z.string().optional(), message: z.string().optional() })).optional(),
});

export const groupAnswer = z.object({
  name: text,
  /** Not zero when it is not there: a size that nobody has said. */
  targetSize: count,
  zone: z.string().optional(),
  region: z.string().optional(),
  baseInstanceName: text,
  instanceTemplate: z.string().optional(),
  versions: z.array(z.object({ instanceTemplate: z.string().optional() })).optional(),
  currentActions: z.record(z.string(), count).optional(),
  status: z
    .object({
      autoscaler: z.string().optional(),
      stateful: z.object({ hasStatefulConfig: z.boolean().optional() }).optional(),
    })
    .optional(),
  updatePolicy: z.object({ type: z.string().optional() }).optional(),
  autoHealingPolicies: z.array(z.object({ healthCheck: z.string().optional() })).optional(),
  instanceLifecyclePolicy: z.object({ defaultActionOnFailure: z.string().optional() }).optional(),
  instanceFlexibilityPolicy: z
    .object({
      instanceSelections: z
        .record(z.string(), z.object({ machineTypes: z.array(z.string()).optional() }))
        .optional(),
    })
    .optional(),
});
export type GroupAnswer = z.infer<typeof groupAnswer>;

/** The groups are read one by one. */
export const groupsAnswer = z.object({
  items: z.array(z.unknown()).optional(),
  nextPageToken: z.string().optional(),
});

const instanceAnswer = z.object({
  name: z.string().optional(),
  instance: z.string().optional(),
  id: id.optional(),
  currentAction: text,
  instanceStatus: z.string().optional(),
  targetStatus: z.string().optional(),
  lastAttempt: z.object({ errors: errors.optional() }).optional(),
  propertiesFromFlexibilityPolicy: z.object({ machineType: z.string().optional() }).optional(),
});
export type InstanceAnswer = z.infer<typeof instanceAnswer>;

export const instancesAnswer = z.object({
  managedInstances: z.array(instanceAnswer).optional(),
  nextPageToken: z.string().optional(),
});
export type InstancesAnswer = z.infer<typeof instancesAnswer>;

export const operationAnswer = z.object({
  name: text,
  status: z.enum(["PENDING", "RUNNING", "DONE"]),
  error: errors.optional(),
  httpErrorStatusCode: z.int().optional(),
  httpErrorMessage: z.string().optional(),
});
export type OperationAnswer = z.infer<typeof operationAnswer>;

export const templateAnswer = z.object({
  name: z.string().optional(),
  properties: z.object({
    machineType: text,
    guestAccelerators: z
      .array(z.object({ acceleratorType: z.string().optional(), acceleratorCount: count.optional() }))
      .optional(),
    scheduling: z
      .object({ provisioningModel: z.string().optional(), preemptible: z.boolean().optional() })
      .optional(),
    metadata: z
      .object({
        items: z.array(z.object({ key: z.string(), value: z.string().optional() })).optional(),
      })
      .optional(),
  }),
});
export type TemplateAnswer = z.infer<typeof templateAnswer>;

export const machineTypeAnswer = z.object({
  name: text,
  guestCpus: count,
  memoryMb: count,
});

export const autoscalerAnswer = z.object({
  name: text,
  /** Absent: it is on. */
  autoscalingPolicy: z.object({ mode: z.string().optional() }).optional(),
});

export const nodePoolAnswer = z.object({
  name: text,
  autoscaling: z.object({ enabled: z.boolean().optional() }).optional(),
});

export const allowedAnswer = z.object({ permissions: z.array(z.string()).optional() });

/** @throws AppError `malformed` that names the call, the field and what stood there. */
export function decoded<T>(schema: z.ZodType<T>, answer: unknown, call: string): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join(".") ?? "";
  throw new AppError(
    "malformed",
    `${call}: Google's answer has no usable ${field === "" ? "body" : field} (${issue?.message ?? "?"})`,
  );
}
