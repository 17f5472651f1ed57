// Fleets that work on demand where spot would cost a third, for tests of the way back to spot, and the questions that such
// tests ask of a decision. Each test says what is different in its fleet.

import { decide } from "../../coordinator/decide/decide.ts";
import type { NodeInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node } from "./node.ts";
import { MINUTE, NOW } from "./now.ts";
import { pod } from "./pod.ts";
import { policy, pool } from "./policy.ts";
import type { PolicyOptions } from "./policy.ts";
import { grows, memory, shrinks, snapshot } from "./snapshot.ts";

export const OPEN = { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false };
export const spotPool = (options: Parameters<typeof pool>[1] = {}) =>
  pool("spot", { ...options, fields: { price: { usdPerHour: 1 }, ...options.fields } });
export const onDemand = (usdPerHour = 3, options: Parameters<typeof pool>[1] = {}) =>
  pool("od", { capacityType: "on-demand", ...options, fields: { price: { usdPerHour } } });
export const REPLACES = {
  diversify: true,
  onDemandFloorGpus: 0,
  rebalance: "Report",
  returnAfterSeconds: 1800,
  returnPolicy: "Replace",
} as const;

export interface Given {
  readonly policy?: PolicyOptions;
  readonly nodes?: readonly NodeInput[];
  readonly pods?: Snapshot["pods"];
  readonly rest?: Partial<Snapshot>;
}

/** One on-demand node with a pod that may be moved; a spot node costs a third. */
export function given({ policy: options = {}, nodes, pods: own, rest = {} }: Given = {}): Snapshot {
  return snapshot({
    nodes: nodes ?? [node("o1", { pool: "od" })],
    pods: own ?? [pod("web", { node: "o1" })],
    policies: [
      policy({
        pools: [spotPool(), onDemand()],
        spotInstancePercentage: 1,
        spot: REPLACES,
        disruption: OPEN,
        ...options,
      }),
    ],
    memory: memory({}),
    ...rest,
  });
}

export const bought = (input: Snapshot) =>
  grows(decide(input)).map(({ pool: name, from, to, because }) => [
    name,
    to - from,
    [...new Set(because.map(({ code }) => code))],
  ]);
export const gone = (input: Snapshot) =>
  shrinks(decide(input)).map(({ node: name, how, disruption }) => [name, how, disruption]);

export const failedLately = [
  {
    offering: "pool/spot",
    kind: "no-capacity" as const,
    failures: 1,
    lastAt: epochMs(NOW - 20 * MINUTE),
    until: epochMs(NOW - 19 * MINUTE),
    detail: "",
  },
];
