// A fleet whose nodes have prices, for tests of money: so many nodes of one spot pool, some GPUs of the first one held.

import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import type { Fleet } from "../../coordinator/decide/fleet/fleet.ts";
import { priceBook } from "../../coordinator/decide/market/price.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { chargesOf } from "../../coordinator/money/paid.ts";
import { createSpending } from "../../coordinator/report/spending.ts";
import type { Spending } from "../../coordinator/report/spending.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { node } from "./node.ts";
import { NOW } from "./now.ts";
import { pod } from "./pod.ts";
import { policy, pool } from "./policy.ts";
import { snapshot } from "./snapshot.ts";

export interface PricedFleetOptions {
  readonly at?: number;
  readonly nodes?: number;
  /** USD an hour of one node by its policy; null: nobody knows it. */
  readonly usdPerHour?: number | null;
  /** GPUs of the first node's eight that namespace `default` holds. */
  readonly held?: number;
  readonly sync?: Snapshot["sync"];
}

/** Nodes are p3.2xlarge in us-west-2, or of a type that no catalogue has where the price is null. */
export function pricedFleet(options: PricedFleetOptions = {}): Fleet {
  const { at = NOW, nodes = 1, usdPerHour = 1.2, held = 0, sync } = options;
  const labels = {
    [NODE_LABEL.instanceType]: usdPerHour === null ? "x9.huge" : "p3.2xlarge",
    [NODE_LABEL.zone]: "us-west-2a",
  };
  const fields = usdPerHour === null ? {} : { price: { usdPerHour } };
  return assemble(
    snapshot({
      at,
      policies: [policy({ provider: "aws", pools: [pool("spot", { fields })] })],
      nodes: Array.from({ length: nodes }, (_, index) => node(`node-${index}`, { labels })),
      pods: held === 0 ? [] : [pod("work", { node: "node-0", gpus: held })],
      ...(sync === undefined ? {} : { sync }),
    }),
  );
}

/** The sums as the coordinator makes them. */
export function spendingBy(labels: readonly string[] = []): Spending {
  return createSpending(labels, (fleet, prices) => chargesOf(fleet, priceBook(prices), labels));
}
