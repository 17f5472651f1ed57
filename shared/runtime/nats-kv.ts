// Buckets over the connection: values under keys that survive a restart, written by compare-and-set where it
// matters. A bucket is made when it is first used; every call fails at once while NATS is away.

import { StorageType } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";

import type { Random } from "../model/random.ts";
import type { Bytes } from "../model/units.ts";
import type { Clock } from "./clock.ts";
import { createQuietLog } from "./log.ts";
import type { Log } from "./log.ts";
import { call, clientOf, streamError, streamKind } from "./nats-jetstream.ts";
import { orEnded, retryDelay } from "./nats-link.ts";
import type { Nats } from "./nats.ts";

export interface KvEntry {
  readonly value: Uint8Array;
  readonly revision: number;
}

export interface KvChange {
  readonly key: string;
  /** null: deleted. */
  readonly value: Uint8Array | null;
  readonly revision: number;
}

/** A bucket. Every call throws AppError unavailable while NATS is away. */
export interface Bucket {
  get(key: string): Promise<KvEntry | null>;
  /** Writes and gives the new revision. With `revision`: only over that one (0: only when there is none), else conflict. */
  put(key: string, value: Uint8Array, revision?: number): Promise<number>;
  remove(key: string): Promise<void>;
  keys(): Promise<readonly string[]>;
  /** All present values, then each change. Ends with the signal only. */
  watch(options: { readonly signal: AbortSignal; readonly key?: string }): AsyncIterable<KvChange>;
}

export interface BucketOptions {
  readonly name: string;
  readonly maxBytes: Bytes;
  readonly replicas?: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
}

/** The bucket is made when it is first used and is not there. */
export function openBucket(nats: Nats, options: BucketOptions): Bucket {
  const quiet = createQuietLog(options.log, options.clock);
  const opened = new WeakMap<NatsConnection, Promise<KV>>();
  const open = async (connection: NatsConnection): Promise<KV> => {
    const known = opened.get(connection);
    if (known !== undefined) return await known;
    const opening = new Kvm(clientOf(connection)).create(options.name, {
      history: 1,
      max_bytes: options.maxBytes,
      replicas: options.replicas ?? 1,
      storage: StorageType.File,
    });
    opened.set(connection, opening);
    // A failed opening is not remembered: the next call tries again.
    opening.catch(() => opened.delete(connection));
    return await opening;
  };
  const on = <T>(what: string, act: (kv: KV) => Promise<T>): Promise<T> =>
    call(nats, `cannot ${what} in the bucket ${options.name}`, async (connection) => {
      try {
        return await act(await open(connection));
      } catch (error) {
        // The bucket may have gone with the server's disk: the next call makes it again.
        if (streamKind(error) !== "conflict") opened.delete(connection);
        throw error;
      }
    });

  return {
    get: (key) =>
      on(`read ${key}`, async (kv) => {
        const entry = await kv.get(key);
        return entry === null || entry.operation !== "PUT"
          ? null
          : { value: entry.value, revision: entry.revision };
      }),
    put: (key, value, revision) =>
      on(`write ${key}`, (kv) => {
        if (revision === undefined) return kv.put(key, value);
        return revision === 0 ? kv.create(key, value) : kv.update(key, value, revision);
      }),
    remove: (key) => on(`remove ${key}`, (kv) => kv.delete(key)),
    keys: () => on("list keys", async (kv) => await Array.fromAsync(await kv.keys())),
    watch: async function* ({ signal, key }) {
      while (!signal.aborted) {
        try {
          const { connection, ended } = await nats.whenConnected(signal);
          const kv = await orEnded(open(connection), ended);
          const entries = await orEnded(kv.watch(key === undefined ? {} : { key }), ended);
          const stop = (): void => {
            entries.stop();
          };
          AbortSignal.any([signal, ended]).addEventListener("abort", stop);
          for await (const entry of entries) {
            yield {
              key: entry.key,
              value: entry.operation === "PUT" ? entry.value : null,
              revision: entry.revision,
            };
          }
        } catch (error) {
          if (signal.aborted) return;
          const translated = streamError(error, `cannot watch the bucket ${options.name}`);
          quiet.log(
            translated.kind,
            "warn",
            { part: "nats", bucket: options.name, error: translated },
            "bucket away",
          );
        }
        await options.clock.sleep(retryDelay(options.random), signal).catch(() => {});
      }
    },
  };
}
