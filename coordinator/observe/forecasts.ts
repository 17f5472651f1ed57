// The live side of the forecast: shows each snapshot to the feed and adds what the feed says, and keeps what it has learned
// in a NATS bucket, so that a restart or another leader goes on. Without NATS the forecast goes on from memory; a past that
// comes late is put under what was learned meanwhile, and one that cannot be read is told, kept aside and begun anew.

import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Bucket } from "../../shared/runtime/nats-kv.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import { decodeSeries, encodeSeries } from "../forecast/feed-state.ts";
import { createForecastFeed } from "../forecast/feed.ts";
import type { SeriesName } from "../forecast/feed.ts";
import type { PastSeries } from "../forecast/history.ts";
import type { ForecastView } from "../forecast/series.ts";

export const SERIES_PREFIX = "forecast.";
const ASIDE_PREFIX = "unreadable.";
/** What a crash loses is two bins and a gap. */
export const WRITE_MS = millis(600_000);
export const RETRY_MS = millis(2_000);

export interface Forecasts {
  /** The snapshot with what is expected. Never throws: without a forecast the decision goes on without one. */
  complete(snapshot: Snapshot): Snapshot;
  views(): readonly ForecastView[];
  /** Why a policy's past could not be used, in words; null: nothing was wrong with it. */
  problemOf(policy: string): string | null;
  /** While `lead` runs what is learned is kept, and it is nobody's afterwards. */
  keepDuring(signal: AbortSignal, lead: () => Promise<void>): Promise<void>;
}

export interface ForecastsOptions {
  readonly bucket: Pick<Bucket, "get" | "put" | "remove" | "keys">;
  readonly whenConnected: (signal: AbortSignal) => Promise<unknown>;
  /** What a file knows of the time before; used for series of which the bucket knows nothing. */
  readonly history: readonly PastSeries[];
  readonly clock: Clock;
  readonly log: Log;
}

export function createForecasts(options: ForecastsOptions): Forecasts {
  const { bucket, whenConnected, history, clock, log } = options;
  const quiet = createQuietLog(log, clock);
  const feed = createForecastFeed();
  const problems = new Map<string, string>();
  const revisions = new Map<string, number>();

  function remember({ policy, gpuType, bins }: PastSeries): void {
    feed.teach(policy, gpuType, bins);
  }

  async function readAll(signal: AbortSignal): Promise<void> {
    await whenConnected(signal);
    for (const key of (await bucket.keys()).filter((name) => name.startsWith(SERIES_PREFIX))) {
      const entry = await bucket.get(key);
      // What is learned by now may be another leadership's.
      if (signal.aborted) return;
      if (entry === null) continue;
      revisions.set(key, entry.revision);
      try {
        const { name, state } = decodeSeries((await promisify(gunzip)(entry.value)).toString("utf8"));
        feed.restore(name, state);
      } catch (error) {
        const reason = describe(error);
        log.warn(
          { part: "forecast", name: key, reason },
          "what was learned cannot be read; the forecast begins anew",
        );
        problems.set(policyIn(key), `what was learned before cannot be read and was put aside: ${reason}`);
        await bucket.put(`${ASIDE_PREFIX}${key.slice(SERIES_PREFIX.length)}`, entry.value);
      }
    }
  }

  async function writeAll(): Promise<void> {
    const names = feed.series();
    for (const name of names) {
      const state = feed.stateOf(name);
      if (state === null) continue;
      await write(keyOf(name), await promisify(gzip)(encodeSeries(name, state)));
    }
    // Of policies that are gone, and of series that are called otherwise now.
    const kept = new Set(names.map(keyOf));
    for (const key of [...revisions.keys()].filter((name) => !kept.has(name))) {
      await bucket.remove(key);
      revisions.delete(key);
    }
  }

  async function write(key: string, value: Uint8Array): Promise<void> {
    try {
      revisions.set(key, await bucket.put(key, value, revisions.get(key) ?? 0));
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "conflict") throw error;
      // The answer to our own write was lost, or the bucket is new, or somebody leads beside us: next time.
      const entry = await bucket.get(key);
      revisions.set(key, entry?.revision ?? 0);
    }
  }

  async function keep(signal: AbortSignal): Promise<void> {
    let isRead = false;
    while (!signal.aborted) {
      let failed = false;
      try {
        if (isRead) await writeAll();
        else {
          await readAll(signal);
          isRead = true;
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof AppError)) throw error;
        const words = "cannot keep what the forecast has learned; it goes on from memory";
        quiet.log("forecast", "warn", { part: "forecast", error }, words);
        failed = true;
      }
      await clock.sleep(failed ? RETRY_MS : WRITE_MS, signal).catch(() => {});
    }
  }

  return {
    complete: (snapshot) => {
      try {
        feed.look(snapshot);
        const policies = snapshot.policies.map((policy) => {
          const forecast = policy.kind === "valid" ? feed.inputOf(policy.name) : undefined;
          return forecast === undefined ? policy : Object.freeze({ ...policy, forecast });
        });
        return Object.freeze({ ...snapshot, policies: Object.freeze(policies) });
      } catch (error) {
        quiet.log("look", "error", { part: "forecast", error }, "no forecast for this decision");
        return snapshot;
      }
    },
    views: () => feed.views(),
    problemOf: (policy) => problems.get(policy) ?? null,
    keepDuring: async (signal, lead) => {
      const stopped = new AbortController();
      for (const past of history) remember(past);
      const keeping = keep(AbortSignal.any([signal, stopped.signal])).catch((error: unknown) => {
        log.error({ part: "forecast", error }, "what the forecast learns is not kept any more");
      });
      try {
        await lead();
      } finally {
        stopped.abort();
        await keeping;
        feed.forget();
        problems.clear();
        revisions.clear();
      }
    },
  };
}

/** Letters that a key may have, whatever the GPU is called. */
function keyOf({ policy, gpuType }: SeriesName): string {
  return `${SERIES_PREFIX}${Buffer.from(JSON.stringify([policy, gpuType])).toString("base64url")}`;
}

function policyIn(key: string): string {
  const text = Buffer.from(key.slice(SERIES_PREFIX.length), "base64url").toString("utf8");
  const [policy] = /^\["([^"]*)"/.exec(text)?.slice(1) ?? [];
  return policy ?? text;
}
