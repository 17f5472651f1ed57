// GPU reports as an agent would send them, for scenarios in which the coordinator is to believe something about a
// node whatever its agent says.

import { encode } from "../../shared/contract/codec.ts";
import type { GpuReport, ReportedWindow } from "../../shared/contract/gpu-report.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";

export function aReport(
  node: string,
  overrides: Partial<GpuReport> & { readonly utilization?: number } = {},
): GpuReport {
  const { utilization = 0, ...rest } = overrides;
  const known = (value: number): ReportedWindow => [value, value, value, 1, 100];
  return {
    v: 1,
    node,
    at: systemClock.now(),
    seq: 0,
    source: { state: "ready", driver: "580.95.05" },
    gpus: [
      {
        index: 0,
        uuid: `GPU-of-${node}`,
        name: "NVIDIA H200",
        memoryTotalBytes: 150_000_000_000,
        state: "present",
        utilization: { w10: known(utilization), w60: known(utilization), w600: known(utilization) },
        memoryUsedBytes: known(0),
        temperatureCelsius: known(30),
        powerWatts: known(80),
      },
    ],
    ...rest,
  };
}

/** All of a node's GPUs at work, each a little differently. */
export function aBusyReport(
  node: string,
  { seq, gpus: count, random }: { readonly seq: number; readonly gpus: number; readonly random: Random },
): GpuReport {
  const around = (value: number): ReportedWindow => {
    const mean = value * (0.9 + 0.1 * random());
    return [mean, value, value, 1, 100];
  };
  const gpus = Array.from({ length: count }, (_, index) => ({
    index,
    uuid: `GPU-${node}-${index}`,
    name: "NVIDIA H200",
    memoryTotalBytes: 150_000_000_000,
    state: "present" as const,
    utilization: { w10: around(0.7), w60: around(0.7), w600: around(0.7) },
    memoryUsedBytes: around(100_000_000_000),
    temperatureCelsius: around(60),
    powerWatts: around(500),
  }));
  return { ...aReport(node, { seq }), gpus };
}

export interface ReportFeed {
  /** Sends nothing from now on. */
  stop(): Promise<void>;
}

/** A report of each node every half second, with the utilisation that the function gives. */
export function feedReports(
  natsUrl: string,
  nodes: () => readonly string[],
  utilization: (node: string) => number = () => 0,
): ReportFeed {
  const nats = connectNats({
    servers: [natsUrl],
    name: "reports",
    log: createLogSink().log,
    clock: systemClock,
    random: seededRandom(1),
  });
  let seq = 0;
  const timer = setInterval(() => {
    for (const node of nodes())
      nats.publishLatest(
        subjectFor("report", node),
        encode<"report">(aReport(node, { seq: seq++, utilization: utilization(node) })),
      );
  }, 500);
  return {
    stop: async () => {
      clearInterval(timer);
      await nats.close();
    },
  };
}
