import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { startNats } from "../../test/build/nats.ts";
import type { NatsServer } from "../../test/build/nats.ts";
import { seededRandom } from "../model/random.ts";
import { bytes, epochMs, millis } from "../model/units.ts";
import { systemClock } from "./clock.ts";
import { createLogSink } from "./log.ts";
import { consumeEvents, ensureStream } from "./nats-jetstream.ts";
import type { ConsumeOptions, StreamEvent } from "./nats-jetstream.ts";
import { openBucket } from "./nats-kv.ts";
import type { Bucket } from "./nats-kv.ts";
import { connectNats } from "./nats.ts";
import type { Nats } from "./nats.ts";

const STREAM = { name: "events", subjects: ["notice.*"], maxAgeMs: millis(60_000), maxBytes: bytes(2 ** 20) };
const data = (words: string): Uint8Array => new TextEncoder().encode(words);
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

let server: NatsServer;
let nats: Nats;
let over: AbortController;
const { log } = createLogSink();
const parts = { clock: systemClock, log, random: seededRandom(1) };

beforeEach(async () => {
  server = await startNats();
  over = new AbortController();
  nats = connectNats({ servers: [server.url], name: "test", ...parts });
  await nats.whenConnected(over.signal);
});
afterEach(async () => {
  over.abort();
  await nats.close();
  await server.remove();
});

async function until(kind: "connected" | "away"): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const stop = nats.onState((state) => {
    if (state.kind === kind) reached.resolve();
  });
  if (nats.state().kind === kind) reached.resolve();
  await reached.promise;
  stop();
}

async function restartServer(): Promise<void> {
  await server.kill();
  await until("away");
  await server.restart();
  await until("connected");
}

function consume(
  start: ConsumeOptions["start"],
  signal: AbortSignal = over.signal,
): AsyncIterator<StreamEvent> {
  const options = { stream: "events", subjects: ["notice.*"], start, signal, ...parts };
  return consumeEvents(nats, options)[Symbol.asyncIterator]();
}

async function take(events: AsyncIterator<StreamEvent>, count: number): Promise<readonly string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value } = (await events.next()) as { readonly value: StreamEvent };
    taken.push(text(value.data));
  }
  return taken;
}

const everything = { kind: "since", at: epochMs(0) } as const;

describe("ensureStream()", () => {
  test("can be called again, and changes what is different", async () => {
    await ensureStream(nats, STREAM);
    await ensureStream(nats, STREAM);
    await ensureStream(nats, { ...STREAM, subjects: ["notice.*", "drain.*"] });
    expect(await nats.publishEvent("drain.n1", data("x"), "1")).toMatchObject({ seq: 1 });
  });

  test("tells that another stream has the subject", async () => {
    await ensureStream(nats, STREAM);
    await expect(ensureStream(nats, { ...STREAM, name: "other" })).rejects.toMatchObject({ kind: "refused" });
  });

  test("fails at once while NATS is away", async () => {
    await server.stop();
    await until("away");
    await expect(ensureStream(nats, STREAM)).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("consumeEvents()", () => {
  test("gives what was stored and then what comes, in order, with the time of storing", async () => {
    await ensureStream(nats, STREAM);
    const before = systemClock.now();
    await nats.publishEvent("notice.n1", data("1"), "1");
    const events = consume(everything);
    const first = (await events.next()) as { readonly value: StreamEvent };
    expect(first.value).toMatchObject({ subject: "notice.n1", seq: 1 });
    expect(first.value.at).toBeGreaterThanOrEqual(before - 1);
    await nats.publishEvent("notice.n2", data("2"), "2");
    expect(await take(events, 1)).toEqual(["2"]);
  });

  test("goes on after a restart of the server without a gap and without a repetition", async () => {
    await ensureStream(nats, STREAM);
    for (const id of ["1", "2"]) await nats.publishEvent("notice.n1", data(id), id);
    const events = consume(everything);
    expect(await take(events, 2)).toEqual(["1", "2"]);
    await restartServer();
    await nats.publishEvent("notice.n1", data("3"), "3");
    expect(await take(events, 1)).toEqual(["3"]);
  });

  test("starts over when the stream was made anew", async () => {
    await ensureStream(nats, STREAM);
    for (const id of ["1", "2", "3"]) await nats.publishEvent("notice.n1", data(id), id);
    const events = consume(everything);
    expect(await take(events, 3)).toEqual(["1", "2", "3"]);
    await nats.link().connection.request("$JS.API.STREAM.DELETE.events");
    await ensureStream(nats, STREAM);
    await nats.publishEvent("notice.n1", data("new"), "new");
    expect(await take(events, 1)).toEqual(["new"]);
  });

  test("waits for a stream that is not there yet", async () => {
    const taking = take(consume(everything), 1);
    await ensureStream(nats, STREAM);
    await nats.publishEvent("notice.n1", data("x"), "1");
    expect(await taking).toEqual(["x"]);
  });

  test("gives only the newest of each subject when asked for the last", async () => {
    await ensureStream(nats, STREAM);
    for (const [node, id] of [
      ["n1", "1"],
      ["n2", "2"],
      ["n1", "3"],
    ] as const) {
      await nats.publishEvent(`notice.${node}`, data(id), id);
    }
    expect(await take(consume({ kind: "last" }), 2)).toEqual(["2", "3"]);
  });

  test("has a reader that comes after another one begin where it asks to, whatever that one had fetched", async () => {
    await ensureStream(nats, STREAM);
    for (const id of ["1", "2", "3"]) await nats.publishEvent("notice.n1", data(id), id);
    const firstReader = new AbortController();
    const first = consume(everything, firstReader.signal);
    expect(await take(first, 2)).toEqual(["1", "2"]);
    firstReader.abort();
    expect((await first.next()).done).toBe(true);
    expect(await take(consume(everything), 3)).toEqual(["1", "2", "3"]);
  });

  test("ends with the signal while it waits", async () => {
    await ensureStream(nats, STREAM);
    const waiting = consume(everything).next();
    over.abort();
    expect((await waiting).done).toBe(true);
  });
});

describe("openBucket()", () => {
  let bucket: Bucket;
  beforeEach(() => {
    bucket = openBucket(nats, { name: "gpuas-memory", maxBytes: bytes(2 ** 20), ...parts });
  });

  test("keeps values over a restart of the server", async () => {
    expect(await bucket.get("idle.pool-a")).toBeNull();
    const revision = await bucket.put("idle.pool-a", data("1"));
    await restartServer();
    expect(await bucket.get("idle.pool-a")).toEqual({ value: expect.anything() as unknown, revision });
    expect(text((await bucket.get("idle.pool-a"))?.value)).toBe("1");
  });

  test("refuses to write over a revision that is not the newest", async () => {
    const first = await bucket.put("a", data("1"), 0);
    await bucket.put("a", data("2"), first);
    await expect(bucket.put("a", data("3"), first)).rejects.toMatchObject({ kind: "conflict" });
    await expect(bucket.put("a", data("3"), 0)).rejects.toMatchObject({ kind: "conflict" });
    expect(text((await bucket.get("a"))?.value)).toBe("2");
  });

  test("removes and lists keys", async () => {
    await bucket.put("node.a.example", data("1"));
    await bucket.put("b", data("2"));
    expect([...(await bucket.keys())].sort()).toEqual(["b", "node.a.example"]);
    await bucket.remove("b");
    expect(await bucket.get("b")).toBeNull();
    expect(await bucket.keys()).toEqual(["node.a.example"]);
    expect(await bucket.put("b", data("3"), 0)).toBeGreaterThan(2);
  });

  test("shows what is there and then each change", async () => {
    await bucket.put("a", data("1"));
    const changes = bucket.watch({ signal: over.signal })[Symbol.asyncIterator]();
    const seen: string[] = [];
    const see = async (): Promise<void> => {
      const { value } = (await changes.next()) as {
        readonly value: { readonly key: string; readonly value: Uint8Array | null };
      };
      seen.push(`${value.key}=${value.value === null ? "gone" : text(value.value)}`);
    };
    await see();
    await bucket.put("b", data("2"));
    await see();
    await bucket.remove("a");
    await see();
    expect(seen).toEqual(["a=1", "b=2", "a=gone"]);
    const waiting = changes.next();
    over.abort();
    expect((await waiting).done).toBe(true);
  });

  test("fails at once while NATS is away", async () => {
    await server.stop();
    await until("away");
    await expect(bucket.get("a")).rejects.toMatchObject({ kind: "unavailable" });
    await expect(bucket.put("a", data("1"))).rejects.toMatchObject({ kind: "unavailable" });
  });
});
