// Random schedules of faults on every build of the double: codes at any call, GPUs that go and come back, a driver that
// is unloaded, renamed or refuses init, MIG that is cut anew, floods of events, release and resume. Whatever comes, no
// number is told that the double did not give, GPU 0 goes on, and when the faults end everything is as before. The
// double is strict: a call after shutdown or with something that was freed ends the process.

import { expect, onTestFinished, test } from "vitest";

import { GPU_READING_NAMES, GPU_READINGS, READING_AT, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuCycle, GpuSample } from "../../../shared/model/gpu.ts";
import { KNOWN_CODES, meaningOf, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { placeScenario } from "../../../test/build/generation.ts";
import type { Variant } from "../../../test/nvml-double/build.ts";
import { totalCalls } from "../../../test/nvml-double/counters.ts";
import { healthyGpu } from "../../../test/nvml-double/fixture.ts";
import type { Rule, Scenario, ScenarioGpu, ScenarioInstance } from "../../../test/nvml-double/scenario.ts";
import { CALL_NAMES, CALLS } from "./calls.ts";
import { createGenerations } from "./generations.ts";
import { createMarkBuffer, createMarkWriter } from "./marks.ts";

const DRIVERS = {
  r470: "470.256.02",
  r510: "510.47.03",
  r525: "525.60.13",
  r535bug: "535.54.03",
  r570: "570.124.06",
  r580: "580.159.04",
  r590: "590.44.01",
} as const satisfies Record<Variant, string>;

/** Any number will do; the longer runs that this test was made from took some hundreds. */
const SEEDS = [1, 2, 3];
const CODES = KNOWN_CODES.filter((code) => code > 0);
const CALLED = CALL_NAMES.filter((name) => CALLS[name].group !== "open" || name.startsWith("nvmlDevice"));
const MIB = 1_048_576;
/** Those of the counters need time to pass at the double, which has no other clock than the machine's. */
const STEADY = GPU_READING_NAMES.filter(
  (name) => GPU_READINGS[name].group !== "gpm" && name !== "processes" && name !== "nvlinksActive",
);

const cases = (Object.keys(DRIVERS) as Variant[]).flatMap((variant) =>
  SEEDS.map((seed) => [variant, seed] as const),
);

test.each(cases)("%s survives the faults of seed %i", async (variant, seed) => {
  const random = seededRandom(seed);
  const below = (most: number): number => Math.floor(random() * most);
  const happens = (share: number): boolean => random() < share;
  const oneOf = <T>(list: readonly [T, ...T[]] | readonly T[]): T => {
    const value = list[below(list.length)];
    if (value === undefined) throw new Error("nothing to choose from");
    return value;
  };

  const count = 2 + below(3);
  let instances: readonly ScenarioInstance[] = [];
  const isCut = variant !== "r470" && happens(0.5);
  const gpuAt = (index: number): ScenarioGpu =>
    index === 1 && isCut
      ? { ...healthyGpu(1), mig: { mode: 1, maxDevices: 7, instances } }
      : healthyGpu(index);
  const cut = (): void => {
    const salt = below(100);
    instances = Array.from({ length: below(5) }, (_, at) => instanceOf(salt, at));
  };
  const healthy = (): Scenario => ({
    driver: DRIVERS[variant],
    gpus: Array.from({ length: count }, (_, index) => gpuAt(index)),
  });
  cut();
  const double = await placeScenario(healthy(), variant);
  const clock = createFakeClock();
  const generations = createGenerations({
    library: double.library,
    marks: createMarkWriter(createMarkBuffer()),
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    gpm: true,
    clock,
  });
  onTestFinished(generations.close);

  const before = new Map(generations.cycle().samples.map((sample) => [sample.uuid, sample]));
  expect(before.size).toBe(count);

  const rule = (): Rule => {
    const call = oneOf(CALLED);
    const where = CALLS[call].mig === "system" ? {} : { gpu: 1 + below(count - 1) };
    const length = happens(0.3) ? { times: 1 + below(3) } : {};
    return { kind: "ret", call, code: oneOf(CODES), ...where, ...length };
  };
  /** Faults for everything but GPU 0, at times for the driver as a whole. */
  const faulty = (): Scenario => {
    const { driver = "", gpus } = healthy();
    const all = happens(0.15) ? [{ kind: "ret", call: "*", gpu: 1, code: oneOf(CODES) } as const] : [];
    const flood = Array.from({ length: happens(0.3) ? below(100) : 0 }, () => ({
      afterMs: 0,
      gpu: below(count),
      type: oneOf([0x2, 0x4, 0x8, 0x100, 0x4000, 0x8000]),
      data: oneOf([13, 48, 79, 999]),
    }));
    const lost = gpus.map((gpu, index) => (index > 0 && happens(0.12) ? { ...gpu, lost: true } : gpu));
    return {
      driver: happens(0.08) ? `${driver}.1` : driver,
      init: happens(0.05) ? oneOf([9, 12, 18, 28, 999]) : 0,
      unloaded: happens(0.1),
      reuseMigHandles: happens(0.3),
      gpus: happens(0.1) ? lost.slice(0, 1 + below(count)) : lost,
      rules: [...all, ...Array.from({ length: below(4) }, rule)],
      events: flood,
    };
  };
  const turn = async (ms: number): Promise<GpuCycle> => {
    const callsBefore = totalCalls(double.counters());
    const cycle = generations.cycle();
    expectHonest(cycle, before, count);
    // Two connections and all slow groups, at the worst.
    expect(totalCalls(double.counters()) - callsBefore).toBeLessThan(1_200 * count);
    const events = generations.events();
    if (events !== null) generations.onEvents(events.wait(millis(0)));
    await clock.advance(ms);
    return cycle;
  };

  for (let step = 0; step < 12; step++) {
    if (isCut && happens(0.3)) cut();
    const scenario = faulty();
    double.write(scenario);
    for (let cycles = 1 + below(5); cycles > 0; cycles--) {
      const { source, samples } = await turn(happens(0.2) ? 10_000 : 1_000);
      if (source.state === "ready" && scenario.rules?.some(isFatal) !== true)
        expect(samples[0]).toMatchObject({ uuid: healthyGpu(0).uuid, state: "present" });
      if (happens(0.05)) {
        generations.release();
        generations.resume();
      }
      generations.survey();
    }
  }

  // What was found unsupported is asked again by a new connection only.
  double.write(healthy());
  generations.release();
  generations.resume();
  for (let cycles = 0; cycles < 10; cycles++) await turn(10_000);
  const { samples } = await turn(0);
  expect(samples.map(steadily)).toEqual([...before.values()].map(steadily));
  expect(samples[1]?.instances.map(({ uuid }) => uuid) ?? []).toEqual(
    isCut ? instances.map(({ uuid }) => uuid) : [],
  );
});

function isFatal(rule: Rule): boolean {
  return rule.kind === "ret" && meaningOf(rule.code) === "fatal";
}

function instanceOf(salt: number, at: number): ScenarioInstance {
  const size = { memoryTotalMib: 16_384, memoryReservedMib: 0, memoryUsedMib: 100 * salt + at };
  return { uuid: `MIG-${salt}-${at}`, gi: 1 + at, ci: 0, gpuSlices: 1, computeSlices: 1, ...size };
}

/** Each GPU once and under its own name, and of each number that it is one that the double gave. */
function expectHonest(
  { source, samples }: GpuCycle,
  before: ReadonlyMap<string, GpuSample>,
  most: number,
): void {
  if (source.state !== "ready") {
    expect(samples).toEqual([]);
    return;
  }
  const uuids = samples.map(({ uuid }) => uuid);
  expect(uuids).toEqual(source.gpus.map(({ uuid }) => uuid));
  expect(new Set(uuids).size).toBe(samples.length);
  expect(samples.length).toBeLessThanOrEqual(most);
  for (const { uuid, readings, instances } of samples) {
    const wrong = STEADY.filter((name) => {
      const at = READING_AT[name];
      const number = readings.values[at] ?? Number.NaN;
      if (readings.codes[at] !== SUCCESS) return !Number.isNaN(number);
      return !given(name, before.get(uuid)).includes(number);
    });
    expect(wrong).toEqual([]);
    for (const instance of instances) {
      const [, salt, at] = instance.uuid.split("-").map(Number);
      const used = valueOf(instance.readings, "memoryUsed");
      if (used !== undefined) expect(used).toBe((100 * (salt ?? 0) + (at ?? 0)) * MIB);
    }
  }
}

/** What a GPU may say: what it said at first, and the used memory of the older call, which counts the reserved one. */
function given(name: GpuReadingName, first: GpuSample | undefined): readonly number[] {
  const value = (of: GpuReadingName): number => first?.readings.values[READING_AT[of]] ?? Number.NaN;
  return name === "memoryUsed" ? [value(name), value(name) + value("memoryReserved")] : [value(name)];
}

function steadily({ uuid, state, readings }: GpuSample): unknown {
  const of = STEADY.map((name) => [
    name,
    readings.values[READING_AT[name]],
    readings.codes[READING_AT[name]],
  ]);
  return { uuid, state, of };
}
