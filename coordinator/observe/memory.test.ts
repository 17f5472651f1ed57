import { promisify } from "node:util";
import { gzip } from "node:zlib";

import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import type { Memory, NodeShape } from "../decide/snapshot-memory.ts";
import { createMemoryKeeper } from "./memory.ts";
import type { MemoryKeeper } from "./memory.ts";

const MEMORY: Memory = {
  ...EMPTY_MEMORY,
  at: epochMs(1_000),
  nodes: {
    n1: { idleSince: epochMs(500), lastReportAt: epochMs(900), emptySince: null, movableSince: epochMs(7) },
  },
  shapes: {
    "p/a": {
      allocatable: { cpu: 3_000 },
      labels: { zone: "a" },
      taints: [{ key: "k", effect: "NoSchedule" }],
      overhead: { cpu: 1_000 },
      daemons: { d: { cpu: 1_000 } },
      capacity: { cpu: 4_000 },
      volumeLimits: { ebs: 25 },
      source: "node",
    },
  },
  launches: { "p/a": { missing: 1, since: epochMs(100) } },
  bootMs: { "p/a": [60_000] },
  ledger: {
    "p/a": {
      asked: [{ key: "k", intendedAt: epochMs(10), seen: 1 }],
      machines: [{ id: "i-1", intendedAt: epochMs(10), acceptedAt: epochMs(12), forPods: true }],
      stageMs: { accepted: [2], total: [90_000] },
    },
  },
  risk: { "aws/r/t|z|spot": { nodeDays: 1.5, interruptions: 1, at: epochMs(900), zoneId: "az1" } },
  rebalanced: { "p/a": { n: epochMs(700) } },
  openHints: { h: { node: "n", pool: "p/a", since: epochMs(600), settled: true } },
  hintRecord: { "p/a": { followed: 1.5, spared: 2, at: epochMs(900) } },
  countedNotices: { i1: epochMs(800) },
  lessSpot: { p: epochMs(5_000) },
  behavior: {
    "p/a": {
      recommendations: [{ at: epochMs(900), nodes: 3 }],
      ups: [{ at: epochMs(800), nodes: 1 }],
      downs: [],
      exempt: { k: 1 },
    },
  },
  lostAt: epochMs(400),
  leftOut: ["team/p"],
  promised: { "p/a": [["team/q", "team/r"]] },
};

const aShape = (gpus: number): NodeShape => ({
  allocatable: { "nvidia.com/gpu": gpus },
  labels: {},
  taints: [],
});

const packed = async (memory: Memory): Promise<Uint8Array> => await promisify(gzip)(JSON.stringify(memory));

/** A bucket in memory that keeps the contract, and can be away. */
function aBucket() {
  const state = { away: false, silent: false, puts: 0, made: false, value: null as Uint8Array | null };
  const check = (): void => {
    if (state.away) throw new AppError("unavailable", "NATS is away");
  };
  return {
    state,
    bucket: {
      get: async (key: string) => {
        check();
        if (state.silent) await Promise.withResolvers<never>().promise;
        if (key === "made") return state.made ? { value: new Uint8Array(), revision: 1 } : null;
        return state.value === null ? null : { value: state.value, revision: 1 };
      },
      put: async (key: string, value: Uint8Array) => {
        check();
        if (key === "made") {
          state.made = true;
          return 1;
        }
        state.puts++;
        state.value = value;
        return state.puts;
      },
    },
  };
}

function setup(connected = true) {
  const clock = createFakeClock();
  const { bucket, state } = aBucket();
  const whenConnected = async (signal: AbortSignal): Promise<void> => {
    if (!connected) await clock.sleep(millis(3_600_000), signal);
  };
  const keeper = createMemoryKeeper({ bucket, whenConnected, clock, log: createLogSink().log });
  return { clock, state, keeper, signal: new AbortController().signal };
}

/** One write, as at the end of a run. */
async function keepOnce(keeper: MemoryKeeper): Promise<void> {
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  keeper.keep(MEMORY);
  stop.abort();
  await running;
}

describe("createMemoryKeeper()", () => {
  test("gives back what was kept", async () => {
    const { clock, keeper, state, signal } = setup();
    const stop = new AbortController();
    const running = keeper.run(stop.signal);
    keeper.keep(MEMORY);
    stop.abort();
    await running;
    expect(state.puts).toBe(1);
    expect(await keeper.read(millis(2_000), signal)).toEqual(MEMORY);
    expect(clock.sleeping()).toBe(0);
  });

  test("knows nothing when nothing was kept", async () => {
    const { keeper, signal } = setup();
    expect(await keeper.read(millis(2_000), signal)).toBeNull();
  });

  test("says once that the bucket is new, and not when it was only not written to yet", async () => {
    const { keeper, state, signal } = setup();
    expect(keeper.takeNews()).toBeNull();
    await keeper.read(millis(2_000), signal);
    expect(state.made).toBe(true);
    expect([keeper.takeNews(), keeper.takeNews()]).toEqual(["new", null]);
    expect(await keeper.read(millis(2_000), signal)).toBeNull();
    expect(keeper.takeNews()).toBeNull();
    // The volume is gone, and who led before leads again.
    state.made = false;
    await keeper.read(millis(2_000), signal);
    expect(keeper.takeNews()).toBe("lost");
  });

  test("says so when the volume goes under a leader that lives on, and writes what it knows again", async () => {
    const { clock, keeper, state, signal } = setup();
    await keeper.read(millis(2_000), signal);
    keeper.takeNews();
    state.made = false;
    state.value = null;
    await keepOnce(keeper);
    expect([state.made, keeper.takeNews()]).toEqual([true, "lost"]);
    // For a leader who comes before this one has decided again.
    expect(await keeper.read(millis(2_000), signal)).toEqual({ ...MEMORY, lostAt: clock.now() });
    await keepOnce(keeper);
    expect(keeper.takeNews()).toBeNull();
    expect(await keeper.read(millis(2_000), signal)).toEqual(MEMORY);
  });

  test("takes a bucket of an older version, which has no mark, for what it is", async () => {
    const { keeper, state, signal } = setup();
    state.value = await packed(MEMORY);
    expect(await keeper.read(millis(2_000), signal)).toEqual(MEMORY);
    await keepOnce(keeper);
    expect([state.made, keeper.takeNews()]).toEqual([true, null]);
  });

  test("says that the bucket is new too when NATS comes after the first decision", async () => {
    const { keeper, state, signal } = setup();
    state.away = true;
    await keeper.read(millis(2_000), signal);
    expect(keeper.takeNews()).toBeNull();
    state.away = false;
    await keepOnce(keeper);
    expect(keeper.takeNews()).toBe("new");
  });

  test("does not wait for NATS longer than it may", async () => {
    const { clock, keeper, signal } = setup(false);
    const reading = keeper.read(millis(2_000), signal);
    await clock.untilSleeping(2_000);
    await clock.advance(2_000);
    expect(await reading).toBeNull();
  });

  test("does not wait longer either for a bucket that never answers", async () => {
    const { clock, keeper, state, signal } = setup();
    state.silent = true;
    const reading = keeper.read(millis(2_000), signal);
    await clock.untilSleeping(2_000);
    await clock.advance(2_000);
    expect(await reading).toBeNull();
  });

  test("adds what pools looked like and what was counted, when that can only be read after the start, and loses nothing of it", async () => {
    const { clock, keeper, state, signal } = setup();
    const [old, seen] = [aShape(8), aShape(4)];
    state.value = await packed({ ...MEMORY, shapes: { "p/a": old, "p/b": old } });
    state.away = true;
    expect(await keeper.read(millis(2_000), signal)).toBeNull();

    const stop = new AbortController();
    const running = keeper.run(stop.signal);
    const now: Memory = { ...EMPTY_MEMORY, at: epochMs(5_000), shapes: { "p/b": seen } };
    keeper.keep(now);
    expect(keeper.withLate(now)).toBe(now);
    state.away = false;
    await clock.untilSleeping(2_000);
    await clock.advance(2_000);
    const { risk, rebalanced, openHints, hintRecord, countedNotices, lessSpot } = MEMORY;
    const counts = { risk, rebalanced, openHints, hintRecord, countedNotices, lessSpot };
    const completed = { ...now, ...counts, shapes: { "p/a": old, "p/b": seen } };
    await eventually(() => state.puts === 1);
    expect(keeper.withLate(now)).toEqual(completed);
    expect(keeper.withLate(now)).toBe(now);
    stop.abort();
    await running;
    expect(await keeper.read(millis(2_000), signal)).toEqual(completed);
  });

  test("takes what it cannot read for lost", async () => {
    const { keeper, state, signal } = setup();
    state.value = new TextEncoder().encode("not gzip");
    expect(await keeper.read(millis(2_000), signal)).toBeNull();
  });

  test("writes again what could not be written, and the newest of it", async () => {
    const { clock, keeper, state, signal } = setup();
    const stop = new AbortController();
    const running = keeper.run(stop.signal);
    state.away = true;
    keeper.keep(EMPTY_MEMORY);
    await clock.untilSleeping(2_000);
    await clock.advance(2_000);
    keeper.keep(MEMORY);
    state.away = false;
    stop.abort();
    await running;
    expect(await keeper.read(millis(2_000), signal)).toEqual(MEMORY);
  });
});
