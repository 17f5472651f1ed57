import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { failedReadings, GPU_READING_NAMES } from "../../../shared/model/gpu-readings.ts";
import { epochMs, millis, ratio } from "../../../shared/model/units.ts";
import type { MetricsFormat } from "../../../shared/runtime/exposition.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createMetrics } from "../../../shared/runtime/metrics.ts";
import { aGpu, aHolder, aSample, ready } from "../../../test/build/gpu.ts";
import { healthSeries } from "../../assess/health/series.ts";
import type { RollUp } from "../../assess/roll-up.ts";
import { DCGM_DEFAULT_COUNTERS, planDcgm } from "./dcgm-counters.ts";
import { AGENT_METRICS } from "./own.ts";
import { createMetricsPage, readPageNames } from "./page.ts";
import type { PageNames } from "./page.ts";
import type { Shown } from "./shown.ts";

const ALL: PageNames = {
  native: true,
  guide: true,
  dcgm: { plan: planDcgm(DCGM_DEFAULT_COUNTERS), hostnameLabel: "Hostname" },
};
const ALL_VALUES = Object.fromEntries(GPU_READING_NAMES.map((name, i) => [name, i]));

function shownOf(indexes: readonly number[], more: Partial<Shown> = {}): Shown {
  const gpus = indexes.map((index) => aGpu(index));
  return {
    node: "gpu-1",
    seen: { source: ready(...gpus), gpus, lost: [] },
    samples: indexes.map((index) => aSample(index, ALL_VALUES)),
    sampleAgeMs: millis(250),
    eventsWaiting: 2,
    metadata: "none",
    cloud: "none",
    allocation: { kind: "unknown", why: "no socket" },
    health: healthOf(),
    figures: () => ({ healthy: null, allocated: null }),
    revision: 0,
    steady: millis(0),
    ...more,
  };
}

/** Each XID a second after the one before. */
function healthOf(...told: readonly (readonly [gpu: string, xid: number])[]): Shown["health"] {
  const xids = told.map(([gpu, xid], i) => ({
    gpu,
    xid,
    class: "fatal" as const,
    count: 1,
    lastAt: epochMs(i * 1000),
  }));
  return { series: [], xids };
}

function setUp(names: PageNames, first: Shown) {
  let shown = first;
  const page = createMetricsPage({
    own: createMetrics(AGENT_METRICS),
    names,
    slowIntervalMs: millis(10_000),
    shown: () => shown,
  });
  const text = async (format: MetricsFormat): Promise<string> =>
    Buffer.concat(await page.parts(format)).toString();
  return {
    page: { ...page, text },
    show: (next: Shown) => {
      shown = next;
    },
  };
}

const HOLDER = aHolder();

function aRollUp(gpus: number, mean: number | null): RollUp {
  const window =
    mean === null
      ? ({ kind: "unknown", because: "no-samples" } as const)
      : ({ kind: "known", mean, max: 1, p95: 1, coverage: ratio(1), ageMs: millis(0) } as const);
  return { gpus, utilization: { w10: window, w60: window, w600: window } };
}

/** What Prometheus' own parser would refuse: a series twice, a family in two places, a series outside of its family. */
function problemsOf(page: string): readonly string[] {
  const problems: string[] = [];
  const series = new Set<string>();
  const families = new Set<string>();
  let family = "";
  for (const line of page.trimEnd().split("\n")) {
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line)?.[1];
    if (declared !== undefined) {
      if (families.has(declared)) problems.push(`family twice: ${declared}`);
      families.add(declared);
      family = declared;
    }
    if (line.startsWith("#")) continue;
    const [, name = "", key = ""] =
      /^(([a-zA-Z_:][\w:]*)(?:\{[^\n]*\})?) (?:[-+.\de]+|[+-]Inf|NaN)$/.exec(line) ?? [];
    if (name === "") problems.push(`no series: ${line}`);
    if (key.replace(/_(total|bucket|sum|count)$/, "") !== family.replace(/_(total|count)$/, ""))
      problems.push(`outside of its family: ${line}`);
    if (series.has(name)) problems.push(`series twice: ${name}`);
    series.add(name);
  }
  return problems;
}

describe("createMetricsPage()", () => {
  test.each(["text", "openmetrics"] as const)("writes a page of %s that a parser takes", async (format) => {
    const holders = [0, 1].map((replica) => ({ ...HOLDER, pod: `p-${replica}`, replica }));
    const { page } = setUp(
      ALL,
      shownOf([0, 1], {
        allocation: { kind: "known", at: epochMs(0), holders },
        health: healthOf(["GPU-1", 79]),
      }),
    );
    const text = await page.text(format);
    expect(problemsOf(text)).toEqual([]);
    expect(text.endsWith("# EOF\n")).toBe(format === "openmetrics");
    for (const series of [
      "gpu_utilization_percent{",
      "gpu_autoscaler_gpu_energy_joules_total{",
      "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{",
      "gpu_autoscaler_agent_sample_age_seconds 0.25",
      "gpu_autoscaler_events_waiting 2",
      'gpu_autoscaler_agent_gpu_source{state="ready"} 1',
      'gpu_autoscaler_agent_gpu_source{state="hung"} 0',
    ])
      expect(text).toContain(`\n${series}`);
    expect(text).toMatch(
      /\nDCGM_FI_DEV_XID_ERRORS\{gpu="1".*,err_code="79",err_msg="GPU has fallen off the bus"\} 79\n/,
    );
    const energy =
      format === "text" ? "gpu_autoscaler_gpu_energy_joules_total" : "gpu_autoscaler_gpu_energy_joules";
    expect(text).toContain(`# TYPE ${energy} counter\n`);
    expect(text).toContain(
      `# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION ${format === "text" ? "counter" : "unknown"}\n`,
    );
  });

  test("shows the families that are asked for and no others", async () => {
    const only = async (names: Partial<PageNames>) => {
      const text = await setUp({ native: false, guide: false, dcgm: null, ...names }, shownOf([0])).page.text(
        "text",
      );
      return ["gpu_autoscaler_gpu_power_watts{", "\ngpu_power_watts{", "DCGM_FI_DEV_POWER_USAGE{"].map(
        (name) => `\n${text}`.includes(name),
      );
    };
    expect(await only({ native: true })).toEqual([true, false, false]);
    expect(await only({ guide: true })).toEqual([false, true, false]);
    expect(await only({ dcgm: ALL.dcgm })).toEqual([false, false, true]);
    expect(await only({})).toEqual([false, false, false]);
  });

  test("what has left has no series in the next scrape: a GPU, a pod, an instance", async () => {
    const held = { kind: "known", at: epochMs(0), holders: [HOLDER] } as const;
    const { page, show } = setUp(ALL, shownOf([0, 1], { allocation: held }));
    const first = await page.text("text");
    expect(first).toContain('pod="train-0"');
    expect(first).toContain('uuid="GPU-1"');
    show(shownOf([0], { allocation: { ...held, holders: [] } }));
    const second = await page.text("text");
    expect(second).not.toContain('pod="train-0"');
    expect(second).not.toMatch(/GPU-1/);
  });

  test("renders the GPUs once for each cycle and format, and anew when a part of it changes", async () => {
    const first = shownOf([0]);
    const { page, show } = setUp(ALL, first);
    const [gpus] = await page.parts("text");
    show({ ...first, health: healthOf(), sampleAgeMs: millis(900), eventsWaiting: 7 });
    expect((await page.parts("text"))[0]).toBe(gpus);
    expect((await page.parts("openmetrics"))[0]).not.toBe(gpus);
    const again = await page.text("openmetrics");
    expect(again).toContain("gpu_autoscaler_agent_sample_age_seconds 0.9\n");
    expect(again).toContain("gpu_autoscaler_events_waiting 7\n");
    show({ ...first, samples: [aSample(0, { utilization: 0.125 })] });
    expect(await page.text("text")).toMatch(/^gpu_autoscaler_gpu_utilization_ratio\{.*\} 0\.125$/m);
    show({ ...first, health: healthOf(["GPU-0", 48]) });
    expect(await page.text("text")).toMatch(/^DCGM_FI_DEV_XID_ERRORS\{.*\} 48$/m);
  });

  test("shows verdicts and XIDs whatever names are asked for", async () => {
    const finding = {
      rule: "fell-off-bus",
      gpu: "GPU-0",
      level: "fatal",
      since: epochMs(0),
      evidence: "Xid 79",
      remedy: "reboot-node",
      clears: "a reboot",
    } as const;
    const { xids } = healthOf(["GPU-0", 48], ["GPU-0", 79]);
    const series = healthSeries("gpu-1", [aGpu(0)], { findings: [finding], xids, node: "fatal" });
    const health = { series, xids };
    const { page } = setUp({ native: false, guide: false, dcgm: null }, shownOf([0], { health }));
    const where = `node="gpu-1",gpu="0",uuid="GPU-0"`;
    const text = await page.text("text");
    for (const series of [
      `gpu_autoscaler_gpu_xid_errors_total{${where},xid="48",class="fatal"} 1`,
      `gpu_autoscaler_gpu_xid_last_timestamp_seconds{${where},xid="79",class="fatal"} 1`,
      `gpu_autoscaler_gpu_health{${where},level="fatal",rule="fell-off-bus"} 1`,
      `gpu_autoscaler_node_gpu_health{node="gpu-1",state="fatal"} 1`,
      `gpu_autoscaler_node_gpu_health{node="gpu-1",state="healthy"} 0`,
    ])
      expect(text).toContain(`\n${series}\n`);
    expect(problemsOf(text)).toEqual([]);
  });

  test("says the mean of the healthy and of the allocated GPUs, of how many it is, and nothing that is not known", async () => {
    const first = shownOf([0, 1], {
      figures: () => ({ healthy: aRollUp(2, 0.5), allocated: aRollUp(1, 0.9) }),
    });
    const { page, show } = setUp({ native: false, guide: false, dcgm: null }, first);
    const told = async () =>
      (await page.text("text")).split("\n").filter((line) => line.startsWith("gpu_autoscaler_node_gpu"));
    expect(await told()).toEqual([
      'gpu_autoscaler_node_gpu_utilization_ratio{node="gpu-1",of="healthy"} 0.5',
      'gpu_autoscaler_node_gpu_utilization_ratio{node="gpu-1",of="allocated"} 0.9',
      'gpu_autoscaler_node_gpus{node="gpu-1",of="healthy"} 2',
      'gpu_autoscaler_node_gpus{node="gpu-1",of="allocated"} 1',
    ]);
    // Nobody holds one, and of the healthy ones one does not tell: the numbers are known, and no mean is.
    const figures = { healthy: aRollUp(2, null), allocated: aRollUp(0, null) };
    show({ ...first, revision: 1, figures: () => figures });
    expect(await told()).toEqual([
      'gpu_autoscaler_node_gpus{node="gpu-1",of="healthy"} 2',
      'gpu_autoscaler_node_gpus{node="gpu-1",of="allocated"} 0',
    ]);
    show({ ...first, revision: 2, figures: () => ({ healthy: aRollUp(2, 0.5), allocated: null }) });
    expect(await told()).toHaveLength(2);
    show({ ...first, revision: 3, figures: () => ({ healthy: null, allocated: null }) });
    expect(await told()).toEqual([]);
  });

  test("asks for the figures of the node once a second, and when something has changed", async () => {
    let asked = 0;
    const figures = () => {
      asked++;
      return { healthy: aRollUp(asked, 0.5), allocated: null };
    };
    const first = shownOf([0], { figures });
    const { page, show } = setUp(ALL, first);
    const after = async (shown: Shown): Promise<number> => {
      show(shown);
      await page.text("text");
      await page.text("openmetrics");
      return asked;
    };
    expect(await after(first)).toBe(1);
    expect(await after({ ...first, steady: millis(999), seen: { ...first.seen } })).toBe(1);
    expect(await after({ ...first, steady: millis(1_000) })).toBe(2);
    expect(await after({ ...first, steady: millis(1_100), revision: 1 })).toBe(3);
  });

  test("what is told twice from outside stands on the page once", async () => {
    const mig = (uuids: readonly string[]) => ({
      kind: "on" as const,
      instances: uuids.map((uuid, i) => ({
        uuid,
        gpuInstance: i + 1,
        computeInstance: 0,
        profile: "1g.18gb",
        memoryTotalBytes: { kind: "unsupported", code: 3 } as const,
        computeSlices: { kind: "unsupported", code: 3 } as const,
      })),
    });
    // Two GPUs under one UUID, one that stands in the list twice, and instances that cannot be told apart.
    const gpus = [
      aGpu(0),
      aGpu(1, { uuid: "GPU-0" }),
      aGpu(2),
      aGpu(2),
      aGpu(3, { mig: mig(["MIG-a", "MIG-a", "MIG-b"]) }),
    ];
    const holders = ["main", "main", "side"].flatMap((container) =>
      [null, "MIG-a"].map((instance) => ({
        ...HOLDER,
        container,
        instance,
        gpu: instance === null ? "GPU-2" : "GPU-3",
      })),
    );
    const strays = [HOLDER, HOLDER].map((holder) => ({ ...holder, gpu: null }));
    const finding = {
      rule: "fell-off-bus",
      gpu: null,
      level: "fatal",
      since: epochMs(0),
      evidence: "Xid 79",
      remedy: "reboot-node",
      clears: "a reboot",
    } as const;
    const { page } = setUp(
      ALL,
      shownOf([], {
        seen: { source: ready(...gpus), gpus, lost: [] },
        samples: [
          aSample(0, { utilization: 0.125 }),
          aSample(0, { utilization: 0.875 }),
          aSample(2, ALL_VALUES),
          aSample(3, ALL_VALUES, {
            instances: [{ uuid: "MIG-a", readings: failedReadings(999) }],
          }),
        ],
        allocation: { kind: "known", at: epochMs(0), holders: [...holders, ...strays] },
        health: {
          series: healthSeries("gpu-1", gpus, { findings: [finding, finding], xids: [], node: "fatal" }),
          xids: [],
        },
      }),
    );
    for (const format of ["text", "openmetrics"] as const) {
      const text = await page.text(format);
      expect(problemsOf(text)).toEqual([]);
      // Of which of the two it is nobody can say.
      expect(text).not.toMatch(/utilization\S*\{.*GPU-0/);
      expect(text).toMatch(/^gpu_autoscaler_gpu_utilization_ratio\{.*gpu="2".*\} /m);
    }
  });

  test("a name with quotation marks, backslashes and line ends breaks no line", async () => {
    const name = 'NVIDIA "H200"\\\n\r\u0000\ufffd# TYPE';
    const gpu = aGpu(0, { name: { kind: "value", value: name } });
    const holders = [{ ...HOLDER, pod: 'a"b\\c\nd' }];
    const { page } = setUp(
      ALL,
      shownOf([0], {
        node: 'n"\\\n',
        seen: { source: ready(gpu), gpus: [gpu], lost: [] },
        allocation: { kind: "known", at: epochMs(0), holders },
      }),
    );
    const text = await page.text("openmetrics");
    expect(problemsOf(text)).toEqual([]);
    expect(text).toContain('modelName="NVIDIA \\"H200\\"\\\\\\n\r\u0000\ufffd# TYPE"');
    expect(text).toContain('pod="a\\"b\\\\c\\nd"');
  });

  test("before the first cycle there is no GPU, no age, and a source that is starting", async () => {
    const { page } = setUp(
      ALL,
      shownOf([], { seen: { source: { state: "starting" }, gpus: [], lost: [] }, sampleAgeMs: null }),
    );
    const text = await page.text("text");
    expect(text).not.toMatch(
      /^(DCGM|gpu_(?!autoscaler)|gpu_autoscaler_gpu_|gpu_autoscaler_agent_sample_age)/m,
    );
    expect(text).toContain('gpu_autoscaler_agent_gpu_source{state="starting"} 1\n');
  });

  test("the driver's version stays a label while the driver does not answer", async () => {
    const first = shownOf([0]);
    const { page, show } = setUp(ALL, first);
    await page.text("text");
    const source = { state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 0, forMs: millis(9_000) } as const;
    show({ ...first, seen: { ...first.seen, source }, samples: [] });
    const text = await page.text("text");
    expect(text).toMatch(/^gpu_autoscaler_gpu_info\{.*driver="580\.95\.05"\} 1$/m);
    expect(text).not.toMatch(/^gpu_utilization_percent\{/m);
  });

  test("has the rate of the compatible name from cycles that nobody scraped", async () => {
    const { page } = setUp(ALL, shownOf([0]));
    for (const [at, nvlinkTx] of [
      [0, 0],
      [10, 20_480_000],
    ] as const)
      page.onCycle({
        at: epochMs(at * 1000),
        source: ready(aGpu(0)),
        samples: [aSample(0, { nvlinkTx, nvlinkRx: 0 })],
      });
    expect(await page.text("text")).toMatch(/^DCGM_FI_DEV_NVLINK_BANDWIDTH_TOTAL\{.*\} 2$/m);
  });
});

describe("readPageNames()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "page-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });
  const settings = {
    metricNames: ["native", "guide"],
    dcgmCounters: null,
    dcgmHostnameLabel: "Hostname",
  } as const;

  test("reads what is asked for, and the default list of dcgm without a word", async () => {
    const { log, lines } = createLogSink();
    expect(await readPageNames(settings, log)).toEqual({ native: true, guide: true, dcgm: null });
    const dcgm = await readPageNames(
      { ...settings, metricNames: ["dcgm"], dcgmHostnameLabel: "hostname" },
      log,
    );
    expect(dcgm).toMatchObject({ native: false, guide: false, dcgm: { hostnameLabel: "hostname" } });
    expect(dcgm.dcgm?.plan.fields).toHaveLength(24);
    expect(lines).toEqual([]);
  });

  test("warns once of all counters of a list that are not served", async () => {
    const { log, lines } = createLogSink();
    const list = join(folder, "list.csv");
    await writeFile(
      list,
      "DCGM_FI_DEV_GPU_UTIL, gauge, A.\nDCGM_FI_DEV_VGPU_LICENSE_STATUS, gauge, B.\nDCGM_FI_PROF_PIPE_INT_ACTIVE, gauge, C.\n",
    );
    const names = await readPageNames({ ...settings, metricNames: ["dcgm"], dcgmCounters: list }, log);
    expect(names.dcgm?.plan.fields.map(({ name }) => name)).toEqual(["DCGM_FI_DEV_GPU_UTIL"]);
    expect(lines).toMatchObject([{ level: "warn", count: 2 }]);
    expect(lines[0]?.["reason"]).toMatch(/VGPU_LICENSE_STATUS: .*; DCGM_FI_PROF_PIPE_INT_ACTIVE: /);
  });

  test("refuses the start by a family that does not exist and by a list that cannot be read", async () => {
    const { log } = createLogSink();
    await expect(readPageNames({ ...settings, metricNames: ["native", "dgcm"] }, log)).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringMatching(/dgcm; choose of native, guide, dcgm/) as unknown,
    });
    const dcgmCounters = join(folder, "gone.csv");
    await expect(
      readPageNames({ ...settings, metricNames: ["dcgm"], dcgmCounters }, log),
    ).rejects.toMatchObject({ kind: "settings", message: expect.stringContaining("gone.csv") as unknown });
  });
});
