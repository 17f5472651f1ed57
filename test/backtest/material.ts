// Everything that the settings of one pair are cut from, read once: its workload, its capacity, prices on demand by their date,
// and how long a service takes to start. What the folder lacks comes from the catalogue or from a stated figure, and is named;
// a pair whose workload or capacity is not there is left out, and named too.

import { listPriceOf } from "../../shared/model/instance-types.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { loadCapacity } from "./capacities.ts";
import type { ZoneTrace } from "./capacities.ts";
import { rowsIn } from "./folder.ts";
import type { Plan } from "./plan.ts";
import type { Material, OnDemand } from "./setting.ts";
import { loadWorkload } from "./workloads.ts";

/** What a service takes to load its model where the folder has no measurement. */
const SERVICE_START_S = [10, 45] as const;

export interface Loaded {
  readonly material: Material | null;
  /** Why there is none, or what was taken from elsewhere. */
  readonly notes: readonly string[];
}

export function loadMaterial(folder: string, plan: Plan, name: string): Loaded {
  const pair = plan.pairs[name];
  const workloadPlan = plan.workloads[pair?.workload ?? ""];
  const capacityPlan = plan.capacities[pair?.capacity ?? ""];
  if (pair === undefined || workloadPlan === undefined || capacityPlan === undefined)
    throw new AppError(
      "bad-input",
      `pair ${JSON.stringify(name)}: the plan has ${Object.keys(plan.pairs).join(", ")}`,
    );
  const workload = loadWorkload(folder, workloadPlan);
  const capacity = loadCapacity(folder, capacityPlan);
  const missing = [
    ...(workload === null ? [`workload ${pair.workload}`] : []),
    ...(capacity === null ? [`capacity ${pair.capacity}`] : []),
  ];
  if (workload === null || capacity === null)
    return {
      material: null,
      notes: [`pair ${name} is left out: ${folder} lacks its ${missing.join(" and its ")}`],
    };
  const serviceStart = startOf(folder, plan);
  const isService = workload.kind === "services";
  return {
    material: {
      plan,
      folder,
      pair,
      workload,
      capacity,
      capacityPlan,
      serviceStart: serviceStart.span,
      onDemand: onDemandOf(folder, capacityPlan.onDemandPrices),
    },
    notes: isService && serviceStart.note !== null ? [serviceStart.note] : [],
  };
}

function startOf(folder: string, { times: { serviceStart } }: Plan) {
  const rows = rowsIn(folder, serviceStart.file, [serviceStart.column]);
  const seconds =
    rows === null
      ? []
      : rows.map((row) => row.atLeast(serviceStart.column, 0) / 1000).toSorted((a, b) => a - b);
  const [shortest, longest] = SERVICE_START_S;
  if (seconds.length === 0)
    return {
      span: [millis(shortest * 1000), millis(longest * 1000)] as const,
      note: `${serviceStart.file}: is not there; services start in ${shortest} to ${longest} s, which is ours`,
    };
  const at = (share: number): number =>
    seconds[Math.min(seconds.length - 1, Math.floor(share * seconds.length))] ?? 0;
  return {
    span: [millis(at(serviceStart.from) * 1000), millis(at(serviceStart.to) * 1000)] as const,
    note: null,
  };
}

/** The newest price that was seen before the capacity was traced. */
function onDemandOf(folder: string, file: string | undefined): OnDemand {
  const rows =
    file === undefined
      ? null
      : rowsIn(folder, file, ["observed", "region", "instance_type", "on_demand_usd_per_h"]);
  const changes = (rows ?? []).map((row) => ({
    seen: Date.parse(row.text("observed")),
    region: row.text("region"),
    instanceType: row.text("instance_type"),
    usdPerHour: row.atLeast("on_demand_usd_per_h", 0),
  }));
  const newest = ({ instanceType, taken }: ZoneTrace, region: string | null): number | null =>
    changes
      .filter(
        (change) => change.instanceType === instanceType && (region === null || change.region === region),
      )
      .filter(({ seen }) => taken !== null && seen <= taken)
      .toSorted((a, b) => a.seen - b.seen)
      .at(-1)?.usdPerHour ?? null;
  return (trace) => {
    const { provider, region, instanceType } = trace;
    const own = newest(trace, region);
    if (own !== null) return { usdPerHour: own };
    const elsewhere = newest(trace, null);
    if (elsewhere !== null)
      return {
        usdPerHour: elsewhere,
        note: `${instanceType} in ${region}: on-demand price of that date from another region of the price file`,
      };
    const list = listPriceOf(provider, region, instanceType, "on-demand");
    if (list.kind === "unknown")
      throw new AppError(
        "bad-input",
        `${instanceType} in ${region}: no on-demand price in the folder or the catalogue (${list.because})`,
      );
    return {
      usdPerHour: list.usdPerHour,
      note: `${instanceType} in ${region}: on-demand price from the ${list.source}`,
    };
  };
}
