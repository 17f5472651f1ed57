import { describe, expect, test } from "vitest";

import type { HealthLevel } from "../../../shared/model/gpu-health.ts";
import { failedReadings, readingsOf, writeCode } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuEvent, GpuIdentity, GpuSample, GpuSource } from "../../../shared/model/gpu.ts";
import { NOT_ASKED, NOT_SUPPORTED, RESET_REQUIRED, TIMEOUT } from "../../../shared/model/nvml-status.ts";
import { celsius, epochMs, millis } from "../../../shared/model/units.ts";
import { aGpu, aLostGpu, aSample, ready, value } from "../../../test/build/gpu.ts";
import { createHealth } from "./health.ts";
import type { Health, HealthOptions } from "./health.ts";
import { RULES } from "./rules.ts";

const START = Date.UTC(2026, 10, 26);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
type Values = Readonly<Partial<Record<GpuReadingName, number>>>;

/** A node whose GPUs are read each second, in a time that the test moves. */
function aNode(gpus: readonly GpuIdentity[] = [aGpu(0)], options: Partial<HealthOptions> = {}) {
  let elapsed = 0;
  const now = () => ({ at: epochMs(START + elapsed), steady: millis(elapsed) });
  const health: Health = createHealth({
    intervalMs: millis(SECOND),
    slowIntervalMs: millis(10 * SECOND),
    boot: "boot-1",
    memory: null,
    startedAt: now(),
    ...options,
  });
  const cycle = (samples: readonly GpuSample[], source: GpuSource = ready(...gpus)): void => {
    elapsed += SECOND;
    health.cycle({ at: now().at, source, samples }, now());
  };
  const node = {
    health,
    now,
    cycle,
    /** The first GPU says the same for so long. */
    reads: (values: Values, forMs: number = SECOND): void => {
      for (let left = forMs; left > 0; left -= SECOND) cycle([aSample(0, values)]);
    },
    says: (sample: GpuSample, forMs: number = SECOND): void => {
      for (let left = forMs; left > 0; left -= SECOND) cycle([sample]);
    },
    is: (source: GpuSource, forMs: number = SECOND): void => {
      health.source(source, now());
      node.passes(forMs);
    },
    passes: (ms: number): void => {
      for (let left = ms; left > 0; left -= SECOND) {
        elapsed += SECOND;
        health.tick(now());
      }
    },
    hears: (what: GpuEvent["what"], from: Partial<GpuEvent> = {}) =>
      health.event(
        {
          at: now().at,
          gpu: "GPU-0",
          busId: null,
          teller: "driver",
          what,
          gpuInstance: null,
          text: "",
          ...from,
        },
        now(),
      ),
    /** The level of a rule's finding, or null. */
    level: (rule: string): HealthLevel | null =>
      health.findings().find((one) => one.rule === rule)?.level ?? null,
    evidence: (rule: string): string | undefined =>
      health.findings().find((one) => one.rule === rule)?.evidence,
  };
  return node;
}

type TestNode = ReturnType<typeof aNode>;
const xid = (number: number): GpuEvent["what"] => ({ kind: "xid", xid: number });
const silent = (code: number): GpuSample => aSample(0, {}, { readings: failedReadings(code) });
const withCode = (name: GpuReadingName, code: number): GpuSample => {
  const readings = readingsOf({ utilization: 0.5 });
  writeCode(readings, name, code);
  return aSample(0, {}, { readings });
};

/** Rows that a reading of one GPU decides: what fires, what is just below, and what is unknown. */
const BY_READING: readonly {
  readonly rule: string;
  readonly level: HealthLevel;
  readonly bad: Values;
  readonly good: Values;
  readonly name: GpuReadingName;
  /** From the first such reading to the finding. */
  readonly afterMs: number;
  readonly clearMs: number;
}[] = [
  ...(
    [
      ["recovery-reset", 1],
      ["recovery-reboot", 2],
      ["recovery-drain-p2p", 3],
      ["recovery-drain-and-reset", 4],
    ] as const
  ).map(([rule, action]) => ({
    rule,
    level: "fatal" as const,
    bad: { recoveryAction: action },
    good: { recoveryAction: 0 },
    name: "recoveryAction" as const,
    afterMs: SECOND,
    clearMs: 10 * SECOND,
  })),
  ...(
    [
      ["memory-uncorrected", "fatal", "eccVolatileUncorrected"],
      ["remap-failed", "fatal", "rowRemapFailed"],
      ["sram-threshold", "fatal", "sramThresholdExceeded"],
      ["no-spare-rows", "fatal", "rowRemapBanksNone"],
      ["remap-pending", "degraded", "rowRemapPending"],
      ["retirement-pending", "degraded", "retiredPagesPending"],
      ["pcie-fatal", "degraded", "pcieFatalErrors"],
    ] as const
  ).map(([rule, level, name]) => ({
    rule,
    level,
    bad: { [name]: 1 },
    good: { [name]: 0 },
    name,
    afterMs: 10 * SECOND,
    clearMs: MINUTE,
  })),
  {
    rule: "no-thermal-margin",
    level: "degraded",
    bad: { temperatureMargin: 0 },
    good: { temperatureMargin: 1 },
    name: "temperatureMargin",
    afterMs: 5 * MINUTE,
    clearMs: MINUTE,
  },
  {
    rule: "memory-too-hot",
    level: "degraded",
    bad: { memoryTemperature: 95 },
    good: { memoryTemperature: 94 },
    name: "memoryTemperature",
    afterMs: MINUTE,
    clearMs: MINUTE,
  },
  {
    rule: "nvlink-down-switched",
    level: "fatal",
    bad: { fabricState: 3, nvlinks: 18, nvlinksActive: 17 },
    good: { fabricState: 3, nvlinks: 18, nvlinksActive: 18 },
    name: "nvlinksActive",
    afterMs: MINUTE,
    clearMs: MINUTE,
  },
  {
    rule: "fabric-unhealthy-switched",
    level: "fatal",
    bad: { fabricState: 3, fabricHealth: 2 },
    good: { fabricState: 3, fabricHealth: 1 },
    name: "fabricHealth",
    afterMs: MINUTE,
    clearMs: MINUTE,
  },
  {
    rule: "fabric-unhealthy",
    level: "degraded",
    bad: { fabricState: 0, fabricHealth: 2 },
    good: { fabricState: 0, fabricHealth: 1 },
    name: "fabricHealth",
    afterMs: MINUTE,
    clearMs: MINUTE,
  },
  {
    rule: "fabric-limited",
    level: "degraded",
    bad: { fabricHealth: 3 },
    good: { fabricHealth: 1 },
    name: "fabricHealth",
    afterMs: 10 * SECOND,
    clearMs: MINUTE,
  },
];

describe.each(BY_READING)("$rule", ({ rule, level, bad, good, name, afterMs, clearMs }) => {
  test("stands when it has been read for as long or as often as it takes", () => {
    const node = aNode();
    node.reads(bad);
    expect(node.level(rule)).toBeNull();
    node.reads(bad, afterMs - SECOND);
    expect(node.level(rule)).toBeNull();
    node.reads(bad);
    expect(node.level(rule)).toBe(level);
  });

  test("does not stand on the value next to it", () => {
    const node = aNode();
    node.reads(good, afterMs + MINUTE);
    expect(node.health.findings()).toEqual([]);
  });

  test("is over after good readings for long enough, and begins anew after a single one", () => {
    const node = aNode();
    node.reads(bad);
    node.reads(good);
    node.reads(bad, afterMs);
    expect(node.level(rule)).toBeNull();
    node.reads(bad);
    expect(node.level(rule)).toBe(level);
    node.reads(good, clearMs);
    expect(node.level(rule)).toBe(level);
    node.reads(bad);
    node.reads(good, clearMs);
    expect(node.level(rule)).toBe(level);
    node.reads(good);
    expect(node.level(rule)).toBeNull();
  });

  test("neither begins nor ends by a reading that failed or is not supported", () => {
    for (const code of [TIMEOUT, NOT_SUPPORTED]) {
      const node = aNode();
      node.says(withCode(name, code), 10 * MINUTE);
      expect(node.level(rule)).toBeNull();
      node.reads(bad, afterMs + SECOND);
      expect(node.level(rule)).toBe(level);
      node.says(withCode(name, code), 10 * MINUTE);
      expect(node.level(rule)).toBe(level);
    }
  });
});

describe("a span of readings", () => {
  const hot = { temperatureMargin: 0 };
  const failed = withCode("temperatureMargin", TIMEOUT);

  test("does not go on over a gap, neither to its beginning nor to its end", () => {
    const node = aNode();
    node.reads(hot);
    node.says(failed, 10 * MINUTE);
    node.reads(hot);
    expect(node.level("no-thermal-margin")).toBeNull();
    node.reads(hot, 5 * MINUTE);
    expect(node.level("no-thermal-margin")).toBe("degraded");
    node.reads({ temperatureMargin: 9 });
    node.says(failed, 10 * MINUTE);
    node.reads({ temperatureMargin: 9 });
    expect(node.level("no-thermal-margin")).toBe("degraded");
  });

  test("goes on over a reading or two that failed", () => {
    const node = aNode();
    node.reads(hot, MINUTE);
    node.says(failed, 20 * SECOND);
    node.reads(hot, 4 * MINUTE);
    expect(node.level("no-thermal-margin")).toBe("degraded");
  });
});

/** Rows that an event decides. */
const BY_XID: readonly {
  readonly rule: string;
  readonly level: HealthLevel;
  readonly xids: readonly number[];
  readonly other: number;
  /** Stands at its full level with the first event. */
  readonly atOnce: boolean;
}[] = [
  { rule: "fell-off-bus", level: "fatal", xids: [79], other: 78, atOnce: true },
  { rule: "memory-uncontained", level: "fatal", xids: [48, 95], other: 94, atOnce: true },
  {
    rule: "xid-reset",
    level: "fatal",
    xids: [46, 62, 64, 109, 110, 136, 140, 143, 155, 156, 158],
    other: 63,
    atOnce: false,
  },
  { rule: "xid-restart", level: "fatal", xids: [151], other: 152, atOnce: false },
  { rule: "gsp-timeout", level: "fatal", xids: [119, 120], other: 121, atOnce: false },
  { rule: "row-remapped", level: "degraded", xids: [63], other: 64, atOnce: true },
  { rule: "nvlink-error", level: "degraded", xids: [74, 144, 150], other: 143, atOnce: true },
  { rule: "machine-fault", level: "degraded", xids: [54, 142, 167, 168], other: 153, atOnce: true },
];

describe.each(BY_XID)("$rule", ({ rule, level, xids, other, atOnce }) => {
  test("stands by each of its XIDs, and not by another", () => {
    for (const number of xids) {
      const node = aNode();
      node.hears(xid(number));
      expect(node.level(rule)).toBe(atOnce ? level : "degraded");
      expect(node.evidence(rule)).toContain(`Xid ${number} (driver)`);
    }
    const node = aNode();
    node.hears(xid(other));
    expect(node.level(rule)).toBeNull();
  });

  test("is over by a reset, by a reload of the driver and with the next boot, and not by time", () => {
    const [number = 0] = xids;
    for (const gpu of ["GPU-0", null]) {
      const node = aNode();
      node.hears(xid(number));
      node.passes(25 * HOUR);
      expect(node.level(rule)).not.toBeNull();
      node.hears({ kind: "reset" }, { gpu: "GPU-1" });
      expect(node.level(rule)).not.toBeNull();
      node.hears({ kind: "reset" }, { gpu });
      expect(node.level(rule)).toBeNull();
    }
    const before = aNode();
    before.hears(xid(number));
    const memory = before.health.memory();
    expect(aNode([aGpu(0)], { memory }).level(rule)).toBe(atOnce ? level : "degraded");
    expect(aNode([aGpu(0)], { memory, boot: "boot-2" }).level(rule)).toBeNull();
  });
});

describe.each(BY_XID.filter(({ atOnce }) => !atOnce))(
  "$rule is fatal only when confirmed",
  ({ rule, xids: [number = 0] }) => {
    test.each<[string, (node: TestNode) => void]>([
      ["by the other teller", (node) => node.hears(xid(number), { teller: "kernel-log" })],
      ["by what the driver asks for", (node) => node.reads({ recoveryAction: 1 })],
      [
        "by the same teller later",
        (node) => {
          node.passes(10 * SECOND);
          node.hears(xid(number));
        },
      ],
    ])("%s", (_, confirm) => {
      const node = aNode();
      node.hears(xid(number));
      node.hears(xid(number));
      expect(node.level(rule)).toBe("degraded");
      expect(node.evidence(rule)).toContain("not confirmed");
      confirm(node);
      expect(node.level(rule)).toBe("fatal");
    });
  },
);

describe("what ends an event", () => {
  test("is that the driver asked for something and has asked for nothing for a minute", () => {
    const node = aNode();
    node.hears(xid(62));
    node.reads({ recoveryAction: 0 }, HOUR);
    expect(node.level("xid-reset")).toBe("degraded");
    node.reads({ recoveryAction: 1 }, MINUTE);
    expect(node.level("xid-reset")).toBe("fatal");
    node.reads({ recoveryAction: 0 }, MINUTE);
    expect(node.level("xid-reset")).toBe("fatal");
    node.reads({ recoveryAction: 0 });
    expect(node.health.findings()).toEqual([]);
  });

  test("is not that the driver cannot be asked any more", () => {
    const node = aNode();
    node.hears(xid(62));
    node.reads({ recoveryAction: 1 }, MINUTE);
    node.says(withCode("recoveryAction", TIMEOUT), HOUR);
    expect(node.level("xid-reset")).toBe("fatal");
  });

  test("is a GPU that was lost and answers again for a minute", () => {
    const node = aNode();
    node.hears(xid(79));
    node.says(aLostGpu(0), MINUTE);
    node.reads({ utilization: 0 }, MINUTE);
    expect(node.level("fell-off-bus")).toBe("fatal");
    node.reads({ utilization: 0 });
    expect(node.health.findings()).toEqual([]);
  });

  test("is a counter that began anew", () => {
    const node = aNode();
    node.hears(xid(48));
    node.reads({ energy: 900 }, 5 * SECOND);
    node.reads({ energy: 899.9 }, 5 * SECOND);
    expect(node.level("memory-uncontained")).toBe("fatal");
    node.reads({ energy: 3 });
    expect(node.level("memory-uncontained")).toBeNull();
  });

  test("is no counter that began anew before it was heard of", () => {
    const node = aNode();
    node.reads({ energy: 900 });
    node.passes(5 * SECOND);
    node.hears(xid(48));
    node.reads({ energy: 3 }, MINUTE);
    expect(node.level("memory-uncontained")).toBe("fatal");
  });

  test("is no reset that was only heard later, and is one however the clock was set", () => {
    for (const [agoMs, level] of [
      [1, "fatal"],
      [MINUTE, "fatal"],
      [HOUR, null],
      [-HOUR, null],
    ] as const) {
      const node = aNode();
      node.hears(xid(48));
      node.hears({ kind: "reset" }, { gpu: null, at: epochMs(START - agoMs) });
      expect(node.level("memory-uncontained")).toBe(level);
    }
  });

  test("is a driver of another version", () => {
    const node = aNode();
    node.reads({ utilization: 0 });
    node.hears(xid(48));
    node.reads({ utilization: 0 }, MINUTE);
    node.cycle([aSample(0)], { state: "ready", driver: "", gpus: [aGpu(0)] });
    expect(node.level("memory-uncontained")).toBe("fatal");
    node.cycle([aSample(0)], { state: "ready", driver: "590.10", gpus: [aGpu(0)] });
    expect(node.health.findings()).toEqual([]);
  });

  test.each<[string, Values, GpuSource]>([
    ["a counter that began anew", { energy: 3 }, ready(aGpu(0))],
    ["a driver of another version", {}, { state: "ready", driver: "590.10", gpus: [aGpu(0)] }],
  ])("is, while no agent ran, %s", (_, values, source) => {
    const before = aNode();
    before.reads({ energy: 900 });
    before.hears(xid(48));
    const memory = before.health.memory();
    const after = aNode([aGpu(0)], { memory });
    after.reads({ energy: 901 }, HOUR);
    expect(after.level("memory-uncontained")).toBe("fatal");
    const other = aNode([aGpu(0)], { memory });
    other.passes(10 * SECOND);
    other.cycle([aSample(0, values)], source);
    expect(other.health.findings()).toEqual([]);
  });

  test("is a GPU that was lost before the agent began and answers again, if no driver says what it asks for", () => {
    const before = aNode();
    before.hears(xid(79));
    before.says(aLostGpu(0), MINUTE);
    const after = aNode([aGpu(0)], { memory: before.health.memory() });
    after.says(silent(999), HOUR);
    expect(after.level("fell-off-bus")).toBe("fatal");
    after.reads({ utilization: 0 }, MINUTE + SECOND);
    expect(after.level("fell-off-bus")).toBeNull();
  });

  test("is an XID 154 that says that nothing is to be done", () => {
    const node = aNode();
    const told = "NVRM: Xid (PCI:0000:3b:00): 154, GPU recovery action changed from";
    node.hears(xid(154), { teller: "kernel-log", text: `${told} 0x0 (None) to 0x1 (GPU Reset Required)` });
    expect(node.level("recovery-reset")).toBe("degraded");
    node.hears(xid(46));
    node.hears(xid(154), { teller: "kernel-log", text: `${told} 0x1 (GPU Reset Required) to 0x0 (None)` });
    expect(node.health.findings()).toEqual([]);
  });
});

describe("recovery-reset", () => {
  test("is fatal when a reading and an XID 154 agree", () => {
    const node = aNode();
    node.hears(xid(154), { text: "GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)" });
    expect(node.level("recovery-reset")).toBe("degraded");
    node.reads({ recoveryAction: 1 });
    expect(node.level("recovery-reset")).toBe("fatal");
  });
});

describe("gpu-lost", () => {
  test("stands at the second reading, and ends a minute after the GPU answers", () => {
    const node = aNode();
    node.says(aLostGpu(0));
    expect(node.level("gpu-lost")).toBeNull();
    node.says(aLostGpu(0));
    expect(node.level("gpu-lost")).toBe("fatal");
    // Some cards answer so when they are gone.
    node.says(silent(999), HOUR);
    expect(node.level("gpu-lost")).toBe("fatal");
    node.reads({ utilization: 0 }, MINUTE);
    expect(node.level("gpu-lost")).toBe("fatal");
    node.reads({ utilization: 0 });
    expect(node.level("gpu-lost")).toBeNull();
  });

  test("told by an event needs a reading beside it", () => {
    for (const kind of ["lost", "unavailable"] as const) {
      const node = aNode();
      node.hears({ kind }, { teller: "kernel-log" });
      expect(node.level("gpu-lost")).toBe("degraded");
      node.says(aLostGpu(0));
      expect(node.level("gpu-lost")).toBe("fatal");
    }
  });
});

describe("what only readings say", () => {
  test("stands over a restart, ends by readings as before it, and by a driver that may not tell it", () => {
    const before = aNode();
    before.reads({ rowRemapFailed: 1 }, 11 * SECOND);
    const memory = before.health.memory();
    const after = aNode([aGpu(0)], { memory });
    expect(after.health.findings()).toEqual(before.health.findings());
    after.reads({ utilization: 0 }, HOUR);
    expect(after.level("remap-failed")).toBe("fatal");
    after.reads({ rowRemapFailed: 0 }, MINUTE + SECOND);
    expect(after.health.findings()).toEqual([]);
    const other = aNode([aGpu(0)], { memory });
    other.cycle([aSample(0)], { state: "ready", driver: "590.10", gpus: [aGpu(0)] });
    expect(other.health.findings()).toEqual([]);
    expect(aNode([aGpu(0)], { memory, boot: "boot-2" }).health.findings()).toEqual([]);
  });

  test("is not remembered before it stands", () => {
    const before = aNode();
    before.reads({ rowRemapFailed: 1 });
    expect(before.health.memory().cases).toEqual([]);
  });

  test("of a GPU that the next agent never meets is over, and what was heard of it is not", () => {
    const before = aNode();
    before.says(aLostGpu(0), 2 * SECOND);
    const taken = aNode([aGpu(1)], { memory: before.health.memory() });
    expect(taken.level("gpu-lost")).toBe("fatal");
    taken.cycle([aSample(1)]);
    expect(taken.health.findings()).toEqual([]);
    before.hears(xid(79));
    const fallen = aNode([aGpu(1)], { memory: before.health.memory() });
    fallen.cycle([aSample(1)]);
    expect(fallen.health.findings()).toMatchObject([{ rule: "fell-off-bus", gpu: "GPU-0" }]);
  });
});

describe("reset-required", () => {
  test("stands when two readings say it, and ends after a minute without", () => {
    const node = aNode();
    const asks = withCode("power", RESET_REQUIRED);
    // A code of the slow group is shown each second until its next turn.
    node.says(asks, 10 * SECOND);
    expect(node.level("reset-required")).toBeNull();
    node.says(asks);
    expect(node.level("reset-required")).toBe("fatal");
    node.says(aLostGpu(0), 5 * MINUTE);
    expect(node.level("reset-required")).toBe("fatal");
    node.says(withCode("power", TIMEOUT), MINUTE + SECOND);
    expect(node.level("reset-required")).toBeNull();
  });
});

describe("gpu-silent", () => {
  test("stands after 5 minutes in which everything failed, and says nothing of a card that cannot tell", () => {
    const node = aNode();
    node.says(silent(999), 5 * MINUTE);
    expect(node.health.findings()).toEqual([]);
    node.says(silent(999));
    expect(node.health.findings()).toMatchObject([
      { rule: "gpu-silent", level: "degraded", evidence: "no call on it succeeds: UNKNOWN (999)" },
    ]);
    node.reads({ utilization: 0 }, MINUTE + SECOND);
    expect(node.health.findings()).toEqual([]);
    for (const code of [NOT_SUPPORTED, NOT_ASKED]) {
      node.says(silent(code), HOUR);
      expect(node.health.findings()).toEqual([]);
    }
  });
});

describe("pcie-narrow", () => {
  const aCard = (virtualization: number, numaNode?: number): GpuIdentity => {
    const { details, ...gpu } = aGpu(0);
    const coherent = numaNode === undefined ? {} : { numaNode: value(numaNode) };
    return { ...gpu, details: { ...details, virtualization: value(virtualization), ...coherent } };
  };
  const narrow = { pcieWidth: 8 };

  test("on bare metal wants the card's full width", () => {
    const node = aNode([aCard(0)]);
    node.reads({ pcieWidth: 16 }, MINUTE);
    expect(node.health.findings()).toEqual([]);
    node.reads(narrow, 10 * SECOND);
    expect(node.health.findings()).toEqual([]);
    node.reads(narrow);
    expect(node.evidence("pcie-narrow")).toBe("PCIe with 8 of 16 lanes");
    node.says(withCode("pcieWidth", TIMEOUT), HOUR);
    expect(node.level("pcie-narrow")).toBe("degraded");
    node.reads({ pcieWidth: 16 }, MINUTE + SECOND);
    expect(node.health.findings()).toEqual([]);
  });

  test.each([
    ["a guest", aCard(1)],
    ["a GPU beside its CPU", aCard(0, 1)],
  ])("of %s wants what was there before, over a restart too", (_, card) => {
    const before = aNode([card]);
    before.reads(narrow, HOUR);
    expect(before.health.findings()).toEqual([]);
    before.reads({ pcieWidth: 16 });
    const after = aNode([card], { memory: before.health.memory() });
    after.reads(narrow, 11 * SECOND);
    expect(after.level("pcie-narrow")).toBe("degraded");
  });

  test("of a guest wants what another GPU of its model has", () => {
    const other = { ...aGpu(1), name: value("NVIDIA L4") };
    for (const [second, level] of [
      [aGpu(1), "degraded"],
      [other, null],
    ] as const) {
      const node = aNode([aGpu(0), second]);
      for (let time = 0; time < 12; time++) node.cycle([aSample(0, narrow), aSample(1, { pcieWidth: 16 })]);
      expect(node.level("pcie-narrow")).toBe(level);
    }
  });
});

describe("memory-contained, nvswitch-error and odd-xid", () => {
  test.each<[string, HealthLevel, GpuEvent["what"]]>([
    ["memory-contained", "degraded", xid(94)],
    ["nvswitch-error", "suspicion", { kind: "sxid", sxid: 12028, fatal: false }],
    ["odd-xid", "suspicion", xid(78)],
    ["odd-xid", "suspicion", xid(4_711)],
  ])("%s is %s for a day", (rule, level, what) => {
    const node = aNode();
    node.hears(what);
    node.passes(24 * HOUR - SECOND);
    expect(node.level(rule)).toBe(level);
    node.passes(SECOND);
    expect(node.level(rule)).toBeNull();
  });
});

describe("nvswitch-fatal", () => {
  test("concerns the node, and is fatal when it is told again", () => {
    const node = aNode();
    const what = { kind: "sxid", sxid: 20034, fatal: true } as const;
    node.hears(what, { gpu: null, teller: "kernel-log" });
    expect(node.level("nvswitch-fatal")).toBe("degraded");
    node.passes(10 * SECOND);
    node.hears(what, { gpu: null, teller: "kernel-log" });
    expect(node.health.findings()).toMatchObject([{ rule: "nvswitch-fatal", level: "fatal", gpu: null }]);
    node.hears({ kind: "reset" }, { gpu: null });
    expect(node.health.findings()).toEqual([]);
  });
});

describe("nvlink-fatal", () => {
  const link = "NVRM: Xid (PCI:0000:3b:00): 149, NETIR_LINK_EVT";
  test("is what the kernel log calls so, and fatal when the driver asks for something too", () => {
    const node = aNode();
    node.hears(xid(149), { teller: "kernel-log", text: `${link} Nonfatal XC0 i0 Link 02` });
    expect(node.health.findings()).toMatchObject([{ rule: "nvlink-error", level: "degraded" }]);
    node.hears(xid(149), { teller: "kernel-log", text: `${link} Fatal XC0 i0 Link 02` });
    expect(node.level("nvlink-fatal")).toBe("degraded");
    node.reads({ recoveryAction: 1 });
    expect(node.level("nvlink-fatal")).toBe("fatal");
    expect(node.level("nvlink-error")).toBe("degraded");
    node.hears({ kind: "reset" });
    expect([node.level("nvlink-fatal"), node.level("nvlink-error")]).toEqual([null, null]);
  });
});

describe("application-fault", () => {
  test("is a program's, and odd when the same GPU sees a second within a day", () => {
    const node = aNode();
    node.hears(xid(13));
    node.hears(xid(43));
    node.passes(59 * SECOND);
    node.hears(xid(45));
    expect(node.level("application-fault")).toBe("application");
    expect(node.health.node(node.now())).toBe("unknown");
    node.reads({ utilization: 0 });
    expect(node.health.node(node.now())).toBe("healthy");
    node.passes(23 * HOUR);
    node.hears(xid(31));
    expect(node.level("application-fault")).toBe("suspicion");
    expect(node.evidence("application-fault")).toContain("2 times in 24 h");
    node.reads({ utilization: 0 });
    expect(node.health.node(node.now())).toBe("healthy");
  });

  test("is one time when the second is more than a day later", () => {
    const node = aNode();
    node.hears(xid(13));
    node.passes(24 * HOUR);
    node.hears(xid(13));
    expect(node.level("application-fault")).toBe("application");
  });

  test("is not raised by another GPU's", () => {
    const node = aNode();
    node.hears(xid(13));
    node.passes(HOUR);
    node.hears(xid(13), { gpu: "GPU-1" });
    expect(node.health.findings().map(({ level }) => level)).toEqual(["application", "application"]);
  });
});

describe("a fault that comes again", () => {
  test.each([
    ["fell-off-bus", 79, 23 * HOUR, 25 * HOUR, "reboot-node"],
    ["xid-reset", 62, 6 * 24 * HOUR, 8 * 24 * HOUR, "reset-gpu"],
    ["memory-uncontained", 48, 6 * 24 * HOUR, 8 * 24 * HOUR, "reset-gpu"],
  ] as const)("%s: the node is to be replaced, over a reboot too", (rule, number, soonMs, lateMs, once) => {
    for (const [afterMs, remedy] of [
      [soonMs, "replace-node"],
      [lateMs, once],
    ] as const) {
      const before = aNode();
      before.hears(xid(number));
      const after = aNode([aGpu(0)], { boot: "boot-2", memory: before.health.memory() });
      after.hears(xid(number), { at: epochMs(START + afterMs) });
      expect(after.health.findings()).toMatchObject([{ rule, remedy }]);
    }
  });
});

describe("driver-hung", () => {
  const hang: GpuSource = { state: "hung", call: "nvmlDeviceGetTemperature", gpu: 0, forMs: millis(5_000) };
  test("is not a driver that takes its time to wake 16 GPUs, nor one look after the machine stood still", () => {
    const waking = aNode();
    waking.is({ ...hang, call: "nvmlInit_v2", gpu: null, forMs: millis(30_000) }, 80 * SECOND);
    expect(waking.health.findings()).toEqual([]);
    waking.passes(15 * SECOND);
    expect(waking.evidence("driver-hung")).toBe("nvmlInit_v2 has not returned for more than 120 s");
    const still = aNode();
    still.reads({ utilization: 0 });
    still.is({ ...hang, forMs: millis(3_600_000) });
    still.reads({ utilization: 0 }, MINUTE);
    expect(still.health.findings()).toEqual([]);
  });

  test("is told of the GPU that has the place now", () => {
    const node = aNode([aGpu(0), aGpu(1)]);
    node.reads({ utilization: 0 });
    node.cycle([], ready({ ...aGpu(1), index: 0 }));
    node.is(hang, 26 * SECOND);
    expect(node.health.findings()).toMatchObject([{ rule: "driver-hung", gpu: "GPU-1" }]);
  });

  test("stands after 30 s, against the GPU that was asked, and ends a minute after the driver answers", () => {
    const node = aNode();
    node.reads({ utilization: 0 });
    node.is(hang, 25 * SECOND);
    expect(node.health.findings()).toEqual([]);
    node.passes(SECOND);
    expect(node.health.findings()).toMatchObject([{ rule: "driver-hung", level: "fatal", gpu: "GPU-0" }]);
    node.is({ state: "starting" }, 10 * MINUTE);
    expect(node.level("driver-hung")).toBe("fatal");
    node.reads({ utilization: 0 }, MINUTE);
    expect(node.level("driver-hung")).toBe("fatal");
    node.reads({ utilization: 0 });
    expect(node.level("driver-hung")).toBeNull();
  });
});

describe("gpus-missing", () => {
  test("stands after 2 minutes with fewer than expected, and ends 10 s after they are there", () => {
    const node = aNode();
    node.reads({ utilization: 0 }, HOUR);
    expect(node.health.findings()).toEqual([]);
    node.health.expect(1);
    node.reads({ utilization: 0 }, HOUR);
    expect(node.health.findings()).toEqual([]);
    node.health.expect(2);
    node.reads({ utilization: 0 }, 2 * MINUTE);
    expect(node.health.findings()).toEqual([]);
    node.reads({ utilization: 0 });
    expect(node.health.findings()).toMatchObject([
      { rule: "gpus-missing", level: "fatal", gpu: null, evidence: "1 of 2 GPUs" },
    ]);
    node.is({ state: "starting" }, HOUR);
    expect(node.level("gpus-missing")).toBe("fatal");
    const unasked = aNode([aGpu(0)], { memory: node.health.memory() });
    unasked.reads({ utilization: 0 }, 11 * SECOND);
    expect(unasked.health.findings()).toEqual([]);
    node.health.expect(1);
    node.reads({ utilization: 0 }, 10 * SECOND);
    expect(node.level("gpus-missing")).toBe("fatal");
    node.reads({ utilization: 0 });
    expect(node.level("gpus-missing")).toBeNull();
  });

  test("counts a driver that shows none", () => {
    const node = aNode();
    node.health.expect(1);
    node.is({ state: "no-device", driver: "580.95.05" }, 2 * MINUTE);
    expect(node.evidence("gpus-missing")).toBe("0 of 1 GPUs");
  });
});

describe("driver-unavailable", () => {
  test.each<GpuSource>([
    { state: "driver-not-loaded", code: 9 },
    { state: "library-missing", detail: "not found" },
    { state: "failed", call: "nvmlInit_v2", code: 18, detail: "" },
  ])("stands after 5 minutes of %j", (source) => {
    const node = aNode();
    node.is(source, 5 * MINUTE - SECOND);
    expect(node.health.findings()).toEqual([]);
    node.is(source, 2 * SECOND);
    expect(node.level("driver-unavailable")).toBe("degraded");
    expect(node.health.node(node.now())).toBe("unknown");
    node.reads({ utilization: 0 }, 10 * SECOND);
    expect(node.level("driver-unavailable")).toBe("degraded");
    node.reads({ utilization: 0 });
    expect(node.level("driver-unavailable")).toBeNull();
  });

  test("is nothing on a node that is to have no GPU, nor is another failure", () => {
    const without = aNode();
    without.health.expect(0);
    without.is({ state: "driver-not-loaded", code: 9 }, HOUR);
    expect(without.health.findings()).toEqual([]);
    const failing = aNode();
    failing.is({ state: "failed", call: "nvmlInit_v2", code: 999, detail: "" }, HOUR);
    expect(failing.health.findings()).toEqual([]);
  });
});

describe.each([
  ["thermal-slowdown", "throttledHwThermal"],
  ["power-brake", "throttledHwPowerBrake"],
] as const)("%s", (rule, counter) => {
  const slowedBy = (node: TestNode, seconds: number): void => {
    node.reads({ [counter]: 100 }, 10 * SECOND);
    node.reads({ [counter]: 100 + seconds }, 10 * SECOND);
  };

  test("stands above 1 % of 10 minutes, says when it is more than 10 %, and not at 1 %", () => {
    const at = aNode();
    slowedBy(at, 6);
    expect(at.level(rule)).toBeNull();
    const above = aNode();
    slowedBy(above, 6.6);
    expect(above.level(rule)).toBe("degraded");
    expect(above.evidence(rule)).toMatch(/for 1.1 % of the last 10 minutes$/);
    const much = aNode();
    slowedBy(much, 61);
    expect(much.evidence(rule)).toContain("more than 10 %");
  });

  test("ends when 10 minutes have passed without, and begins anew with the counter", () => {
    const node = aNode();
    slowedBy(node, 60);
    node.reads({ [counter]: 160 }, 9 * MINUTE);
    expect(node.level(rule)).toBe("degraded");
    node.reads({ [counter]: 160 }, 3 * MINUTE);
    expect(node.level(rule)).toBeNull();
    node.reads({ [counter]: 5 }, MINUTE);
    expect(node.level(rule)).toBeNull();
    node.reads({ [counter]: 25 }, MINUTE);
    expect(node.level(rule)).toBe("degraded");
  });

  test("is not known from one reading, or from one that failed", () => {
    const node = aNode();
    node.reads({ [counter]: 5_000 }, MINUTE);
    node.says(withCode(counter, TIMEOUT), MINUTE);
    expect(node.level(rule)).toBeNull();
  });
});

describe("pcie-replays", () => {
  test.each([
    [5, 16, 30.72],
    [4, 16, 15.36],
    [4, 8, 7.68],
    [3, 16, 7.68],
  ])("at Gen%i x%i stands above %d in a minute", (generation, lanes, limit) => {
    const gpu = aGpu(0);
    const gpus = [
      {
        ...gpu,
        details: { ...gpu.details, pcieGenerationMax: value(generation), pcieWidthMax: value(lanes) },
      },
    ];
    // The generation of the moment falls when the link is idle, and says nothing of the limit.
    const readings = { pcieWidth: lanes, pcieGeneration: 1 };
    for (const [replays, level] of [
      [Math.floor(limit), null],
      [Math.ceil(1.25 * limit), "degraded"],
    ] as const) {
      const node = aNode(gpus);
      let count = 7;
      const goesOn = (minutes: number): void => {
        for (let turn = 0; turn < 6 * minutes; turn++) {
          count += replays / 6;
          node.reads({ ...readings, pcieReplays: count }, 10 * SECOND);
        }
      };
      node.reads({ ...readings, pcieReplays: count }, 10 * SECOND);
      goesOn(2);
      expect(node.level("pcie-replays")).toBeNull();
      goesOn(2);
      expect(node.level("pcie-replays")).toBe(level);
      node.reads({ ...readings, pcieReplays: count }, 3 * MINUTE);
      expect(node.level("pcie-replays")).toBeNull();
    }
  });

  test("does not stand for one burst", () => {
    const node = aNode();
    node.reads({ pcieWidth: 16, pcieReplays: 0 }, MINUTE);
    for (let second = 0; second < 5 * 60; second++) {
      node.reads({ pcieWidth: 16, pcieReplays: 5_000 });
      expect(node.health.findings()).toEqual([]);
    }
  });

  test("takes the growth of a long slow turn for that of its minutes", () => {
    const node = aNode([aGpu(0)], { slowIntervalMs: millis(10 * MINUTE) });
    // 20 in a minute at Gen5 x16.
    for (let turn = 0; turn < 6; turn++) {
      node.reads({ pcieWidth: 16, pcieReplays: 200 * turn }, 10 * MINUTE);
      expect(node.health.findings()).toEqual([]);
    }
  });
});

describe("nvlink-down", () => {
  test("without a switch needs links that were up before", () => {
    const node = aNode();
    node.reads({ nvlinks: 18, nvlinksActive: 0 }, MINUTE);
    expect(node.health.findings()).toEqual([]);
    node.reads({ nvlinks: 18, nvlinksActive: 12 }, MINUTE);
    expect(node.health.findings()).toEqual([]);
    node.reads({ nvlinks: 18, nvlinksActive: 11 }, MINUTE);
    expect(node.health.findings()).toEqual([]);
    const restarted = aNode([aGpu(0)], { memory: node.health.memory() });
    restarted.reads({ nvlinks: 18, nvlinksActive: 11 }, MINUTE + SECOND);
    expect(restarted.level("nvlink-down")).toBe("degraded");
    node.reads({ nvlinks: 18, nvlinksActive: 11 });
    expect(node.level("nvlink-down")).toBe("degraded");
    expect(node.evidence("nvlink-down")).toBe("11 of 12 NVLinks up");
    node.says(withCode("nvlinksActive", TIMEOUT), HOUR);
    expect(node.level("nvlink-down")).toBe("degraded");
    node.reads({ nvlinks: 18, nvlinksActive: 12 }, MINUTE + SECOND);
    expect(node.level("nvlink-down")).toBeNull();
  });
});

describe("nvlink-down-switched", () => {
  const down = { nvlinks: 18, nvlinksActive: 0 };

  test.each<[string, Values, GpuIdentity]>([
    ["a fabric that is never joined, as in a guest with one GPU", { ...down, fabricState: 2 }, aGpu(0)],
    ["a fabric that has not been begun", { ...down, fabricState: 1, fabricHealth: 0 }, aGpu(0)],
    ["a partition of one GPU", { ...down, fabricState: 3 }, aGpu(0)],
    [
      "a GPU that is cut",
      { ...down, nvlinksActive: 5, fabricState: 3 },
      aGpu(0, { mig: { kind: "on", instances: [] } }),
    ],
  ])("is not %s", (_, values, gpu) => {
    const node = aNode([gpu]);
    node.reads(values, HOUR);
    expect(node.health.findings()).toEqual([]);
  });

  test("is a GPU without a link where others have theirs, or where it had its own", () => {
    const joined = { ...down, fabricState: 3 };
    const beside = aNode([aGpu(0), aGpu(1)]);
    for (let second = 0; second < 62; second++)
      beside.cycle([aSample(0, joined), aSample(1, { ...joined, nvlinksActive: 18 })]);
    expect(beside.health.findings()).toMatchObject([
      { rule: "nvlink-down-switched", gpu: "GPU-0", level: "fatal", evidence: "0 of 18 NVLinks up" },
    ]);
    const own = aNode();
    own.reads({ ...joined, nvlinksActive: 18 });
    own.reads(joined, MINUTE + SECOND);
    expect(own.level("nvlink-down-switched")).toBe("fatal");
  });

  test("is no link that is trained anew", () => {
    const node = aNode();
    node.reads({ ...down, fabricState: 3, nvlinksActive: 18 });
    node.reads({ ...down, fabricState: 3 }, 50 * SECOND);
    node.reads({ ...down, fabricState: 3, nvlinksActive: 18 }, HOUR);
    expect(node.health.findings()).toEqual([]);
  });
});

describe("what is no reading", () => {
  test.each<[string, Values, Partial<GpuIdentity["details"]>]>([
    ["a margin that a cool card has none of", { temperatureMargin: 0, temperature: 34 }, {}],
    ["a limit that is a distance", { memoryTemperature: 60 }, { memoryTemperatureMax: value(celsius(8)) }],
    ["an action of a newer driver", { recoveryAction: 5 }, {}],
    ["a success without a number", { recoveryAction: Number.NaN, rowRemapFailed: Number.NaN }, {}],
  ])("is %s", (_, values, details) => {
    const gpu = aGpu(0);
    const node = aNode([{ ...gpu, details: { ...gpu.details, ...details } }]);
    node.reads(values, HOUR);
    expect(node.health.findings()).toEqual([]);
  });

  test("of the fabric's health ends nothing while the fabric is joined anew", () => {
    const node = aNode();
    node.reads({ fabricState: 3, fabricHealth: 3 }, 11 * SECOND);
    node.reads({ fabricState: 3, fabricHealth: 0 }, HOUR);
    expect(node.level("fabric-limited")).toBe("degraded");
  });

  test("confirms nothing and ends nothing", () => {
    for (const action of [5, Number.NaN]) {
      const node = aNode();
      node.hears(xid(62));
      node.reads({ recoveryAction: action }, MINUTE);
      expect(node.level("xid-reset")).toBe("degraded");
      node.reads({ recoveryAction: 1 }, MINUTE);
      node.reads({ recoveryAction: action }, HOUR);
      expect([node.level("xid-reset"), node.level("recovery-reset")]).toEqual(["fatal", "fatal"]);
    }
  });
});

describe("a clock that is set", () => {
  test("neither keeps what is to be forgotten nor makes two of one", () => {
    const ahead = aNode();
    ahead.hears(xid(94), { at: epochMs(START + 365 * 24 * HOUR) });
    ahead.hears(xid(62));
    ahead.hears(xid(62), { at: epochMs(START + 365 * 24 * HOUR) });
    expect(ahead.level("xid-reset")).toBe("degraded");
    ahead.passes(24 * HOUR);
    expect(ahead.level("memory-contained")).toBeNull();
    const after = aNode([aGpu(0)], { boot: "boot-2", memory: ahead.health.memory() });
    after.hears(xid(62));
    expect(after.health.findings()).toMatchObject([{ remedy: "reset-gpu" }]);
  });
});

describe("a GPU that nobody has named yet", () => {
  const told = { gpu: null, busId: "0000:3b:00.0", teller: "kernel-log" } as const;

  test("is told by its address, apart from others, and by its name once it has one", () => {
    const node = aNode();
    node.hears({ kind: "lost" }, told);
    node.passes(20 * SECOND);
    node.hears({ kind: "lost" }, { ...told, busId: "0000:5e:00.0" });
    expect(node.health.findings()).toMatchObject([
      {
        gpu: null,
        level: "degraded",
        evidence: expect.stringContaining("of the GPU at 0000:3b:00.0") as string,
      },
    ]);
    node.reads({ utilization: 0 }, MINUTE);
    expect(node.health.findings().map(({ gpu }) => gpu)).toEqual(["GPU-0", null]);
    node.reads({ utilization: 0 }, 2 * SECOND);
    expect(node.health.findings()).toMatchObject([
      { gpu: null, evidence: expect.stringContaining("of the GPU at 0000:5e:00.0") as string },
    ]);
    const after = aNode([aGpu(0)], { memory: node.health.memory() });
    expect(after.health.findings()).toEqual(node.health.findings());
    after.passes(MINUTE);
    after.hears({ kind: "reset" }, { gpu: null });
    expect(after.health.findings()).toEqual([]);
  });

  test("is named by what the agent before knew of this boot", () => {
    const before = aNode();
    before.reads({ utilization: 0 });
    const memory = before.health.memory();
    const after = aNode([aGpu(0)], { memory });
    after.hears(xid(79), told);
    expect(after.health.findings()).toMatchObject([{ rule: "fell-off-bus", gpu: "GPU-0" }]);
    const booted = aNode([aGpu(0)], { memory, boot: "boot-2" });
    booted.hears(xid(79), told);
    expect(booted.health.findings()).toMatchObject([{ rule: "fell-off-bus", gpu: null }]);
  });

  test("is two tellings of one fault when the driver tells it too", () => {
    const node = aNode();
    node.hears(xid(62), told);
    node.hears(xid(62));
    node.reads({ utilization: 0 });
    expect(node.health.findings()).toMatchObject([{ rule: "xid-reset", gpu: "GPU-0", level: "fatal" }]);
  });

  test("leaves nothing behind when its place turns out to be another's", () => {
    const unknown = { kind: "failed", code: 15 } as const;
    const nobody = aGpu(0, { uuid: "unidentified-gpu-0", name: unknown, busId: unknown });
    const node = aNode();
    const lost = { ...aLostGpu(0), uuid: nobody.uuid };
    node.cycle([lost], ready(nobody));
    node.cycle([lost], ready(nobody));
    expect(node.health.findings()).toMatchObject([{ rule: "gpu-lost", gpu: nobody.uuid }]);
    node.reads({ utilization: 0 });
    expect(node.health.findings()).toEqual([]);
  });
});

describe("slower-than-peers", () => {
  const gpus = [aGpu(0), aGpu(1), aGpu(2)];
  const together = (node: TestNode, own: Values, forMs: number, peers = 2): void => {
    for (let left = forMs; left > 0; left -= SECOND)
      node.cycle([
        aSample(0, own),
        ...[1, 2]
          .slice(0, peers)
          .map((index) => aSample(index, { utilization: 1, power: 600, smClock: 1.9e9 })),
      ]);
  };

  test.each<[string, Values, Values]>([
    [
      "power",
      { utilization: 0.9, power: 299, smClock: 1.9e9 },
      { utilization: 0.9, power: 300, smClock: 1.9e9 },
    ],
    [
      "clocks",
      { utilization: 0.9, power: 600, smClock: 1.32e9 },
      { utilization: 0.9, power: 600, smClock: 1.34e9 },
    ],
  ])("stands after 5 minutes of %s far below, and ends a minute later", (_, below, beside) => {
    const node = aNode(gpus);
    together(node, below, 5 * MINUTE);
    expect(node.health.findings()).toEqual([]);
    together(node, below, SECOND);
    expect(node.health.findings()).toMatchObject([
      { rule: "slower-than-peers", level: "suspicion", gpu: "GPU-0" },
    ]);
    expect(node.health.node(node.now())).toBe("healthy");
    together(node, beside, MINUTE + SECOND);
    expect(node.health.findings()).toEqual([]);
    together(node, beside, 10 * MINUTE);
    expect(node.health.findings()).toEqual([]);
  });

  test("takes no GPU of another model for a peer, and does not end while the peers cannot be read", () => {
    const others = [aGpu(0), aGpu(1), { ...aGpu(2), name: value("NVIDIA L4") }];
    const mixed = aNode(others);
    together(mixed, { utilization: 1, power: 100, smClock: 4e8 }, 10 * MINUTE);
    expect(mixed.health.findings()).toEqual([]);
    const node = aNode(gpus);
    together(node, { utilization: 1, power: 100, smClock: 4e8 }, 6 * MINUTE);
    for (let left = 10 * MINUTE; left > 0; left -= SECOND)
      node.cycle(
        [0, 1, 2].map((index) => aSample(index, { utilization: 1, ...(index === 0 ? { power: 600 } : {}) })),
      );
    expect(node.level("slower-than-peers")).toBe("suspicion");
  });

  test("does not stand for a GPU that is less busy, or has one peer only", () => {
    const node = aNode(gpus);
    together(node, { utilization: 0.89, power: 100, smClock: 4e8 }, 10 * MINUTE);
    expect(node.health.findings()).toEqual([]);
    together(node, { utilization: 1, power: 100, smClock: 4e8 }, 10 * MINUTE, 1);
    expect(node.health.findings()).toEqual([]);
  });
});

test("every row of the table has a test of its own", () => {
  const tested = new Set([
    ...BY_READING.map(({ rule }) => rule),
    ...BY_XID.map(({ rule }) => rule),
    "gpu-lost",
    "gpu-silent",
    "pcie-narrow",
    "reset-required",
    "memory-contained",
    "nvswitch-error",
    "nvswitch-fatal",
    "odd-xid",
    "application-fault",
    "driver-hung",
    "gpus-missing",
    "driver-unavailable",
    "thermal-slowdown",
    "power-brake",
    "pcie-replays",
    "nvlink-down",
    "nvlink-fatal",
    "slower-than-peers",
  ]);
  expect(RULES.map(({ name }) => name).toSorted()).toEqual([...tested].toSorted());
});
