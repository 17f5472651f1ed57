import { gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KvEntry } from "../../shared/runtime/nats-kv.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { node } from "../../test/build/node.ts";
import { pod } from "../../test/build/pod.ts";
import { policy } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import type { PastSeries } from "../forecast/history.ts";
import { createForecasts, RETRY_MS, SERIES_PREFIX, WRITE_MS } from "./forecasts.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const START = Date.UTC(2026, 0, 5);

/** Keys under compare-and-set, as NATS keeps them. */
function createStore() {
  const entries = new Map<string, KvEntry>();
  let down = false;
  const orAway = (): void => {
    if (down) throw new AppError("unavailable", "away");
  };
  return {
    entries,
    fail: (now: boolean) => {
      down = now;
    },
    bucket: {
      get: async (key: string) => {
        orAway();
        return await Promise.resolve(entries.get(key) ?? null);
      },
      put: async (key: string, value: Uint8Array, revision?: number) => {
        orAway();
        const before = entries.get(key)?.revision ?? 0;
        if (revision !== undefined && revision !== before)
          throw new AppError("conflict", "wrong last sequence");
        entries.set(key, { value, revision: before + 1 });
        return await Promise.resolve(before + 1);
      },
      remove: async (key: string) => {
        orAway();
        entries.delete(key);
        await Promise.resolve();
      },
      keys: async () => {
        orAway();
        return await Promise.resolve([...entries.keys()]);
      },
    },
  };
}

function lead(
  store: ReturnType<typeof createStore>,
  { history = [] }: { history?: readonly PastSeries[] } = {},
) {
  const clock = createFakeClock(START);
  const said: string[] = [];
  const note = (_fields: unknown, words: string): void => {
    said.push(words);
  };
  const forecasts = createForecasts({
    bucket: store.bucket,
    whenConnected: async () => await Promise.resolve(),
    history,
    clock,
    log: { debug: note, info: note, warn: note, error: note } as never,
  });
  const stop = new AbortController();
  const { promise: ends, resolve: end } = Promise.withResolvers<undefined>();
  const running = forecasts.keepDuring(stop.signal, async () => await ends);
  return {
    clock,
    said,
    forecasts,
    look: (at: number, gpus = 8) => forecasts.complete(seen(epochMs(at), gpus)),
    stop: async () => {
      stop.abort();
      end(undefined);
      await running;
    },
  };
}

function seen(at: EpochMs, gpus: number) {
  return snapshot({
    at,
    sync: { kind: "synced", since: epochMs(START - DAY) },
    policies: [policy({ predictive: { mode: "ForecastAndScale" } })],
    nodes: [node("n")],
    pods: [pod("p", { node: "n", gpus })],
  });
}

/** Looks each minute, for so many. */
function watch({ look }: Pick<ReturnType<typeof lead>, "look">, from: number, minutes: number): void {
  for (let minute = 0; minute <= minutes; minute++) look(from + minute * MINUTE);
}

const daily: PastSeries = {
  policy: "demo",
  gpuType: null,
  bins: Array.from({ length: 20 * 288 }, (_, index) => {
    const at = epochMs(START - 20 * DAY + index * 300_000);
    return { at, gpus: new Date(at).getUTCHours() < 12 ? 8 : 32 };
  }),
};

describe("the live forecast", () => {
  test("adds what it expects to the snapshot, from a file's past at once", async () => {
    const leader = lead(createStore(), { history: [daily] });
    const [completed] = leader.look(START).policies;
    expect(completed).toMatchObject({ forecast: { earned: true } });
    expect(leader.forecasts.views()[0]).toMatchObject({ standsDown: [] });
    await leader.stop();
    expect(leader.forecasts.views()).toEqual([]);
  });

  test("keeps what it has learned every ten minutes, and the next leader goes on with it", async () => {
    const store = createStore();
    const first = lead(store, { history: [daily] });
    watch(first, START, 12);
    await first.clock.untilSleeping(WRITE_MS);
    await first.clock.advance(WRITE_MS);
    await eventually(() => store.entries.size > 0);
    await first.stop();

    const second = lead(store);
    await second.clock.untilSleeping(WRITE_MS);
    second.look(START + 14 * MINUTE);
    expect(second.forecasts.views()[0]).toMatchObject({ policy: "demo", standsDown: [] });
    await second.stop();
  });

  test("goes on from memory while NATS is away, and takes in what was kept when it is back", async () => {
    const store = createStore();
    const first = lead(store, { history: [daily] });
    watch(first, START, 6);
    await first.clock.untilSleeping(WRITE_MS);
    await first.clock.advance(WRITE_MS);
    await eventually(() => store.entries.size > 0);
    await first.stop();

    store.fail(true);
    const second = lead(store);
    watch(second, START + 7 * MINUTE, 10);
    expect(second.forecasts.views()[0]?.standsDown).toMatchObject([{ code: "cold-start" }]);
    await second.clock.untilSleeping(RETRY_MS);
    expect(second.said).toContain("cannot keep what the forecast has learned; it goes on from memory");
    store.fail(false);
    await second.clock.advance(RETRY_MS);
    await second.clock.untilSleeping(WRITE_MS);
    second.look(START + 18 * MINUTE);
    expect(second.forecasts.views()[0]?.standsDown).toEqual([]);
    await second.stop();
  });

  test("what cannot be read is told and put aside, and the forecast begins anew", async () => {
    const store = createStore();
    const key = `${SERIES_PREFIX}${Buffer.from('["demo",null]').toString("base64url")}`;
    const torn = gzipSync('{"v":1,"policy":"demo"');
    store.entries.set(key, { value: torn, revision: 7 });
    const leader = lead(store);
    await leader.clock.untilSleeping(WRITE_MS);
    watch(leader, START, 6);
    expect(leader.said).toEqual(["what was learned cannot be read; the forecast begins anew"]);
    expect(leader.forecasts.problemOf("demo")).toContain("it was cut off");
    await leader.clock.advance(WRITE_MS);
    await eventually(() => (store.entries.get(key)?.revision ?? 0) > 7);
    const aside = [...store.entries].find(([name]) => name.startsWith("unreadable."));
    expect(aside?.[1].value).toEqual(torn);
    await leader.stop();
  });

  test("drops what it kept of a policy that is gone", async () => {
    const store = createStore();
    const leader = lead(store);
    await leader.clock.untilSleeping(WRITE_MS);
    watch(leader, START, 6);
    await leader.clock.advance(WRITE_MS);
    await eventually(() => store.entries.size === 1);
    await leader.clock.untilSleeping(WRITE_MS);
    leader.forecasts.complete(snapshot({ at: START + 20 * MINUTE, policies: [policy({ name: "other" })] }));
    await leader.clock.advance(WRITE_MS);
    await settle();
    await eventually(() => store.entries.size === 0);
    await leader.stop();
  });
});
