// The page that a scrape of the shipped agent gets, in all three families and with everything on it that has a series
// of its own: eight GPUs, one of them cut into instances, pods that hold them, an XID. Prometheus' own tool judges the
// older format, and the rules of the newer one are those of open-metrics.ts.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { describe as describeError } from "../../shared/runtime/errors.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import type { KubeletPod } from "../build/kubelet.ts";
import { healthyGpu, healthyGpus } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import { obtain } from "../tools/obtain.ts";
import { createScene } from "./agent-scene.ts";
import { openMetricsProblems } from "./open-metrics.ts";

const XID_EVENT = 0x8;
/** A program's fault, after which the GPU goes on. */
const XID = 31;
const CUT: ScenarioGpu = {
  ...healthyGpu(7),
  mig: {
    mode: 1,
    maxDevices: 7,
    instances: [1, 2].map((gi) => ({
      uuid: `MIG-0000000${gi}-aaaa-bbbb-cccc-dddddddddddd`,
      gi,
      ci: 0,
      gpuSlices: 1,
      computeSlices: 1,
      memoryTotalMib: 17_000,
      memoryUsedMib: 100 * gi,
      gpm: { 2: 10 + gi, 10: 5.5 },
    })),
  },
};
const GPUS = [...healthyGpus(7), CUT];

/** What has to be there before the page is judged. */
const SHOWN = [
  /^gpu_autoscaler_gpu_holder\{.*pod="train"/m,
  /^gpu_autoscaler_mig_memory_used_bytes\{.*profile="1g.18gb"/m,
  /^gpu_autoscaler_mig_gpm_sm_active_ratio\{/m,
  /^gpu_autoscaler_gpu_gpm_sm_active_ratio\{/m,
  /^gpu_autoscaler_gpu_energy_joules_total\{/m,
  new RegExp(`^gpu_autoscaler_gpu_xid_errors_total\\{.*xid="${XID}"`, "m"),
  /^gpu_autoscaler_agent_cycle_delay_seconds_bucket\{/m,
  /^gpu_utilization_percent\{/m,
  /^DCGM_FI_DEV_GPU_UTIL\{.*pod="train"/m,
  /^DCGM_FI_DEV_FB_USED\{.*GPU_I_ID="1"/m,
  /^DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL\{/m,
];

/** The families whose names others have given. Whoever wants them wants these very names. */
const FOREIGN = /^(?:DCGM_FI_|gpu_(?!autoscaler_))/;
/** Every series of dcgm-exporter has labels such as modelName and Hostname. */
const LABELS_OF_DCGM = "label names should be written in 'snake_case' not 'camelCase'";
const BY_THEIR_NAMES = [
  // The names of the guide say megabytes.
  "gpu_memory_total_mb metric names should not contain abbreviated units",
  "gpu_memory_usage_mb metric names should not contain abbreviated units",
  // dcgm-exporter's names of counters are those of DCGM's fields, and _TOTAL is not _total.
  'DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS counter metrics should have "_total" suffix',
  'DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL counter metrics should have "_total" suffix',
  'DCGM_FI_DEV_PCIE_REPLAY_COUNTER counter metrics should have "_total" suffix',
  'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter metrics should have "_total" suffix',
  'DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS counter metrics should have "_total" suffix',
  // The field's name says what it is.
  "DCGM_FI_DEV_PCIE_REPLAY_COUNTER metric name should not include type 'counter'",
];

const OBTAIN_WITHIN_MS = 150_000;

describe("the page of metrics", () => {
  const parts = new AsyncDisposableStack();
  let page = "";
  let openMetrics = "";
  let promtool: { readonly path: string } | { readonly missing: string };

  beforeAll(async () => {
    promtool = await obtain("promtool").then(
      (path) => ({ path }),
      (error: unknown) => ({ missing: `${describeError(error)}; to get it: npm run get -- promtool` }),
    );
  }, OBTAIN_WITHIN_MS);

  beforeAll(async () => {
    const kubelet = parts.use(
      await startFakeKubelet([
        holder("train", "nvidia.com/gpu", healthyGpu(0).uuid, healthyGpu(1).uuid),
        holder("infer", "nvidia.com/mig-1g.18gb", CUT.mig?.instances?.[0]?.uuid),
      ]),
    );
    const scene = parts.use(await createScene({ gpus: GPUS }));
    const agent = await scene.agent({
      env: {
        GPUAS_SAMPLE_INTERVAL: "200ms",
        GPUAS_SLOW_INTERVAL: "1s",
        GPUAS_METRIC_NAMES: "native,guide,dcgm",
        GPUAS_POD_RESOURCES_SOCKET: kubelet.socket,
      },
    });
    scene.double.write({ gpus: GPUS, events: [{ afterMs: 0, gpu: 2, type: XID_EVENT, data: XID }] });
    const fetched = async (accept: string): Promise<string> => {
      const answer = await fetch(new URL("/metrics", agent.url), { headers: { accept } });
      expect(answer.headers.get("content-type")).toContain(accept.split(";")[0]);
      return await answer.text();
    };
    const lacking = (): readonly RegExp[] => SHOWN.filter((one) => !one.test(page));
    const giveUpAt = performance.now() + 30_000;
    do page = await fetched("text/plain");
    while (lacking().length > 0 && performance.now() < giveUpAt);
    if (lacking().length > 0) throw new Error(`the page does not show ${lacking().map(String).join(", ")}`);
    openMetrics = await fetched("application/openmetrics-text;version=1.0.0");
  });
  afterAll(async () => {
    await parts.disposeAsync();
  });

  /** Its exit code and what it said, each sentence once. @throws never: without the tool the test is skipped. */
  const judge = async (text: string, skip: (why: string) => never) => {
    if ("missing" in promtool) return skip(promtool.missing);
    const child = spawn(promtool.path, ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
    child.stdin.end(text);
    const ended = once(child, "close");
    const said = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    await ended;
    const lines = said.flatMap((one) => one.split("\n").filter((sentence) => sentence.trim() !== ""));
    return { code: child.exitCode, complaints: [...new Set(lines)] };
  };

  test("gives promtool nothing to complain of under the agent's own names", async ({ skip }) => {
    const own = withoutFamilies(page, FOREIGN);
    expect(own).toContain("gpu_autoscaler_gpu_utilization_ratio{");
    expect(await judge(own, skip)).toEqual({ code: 0, complaints: [] });
  });

  test("gives promtool names of others to complain of, and nothing besides", async ({ skip }) => {
    const { code, complaints } = await judge(page, skip);
    // 3: it was read, and there are complaints.
    expect(code).toBe(3);
    const dcgm = new Set(page.match(/^DCGM_\w+/gm));
    const allowed = [...BY_THEIR_NAMES, ...[...dcgm].map((name) => `${name} ${LABELS_OF_DCGM}`)];
    expect(complaints.filter((one) => !allowed.includes(one))).toEqual([]);
  });

  test("is whole and well formed in the newer format too, with the same series of GPUs", () => {
    expect(openMetricsProblems(openMetrics)).toEqual([]);
    const series = (text: string): readonly string[] =>
      [...text.matchAll(/^((?:gpu_|DCGM_)[^{\n]*\{[^\n]*\b(?:uuid|UUID)="[^\n]*\}) /gm)].map(
        ([, one = ""]) => one,
      );
    expect(series(openMetrics).length).toBeGreaterThan(GPUS.length * 60);
    expect(series(openMetrics)).toEqual(series(page));
  });

  test.each([
    ["a page that was cut off", (text: string) => text.slice(0, -20), /cut off/],
    [
      "a series that is there twice",
      (text: string) => text.replace(/^(gpu_util\S*\{.*)$/m, "$1\n$1"),
      /twice/,
    ],
    [
      "a counter's sample without its end",
      (text: string) => text.replaceAll("energy_joules_total{", "energy_joules{"),
      /no sample of a counter/,
    ],
    [
      "a type that the format has not",
      (text: string) => text.replace(/^(# TYPE \S+) gauge$/m, "$1 number"),
      /of type number/,
    ],
    [
      "a family in two places",
      (text: string) => text.replace("# EOF", "# TYPE gpu_temperature_celsius gauge\n# EOF"),
      /stand together/,
    ],
    [
      "a label without its quotes",
      (text: string) => text.replace('gpu="3"', "gpu=3"),
      /no line of the format/,
    ],
    [
      "a number with a unit",
      (text: string) => text.replace(/^(gpu_power_watts\{.*\}) (\S+)$/m, "$1 $2W"),
      /no line of the format/,
    ],
    ["a bound without its point", (text: string) => text.replace('le="1.0"', 'le="1"'), /bound 1/],
    [
      "buckets that fall",
      (text: string) => text.replace(/(_delay_seconds_bucket\{le="1\.0"\}) \d+/, "$1 0"),
      /buckets fall/,
    ],
  ])("would not pass with %s", (_, broken, complaint) => {
    expect(broken(openMetrics)).not.toBe(openMetrics);
    expect(openMetricsProblems(broken(openMetrics)).join("\n")).toMatch(complaint);
  });
});

function holder(name: string, resource: string, ...devices: readonly unknown[]): KubeletPod {
  const containers = [{ name: "main", devices: { [resource]: devices.map(String) } }];
  return { namespace: "machine-learning", name, containers };
}

/** The page of the older format without the families with such names. */
function withoutFamilies(page: string, names: RegExp): string {
  return page
    .split("\n")
    .filter((line) => !names.test(line.replace(/^# \w+ /, "")))
    .join("\n");
}
