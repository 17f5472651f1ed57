// The metrics that are computed from two samples of a GPU's counters (GPM): which ones, in which units, and the one
// call that computes them all. When samples are taken is decided in gpm.ts.

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import { FUNCTION_NOT_FOUND, NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { ratioFromPercent } from "../../../shared/model/units.ts";
import { ask } from "./ask.ts";
import { GPM_METRICS } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { GPM_METRIC, GPM_METRICS_GET } from "./layout.ts";
import type { Address } from "./native.ts";

/**
 * Rates come in mebibytes a second. The header says so, and an H100 with driver 580.159 agrees: while 54.4 GB/s were
 * copied to it over PCIe it said 55,645, which is 58.3 GB/s and leaves the 7 % that packet headers take; read as
 * megabytes it would leave 2 %, less than headers can.
 */
const BYTES_PER_MEBIBYTE = 1_048_576;

type Unit = "percent" | "mebibytes/s";

export const METRICS: readonly (readonly [id: number, name: GpuReadingName, unit: Unit])[] = [
  [GPM_METRICS.NVML_GPM_METRIC_GRAPHICS_UTIL, "gpmGraphicsActive", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_SM_UTIL, "gpmSmActive", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_SM_OCCUPANCY, "gpmSmOccupancy", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_ANY_TENSOR_UTIL, "gpmTensorActive", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_DRAM_BW_UTIL, "gpmDramActive", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_FP64_UTIL, "gpmFp64Active", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_FP32_UTIL, "gpmFp32Active", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_FP16_UTIL, "gpmFp16Active", "percent"],
  [GPM_METRICS.NVML_GPM_METRIC_PCIE_TX_PER_SEC, "gpmPcieTx", "mebibytes/s"],
  [GPM_METRICS.NVML_GPM_METRIC_PCIE_RX_PER_SEC, "gpmPcieRx", "mebibytes/s"],
  [GPM_METRICS.NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC, "gpmNvlinkTx", "mebibytes/s"],
  [GPM_METRICS.NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC, "gpmNvlinkRx", "mebibytes/s"],
];

/** One value and one code for each metric, in the order of the table. */
export interface MetricRows {
  readonly values: Float64Array;
  readonly codes: Int16Array;
}

/** Fills the rows from two samples; the driver's code of the call as a whole is returned, and is in all rows then. */
export type MetricsGet = (from: Address, to: Address, rows: MetricRows) => number;

/** Room for as many entries as the longest list of any header: an older library may look at more than we ask for. */
const LONGEST_LIST = 333;

export function bindMetricsGet(driver: Driver, gpu: number): MetricsGet {
  const call = "nvmlGpmMetricsGet";
  const get = driver.library.bind(call);
  const { address, view } = driver.blockOf(call, entryAt(LONGEST_LIST));
  return (from, to, { values, codes }) => {
    fillQuestion(view, from, to);
    const code = get === null ? FUNCTION_NOT_FOUND : ask(driver, call, gpu, () => get(address));
    if (code !== SUCCESS) {
      codes.fill(code);
      return code;
    }
    for (const [at, [, , unit]] of METRICS.entries()) {
      const own = view.getInt32(entryAt(at) + GPM_METRIC.members.nvmlReturn.at, true);
      const value = valueIn(unit, view.getFloat64(entryAt(at) + GPM_METRIC.members.value.at, true));
      codes[at] = own === SUCCESS && value === undefined ? NO_DATA : own;
      values[at] = value ?? Number.NaN;
    }
    return SUCCESS;
  };
}

function fillQuestion(view: DataView, from: Address, to: Address): void {
  const head = GPM_METRICS_GET.members;
  view.setUint32(head.version.at, GPM_METRICS_GET.stamp, true);
  view.setUint32(head.numMetrics.at, METRICS.length, true);
  view.setBigUint64(head.sample1.at, from, true);
  view.setBigUint64(head.sample2.at, to, true);
  for (const [at, [id]] of METRICS.entries()) {
    view.setUint32(entryAt(at) + GPM_METRIC.members.metricId.at, id, true);
    // Neither is left from the call before: an entry that the driver does not touch must not look like an answer.
    view.setInt32(entryAt(at) + GPM_METRIC.members.nvmlReturn.at, NO_DATA, true);
    view.setFloat64(entryAt(at) + GPM_METRIC.members.value.at, Number.NaN, true);
  }
}

function entryAt(at: number): number {
  return GPM_METRICS_GET.size + at * GPM_METRIC.size;
}

/** In the unit of the reading. Undefined when it is no number, or is negative as after a counter that was reset. */
function valueIn(unit: Unit, value: number): number | undefined {
  if (!Number.isFinite(value) || value < 0) return undefined;
  return unit === "percent" ? ratioFromPercent(value) : value * BYTES_PER_MEBIBYTE;
}
