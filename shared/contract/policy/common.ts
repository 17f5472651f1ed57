// Pieces of which the policy's schema is made. A field that has a default keeps what was written, also when that is
// false or 0; a field without one that is left out stays out, because unset may mean something else than any value.
// What a rule across fields reads is bounded in length: the API server has to know what the rule may cost.

import * as z from "zod";

import { parseQuantity, QUANTITY_PATTERN } from "../../model/quantity.ts";

export const share = (fallback: number, description: string) =>
  z.number().min(0).max(1).default(fallback).meta({ description });
export const count = (fallback: number, description: string) =>
  z.int32().min(0).default(fallback).meta({ description });
export const flag = (fallback: boolean, description: string) =>
  z.boolean().default(fallback).meta({ description });
export const usd = (description: string) => z.number().min(0).meta({ description });
export const labels = z.record(z.string(), z.string());

export const taint = z.object({
  key: z.string().min(1),
  value: z.string().optional(),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
});

export const quantity = z
  .union([z.string(), z.number()])
  .transform((value, context) => {
    try {
      parseQuantity(String(value));
    } catch {
      context.addIssue({
        code: "custom",
        message: `${JSON.stringify(value)} is not a quantity such as "4", "500m" or "16Gi"`,
      });
    }
    return String(value);
  })
  .meta({ pattern: QUANTITY_PATTERN });

/** "10%" or a number of nodes. */
export const nodesOrPercent = z.union([
  z.int32().min(0),
  z.string().regex(/^(100|[0-9]{1,2})%$/, 'write a number of nodes, or a share such as "10%"'),
]);

/** Five fields, read by a cron library; whether it can be read is asked where the whole policy is checked. */
export const cron = z.string().min(1).max(512);
