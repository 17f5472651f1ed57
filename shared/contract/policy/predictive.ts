// What a policy says of its forecast: whether it may move nodes, in which zone its days begin, how far it looks back and
// ahead, and how sure it has to be. How it forecasts, and when it has earned to be heard, stands in coordinator/forecast.

import * as z from "zod";

export const PREDICTIVE_MODES = ["Off", "ForecastOnly", "ForecastAndScale"] as const;
export type PredictiveMode = (typeof PREDICTIVE_MODES)[number];

const specialDay = z.object({
  date: z
    .string()
    .max(10)
    .regex(/^\d{4}-\d{2}-\d{2}$/, "a day such as 2026-12-25")
    .meta({ description: "a day of the zone, such as 2026-12-25" }),
  treatAs: z.enum(["weekend", "weekday", "exclude"]).optional().meta({
    description: "as which kind of day; exclude: nothing is learned from it and nothing is bought for it",
  }),
  factor: z.number().min(0).max(100).default(1).meta({
    description: "what the patterns of other days are multiplied with for this one",
  }),
});

export const predictive = z
  .object({
    mode: z.enum(PREDICTIVE_MODES).optional().meta({
      description:
        'ForecastOnly forecasts, shows and moves nothing; unset: ForecastAndScale with enablePredictiveScaling, else Off. In YAML write "Off" with its quotes: without them it is false',
    }),
    timeZone: z
      .string()
      .min(1)
      .max(64)
      .default("UTC")
      .meta({ description: "IANA name such as Europe/Vienna: where its days begin and its clocks change" }),
    lookbackDays: z
      .int32()
      .min(1)
      .max(56)
      .default(7)
      .meta({ description: "the oldest day that counts; from 14 on a week is known twice" }),
    horizonMinutes: z.int32().min(5).max(720).default(30).meta({
      description:
        "how long before the demand its nodes are ready; also how early they are ordered while nobody has measured a start",
    }),
    confidenceThreshold: z
      .number()
      .min(0.1)
      .max(1)
      .default(0.7)
      .meta({ description: "how likely it has to be that a node is needed for it to be added" }),
    preWarmThreshold: z
      .number()
      .min(0.1)
      .max(1)
      .default(0.7)
      .meta({ description: "how full nodes may be with what is expected; 1: no room beside it" }),
    maxPreWarmNodes: z.int32().min(0).optional().meta({
      description: "nodes at most that are there for the forecast alone; unset: as many as the limits allow",
    }),
    maxPreWarmNodeHoursPerDay: z.number().min(0).optional().meta({
      description:
        "hours of nodes at most that the forecast alone may hold in a day of the zone; unset: no bound of its own",
    }),
    calendar: z
      .array(specialDay)
      .max(400)
      .default([])
      .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["date"] })
      .meta({ description: "days that are not what their weekday says: holidays, a launch" }),
  })
  .default({
    timeZone: "UTC",
    lookbackDays: 7,
    horizonMinutes: 30,
    confidenceThreshold: 0.7,
    preWarmThreshold: 0.7,
    calendar: [],
  });
export type Predictive = z.infer<typeof predictive>;

/** What the policy means: the mode that it writes, else that of the older switch. */
export function predictiveModeOf(spec: {
  readonly enablePredictiveScaling: boolean;
  /** Absent: recorded by a version that had no such field. */
  readonly predictive?: Pick<Predictive, "mode">;
}): PredictiveMode {
  return spec.predictive?.mode ?? (spec.enablePredictiveScaling ? "ForecastAndScale" : "Off");
}
