// Whole lives of nodes, made at random: GPUs with a true state that the verdicts cannot see, read and told of as badly
// as drivers and logs do. What is true must be said in time, nothing else may be, and a restart changes neither.

import { describe, expect, test } from "vitest";

import { readingsOf, writeCode } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import type { GpuEvent, GpuIdentity, GpuSample, GpuSource } from "../../../shared/model/gpu.ts";
import { NOT_SUPPORTED, RESET_REQUIRED, TIMEOUT } from "../../../shared/model/nvml-status.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { celsius, epochMs, millis } from "../../../shared/model/units.ts";
import { aGpu, aLostGpu, ready, value } from "../../../test/build/gpu.ts";
import { createHealth } from "./health.ts";
import type { Health } from "./health.ts";
import { readHealthMemory } from "./memory.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const LIFE = 3 * HOUR;
const UNSUPPORTED = { kind: "unsupported", code: NOT_SUPPORTED } as const;
type Values = Readonly<Partial<Record<GpuReadingName, number>>>;

interface Card {
  readonly name: string;
  readonly details: Partial<GpuIdentity["details"]>;
  readonly mig?: GpuIdentity["mig"];
  /** What it says when it is well. */
  readonly says: Values;
}

const EVERYTHING: Values = {
  utilization: 1,
  power: 600,
  smClock: 1.9e9,
  temperature: 60,
  recoveryAction: 0,
  energy: 0,
  temperatureMargin: 20,
  memoryTemperature: 70,
  throttledHwThermal: 5_000,
  throttledHwPowerBrake: 900,
  eccVolatileUncorrected: 0,
  eccAggregateUncorrected: 3,
  remappedRowsUncorrectable: 2,
  rowRemapPending: 0,
  rowRemapFailed: 0,
  rowRemapBanksNone: 0,
  sramThresholdExceeded: 0,
  pcieWidth: 16,
  pcieReplays: 40,
  pcieFatalErrors: 0,
};
const LINKED: Values = { ...EVERYTHING, nvlinks: 18, nvlinksActive: 18, fabricState: 3, fabricHealth: 1 };
const OLDER: Values = { utilization: 1, power: 60, temperature: 60, energy: 0, pcieWidth: 8, pcieReplays: 0 };

const CARDS: readonly Card[] = [
  { name: "of eight behind switches", details: {}, says: LINKED },
  { name: "passed through alone", details: {}, says: { ...LINKED, nvlinksActive: 0, fabricState: 2 } },
  {
    name: "of a fabric that is not begun",
    details: {},
    says: { ...LINKED, nvlinksActive: 0, fabricState: 1 },
  },
  { name: "with half its lanes wired", details: { virtualization: value(1) }, says: OLDER },
  {
    name: "beside its CPU",
    details: { virtualization: value(0), numaNode: value(1) },
    says: { ...EVERYTHING, pcieWidth: 1, nvlinks: 18, nvlinksActive: 0, fabricState: 0 },
  },
  {
    name: "for a desk",
    details: { memoryTemperatureMax: UNSUPPORTED, eccEnabled: UNSUPPORTED },
    says: { utilization: 0.2, power: 30, temperature: 35, pcieWidth: 16, energy: 0, temperatureMargin: 0 },
  },
  {
    name: "with limits that are distances",
    details: { memoryTemperatureMax: value(celsius(2)) },
    says: { ...EVERYTHING, memoryTemperature: 40 },
  },
  {
    name: "of a vGPU guest",
    details: { virtualization: value(2) },
    says: { utilization: 0.5, memoryUsed: 1e9 },
  },
  {
    name: "cut by MIG",
    details: {},
    mig: { kind: "on", instances: [] },
    says: { ...LINKED, utilization: Number.NaN, nvlinksActive: 0 },
  },
  { name: "with a newer driver", details: {}, says: { ...LINKED, recoveryAction: 7, fabricHealth: 0 } },
];

const SLOW: readonly GpuReadingName[] = [
  "energy",
  "temperatureMargin",
  "throttledHwThermal",
  "throttledHwPowerBrake",
  "eccVolatileUncorrected",
  "rowRemapPending",
  "rowRemapFailed",
  "rowRemapBanksNone",
  "sramThresholdExceeded",
  "pcieWidth",
  "pcieReplays",
  "nvlinks",
  "nvlinksActive",
  "fabricState",
  "fabricHealth",
];

/** A link that is trained anew, a moment of heat, one burst of replays. */
const PASSING: Values = {
  nvlinksActive: 0,
  fabricHealth: 2,
  memoryTemperature: 99,
  temperatureMargin: -1,
  pcieReplays: 900,
};

type Fault = "lost" | "asks" | "memory" | "links";

interface TrueGpu {
  readonly index: number;
  fault: Fault | null;
  faultAt: number;
  /** The fault that was said to be, once it must have been for its own sake. */
  saidOf: number | null;
  /** True time at which it was well again. */
  wellAt: number;
  joules: number;
  slow: Values;
  /** One slow reading failed, with this code, and says so until the next turn. */
  slowCode: number | null;
  /** For some seconds it shows what it shows without being ill. */
  passingUntil: number;
}

interface World {
  readonly seed: number;
  readonly card: Card;
  readonly gpus: readonly TrueGpu[];
  readonly lines: string[];
}

/** Said no later than this after it is so, and no longer than this after it is over. */
const SAID_WITHIN = 100 * SECOND;
const OVER_WITHIN = 3 * MINUTE;

function live(seed: number): World {
  const random = seededRandom(seed);
  const chance = (share: number): boolean => random() < share;
  const among = (most: number): number => Math.floor(random() * most);
  const pick = <T>(values: readonly T[]): T => values[among(values.length)] as T;

  const card = pick(CARDS);
  const can = (name: GpuReadingName): boolean => card.says[name] !== undefined;
  const gpus: TrueGpu[] = Array.from({ length: 1 + among(4) }, (_, index) => ({
    index,
    fault: null,
    faultAt: 0,
    saidOf: null,
    wellAt: 0,
    joules: 1e5 + random() * 1e8,
    slow: {},
    slowCode: null,
    passingUntil: 0,
  }));
  const identities = gpus.map(({ index }) => {
    const gpu = aGpu(index);
    return { ...gpu, details: { ...gpu.details, ...card.details }, mig: card.mig ?? gpu.mig };
  });
  const hasLog = chance(0.6);
  const lines: string[] = [];

  // 1. The machine: true time, its wall clock, its boots.
  let time = 0;
  let wallOff = 0;
  let boot = 1;
  let awayUntil = 0;
  let hungFrom: number | null = null;
  let hungUntil = 0;
  const now = () => ({ at: epochMs(Date.UTC(2026, 10, 26) + time + wallOff), steady: millis(time) });
  const note = (text: string): void => {
    lines.push(`${time / SECOND} s: ${text}`);
  };

  // 2. The agent: what it keeps, and when it began.
  let kept: unknown = null;
  let keptAt = 0;
  let beganAt = 0;
  const begin = (): Health => {
    beganAt = time;
    return createHealth({
      intervalMs: millis(SECOND),
      slowIntervalMs: millis(10 * SECOND),
      boot: `boot-${boot}`,
      memory: readHealthMemory(kept),
      startedAt: now(),
    });
  };
  let health = begin();
  const keep = (): void => {
    kept = JSON.parse(JSON.stringify(health.memory()));
    keptAt = time;
  };
  const mail: { readonly dueAt: number; readonly event: GpuEvent }[] = [];
  const tell = (what: GpuEvent["what"], index: number | null, text = ""): void => {
    const { at } = now();
    const base = { at, what, gpuInstance: null };
    if (chance(0.5) && what.kind !== "reset")
      mail.push({
        dueAt: time + among(200),
        event: {
          ...base,
          gpu: index === null ? null : `GPU-${index}`,
          busId: null,
          teller: "driver",
          text: "",
        },
      });
    if (!hasLog || chance(0.1)) return;
    const busId = index === null ? null : `0000:${(0x3b + index).toString(16)}:00.0`;
    const told = { ...base, gpu: null, busId, teller: "kernel-log", text } as const;
    for (let times = chance(0.1) ? 3 : 1; times > 0; times--)
      mail.push({ dueAt: time + among(2_000), event: told });
  };

  // 3. What happens.
  const reset = (gpu: TrueGpu): void => {
    if (gpu.fault !== null) note(`GPU-${gpu.index} is well after ${gpu.fault}`);
    Object.assign(gpu, { fault: null, wellAt: time, joules: 10, slow: {} });
  };
  const breakOne = (gpu: TrueGpu): void => {
    const faults: Fault[] = ["lost"];
    if (card.says.recoveryAction === 0) faults.push("asks");
    if (can("eccVolatileUncorrected")) faults.push("memory");
    if (card.says.fabricState === 3 && card.says.nvlinksActive === 18) faults.push("links");
    gpu.fault = pick(faults);
    gpu.faultAt = time;
    note(`GPU-${gpu.index} has ${gpu.fault}`);
    const xid = { lost: 79, asks: 62, memory: 48, links: 74 }[gpu.fault];
    if (chance(0.7)) tell({ kind: "xid", xid }, gpu.index);
    if (gpu.fault === "lost" && chance(0.5)) tell({ kind: "lost" }, gpu.index);
  };
  const happen = (): void => {
    const gpu = pick(gpus);
    if (chance(1 / 1_500) && gpu.fault === null && time - gpu.wellAt > 10 * MINUTE) breakOne(gpu);
    // A card that cannot be asked for its energy shows a repair only by answering again.
    for (const one of gpus)
      if (one.fault !== null && time - one.faultAt > 5 * MINUTE && chance(1 / 300)) reset(one);
    if (chance(1 / 900) && time - gpu.passingUntil > 2 * MINUTE)
      gpu.passingUntil = time + (5 + among(40)) * SECOND;
    if (chance(1 / 300)) tell({ kind: "xid", xid: pick([13, 31, 43, 45]) }, gpu.index);
    if (chance(1 / 2_000)) {
      wallOff += pick([-HOUR, HOUR, 30 * HOUR, -3_000, 5_000]);
      note("the clock was set");
    }
    if (chance(1 / 2_000)) {
      note("the agent restarts");
      time += among(30) * SECOND;
      health = begin();
    }
    if (chance(1 / 4_000)) {
      note("the driver is loaded anew");
      for (const one of gpus) reset(one);
      tell({ kind: "reset" }, null);
      awayUntil = time + among(40) * SECOND;
    }
    if (chance(1 / 8_000)) {
      note("the machine boots");
      boot++;
      mail.length = 0;
      for (const one of gpus) reset(one);
      time += 2 * MINUTE;
      health = begin();
    }
    if (chance(1 / 2_000)) {
      note("the machine stands still");
      time += pick([20, 70, 300]) * SECOND;
    }
    if (hungFrom === null && chance(1 / 2_000)) {
      hungFrom = time;
      hungUntil = time + pick([5, 20, 24, 90, 400]) * SECOND;
      note(`a call hangs for ${(hungUntil - time) / SECOND} s`);
    }
  };

  // 4. What is read of it.
  const truth = (gpu: TrueGpu): Values => ({
    ...card.says,
    ...(can("energy") ? { energy: gpu.joules } : {}),
    ...(gpu.fault === "asks" ? { recoveryAction: 1 } : {}),
    ...(gpu.fault === "memory" ? { eccVolatileUncorrected: 2 } : {}),
    ...(gpu.fault === "links" ? { nvlinksActive: 15 } : {}),
    ...(time < gpu.passingUntil
      ? Object.fromEntries(Object.entries(PASSING).filter(([name]) => can(name as GpuReadingName)))
      : {}),
  });
  const sampleOf = (gpu: TrueGpu, isSlow: boolean): GpuSample => {
    if (gpu.fault === "lost") return aLostGpu(gpu.index);
    const whole = truth(gpu);
    if (isSlow) {
      gpu.slowCode = gpu.slowCode === null && chance(0.02) ? pick([TIMEOUT, 999, RESET_REQUIRED]) : null;
      gpu.slow = Object.fromEntries(SLOW.flatMap((name) => (can(name) ? [[name, whole[name]]] : [])));
    }
    const fast = Object.fromEntries(
      Object.entries(whole).filter(([name]) => !SLOW.some((one) => one === name)),
    );
    const readings: GpuReadings = readingsOf({ ...fast, ...gpu.slow });
    if (chance(0.02))
      writeCode(readings, pick(Object.keys(whole) as GpuReadingName[]), pick([TIMEOUT, 999, 19]));
    if (gpu.slowCode !== null) writeCode(readings, "powerLimit", gpu.slowCode);
    return { uuid: `GPU-${gpu.index}`, state: "present", readings, instances: [], processes: null };
  };
  const source = (): GpuSource => {
    if (hungFrom !== null && time >= hungUntil) hungFrom = null;
    if (hungFrom !== null && time - hungFrom >= 1_500)
      return { state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 0, forMs: millis(time - hungFrom) };
    return time < awayUntil ? { state: "driver-not-loaded", code: 9 } : ready(...identities);
  };

  // 5. What must hold each second.
  const standing = new Map<string, number>();
  let slowAt = 0;
  let hungEnd = Number.NEGATIVE_INFINITY;
  const check = (): void => {
    const findings = health.findings();
    const words = `seed ${seed}, a card ${card.name}, log ${hasLog}\n${lines.slice(-12).join("\n")}\n${time / SECOND} s: ${JSON.stringify(findings)}`;
    for (const { gpu, level, rule } of findings) {
      if (level === "application" || level === "suspicion") continue;
      if (rule === "driver-hung") {
        if (!isBlind && time - Math.max(hungEnd, seenFrom) > OVER_WITHIN)
          throw new Error(`no call hangs: ${words}`);
        continue;
      }
      const own = gpus.find(({ index }) => gpu === `GPU-${index}`);
      const wasSo = own !== undefined && own.wellAt > 0;
      const isSo =
        (own?.fault ?? null) !== null ||
        (wasSo && (isBlind || time - Math.max(own.wellAt, seenFrom) <= OVER_WITHIN));
      if (!isSo) throw new Error(`${rule} is said of a GPU that is well: ${words}`);
    }
    for (const one of gpus) {
      const isSaid = findings.some(
        ({ gpu, level, rule }) => gpu === `GPU-${one.index}` && level === "fatal" && rule !== "driver-hung",
      );
      if (one.fault !== null && one.saidOf === one.faultAt && !isSaid)
        throw new Error(`what was said of GPU-${one.index} is forgotten: ${words}`);
      if (isSaid && one.fault !== null && time - one.faultAt > OVER_WITHIN) one.saidOf = one.faultAt;
      if (isBlind || one.fault === null || time - Math.max(one.faultAt, beganAt, seenFrom) <= SAID_WITHIN)
        continue;
      if (!isSaid) throw new Error(`GPU-${one.index} is not said to be ill: ${words}`);
    }
    const fatal = new Set(
      findings.filter(({ level }) => level === "fatal").map(({ rule, gpu }) => `${rule} ${gpu}`),
    );
    for (const key of fatal) if (!before.has(key)) standing.set(key, (standing.get(key) ?? 0) + 1);
    before = fatal;
  };
  let before: ReadonlySet<string> = new Set();
  /** Since when the GPUs are read without a break; what cannot be seen can neither begin nor end. */
  let seenFrom = 0;
  let isBlind = true;
  let readAt = 0;

  while (time < LIFE) {
    time += SECOND;
    happen();
    for (const gpu of gpus) gpu.joules += 100;
    const from = source();
    if (from.state === "hung") hungEnd = time;
    for (const one of mail.splice(0).toSorted((a, b) => a.dueAt - b.dueAt)) {
      if (one.dueAt > time) mail.push(one);
      else if (health.event(one.event, now()) !== null) keep();
    }
    const told = health.findings();
    if (from.state === "ready") {
      if (isBlind || time - readAt > 5 * SECOND) seenFrom = time;
      readAt = time;
      isBlind = false;
      const isSlow = time - slowAt >= 10 * SECOND || gpus.some(({ slow }) => Object.keys(slow).length === 0);
      if (isSlow) slowAt = time;
      health.cycle({ at: now().at, source: from, samples: gpus.map((gpu) => sampleOf(gpu, isSlow)) }, now());
    } else {
      isBlind = true;
      health.source(from, now());
    }
    health.tick(now());
    if (health.changeSince(told).any || time - keptAt >= 5 * MINUTE) keep();
    check();
  }
  const flaps = Math.max(0, ...standing.values());
  const causes = lines.length + 1;
  if (flaps > 2 * causes) throw new Error(`seed ${seed}: ${flaps} verdicts for ${causes} causes`);
  return { seed, card, gpus, lines };
}

describe("the health of nodes that live at random", () => {
  // The seed stands in what is thrown.
  test.each(Array.from({ length: 10 }, (_, at) => 20_261_126 + at))("seed %i", (seed) => {
    expect(live(seed).seed).toBe(seed);
  });
});
