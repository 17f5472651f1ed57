import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createUser } from "@nats-io/nkeys";
import { headers } from "@nats-io/transport-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { startNats } from "../../test/build/nats.ts";
import type { NatsServer } from "../../test/build/nats.ts";
import { seededRandom } from "../model/random.ts";
import { millis } from "../model/units.ts";
import { bytes as sizeOf } from "../model/units.ts";
import { systemClock } from "./clock.ts";
import { AppError } from "./errors.ts";
import { createLogSink } from "./log.ts";
import { ensureStream } from "./nats-jetstream.ts";
import type { NatsOptions, NatsState } from "./nats-link.ts";
import { connectNats } from "./nats.ts";
import type { Nats, NatsMessage } from "./nats.ts";

const LIMIT = 15_000;
const text = (message: NatsMessage): string => new TextDecoder().decode(message.data);
const data = (words: string): Uint8Array => new TextEncoder().encode(words);

let server: NatsServer;
let open: Nats[];
let over: AbortController;
const { log, lines } = createLogSink();

beforeEach(async () => {
  server = await startNats();
  open = [];
  over = new AbortController();
});
afterEach(async () => {
  over.abort();
  await Promise.all(open.map((nats) => nats.close()));
  await server.remove();
});

function client(options: Partial<NatsOptions> = {}): Nats {
  const nats = connectNats({
    servers: [server.url],
    name: "test",
    log,
    clock: systemClock,
    random: seededRandom(1),
    ...options,
  });
  open.push(nats);
  return nats;
}

async function connected(options: Partial<NatsOptions> = {}): Promise<Nats> {
  const nats = client(options);
  await nats.whenConnected(AbortSignal.timeout(LIMIT));
  return nats;
}

/** Resolves when the connection is in the state. */
async function until(nats: Nats, kind: NatsState["kind"]): Promise<void> {
  const reached = Promise.withResolvers<void>();
  const stop = nats.onState((state) => {
    if (state.kind === kind) reached.resolve();
  });
  if (nats.state().kind === kind) reached.resolve();
  await reached.promise;
  stop();
}

/** Makes sure that the server has seen what was sent so far, subscriptions included. */
async function flushed(nats: Nats): Promise<void> {
  await nats.link().connection.flush();
}

async function next(messages: AsyncIterator<NatsMessage>): Promise<string> {
  const result = await messages.next();
  return result.done === true ? "ended" : text(result.value);
}

describe("connectNats()", () => {
  test("returns at once when there is no server, refuses at once, and connects when it comes", async () => {
    await server.stop();
    const nats = client();
    expect(nats.state()).toMatchObject({ kind: "away" });
    expect(nats.publishLatest("a", data("x"))).toBe(false);
    await expect(nats.publishEvent("a", data("x"), "1")).rejects.toMatchObject({ kind: "unavailable" });
    await expect(nats.request("a", data("x"))).rejects.toMatchObject({ kind: "unavailable" });
    await server.restart();
    await until(nats, "connected");
    expect(nats.publishLatest("a", data("x"))).toBe(true);
  });

  test("is away when the server dies and connected when it is back", async () => {
    const nats = await connected();
    await server.kill();
    await until(nats, "away");
    expect(nats.publishLatest("a", data("lost"))).toBe(false);
    await server.restart();
    await until(nats, "connected");
    expect(nats.state()).toMatchObject({
      kind: "connected",
      server: expect.stringContaining(String(server.port)) as unknown,
    });
  });

  test("closes while it still looks for a server", async () => {
    await server.stop();
    const nats = client();
    await nats.close();
    await expect(nats.whenConnected(over.signal)).rejects.toMatchObject({ kind: "unavailable" });
  });

  test("ends a wait for the connection with the caller's signal", async () => {
    await server.stop();
    const waiting = client().whenConnected(over.signal);
    over.abort(new AppError("timeout", "enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  test("reads its token again for each attempt, so that a rotated one is taken up", async () => {
    await server.remove();
    server = await startNats({ token: "new" });
    const tokens = ["old", "old"];
    const nats = await connected({ auth: { kind: "token", read: () => tokens.shift() ?? "new" } });
    expect(tokens).toEqual([]);
    expect(nats.state().kind).toBe("connected");
    expect(lines.at(-2)).toMatchObject({ message: "nats away", error: { kind: "denied" } });
  });

  test("shows the key whose seed it is given, and is refused with another", async () => {
    await server.remove();
    const dir = await mkdtemp(join(tmpdir(), "nats-nkey-"));
    const config = join(dir, "nats.conf");
    const [ours, other] = [createUser(), createUser()];
    await writeFile(config, `authorization { users: [ { nkey: ${ours.getPublicKey()} } ] }`);
    server = await startNats({ config });
    await connected({ auth: { kind: "nkey", read: () => ours.getSeed() } });
    const refused = client({ auth: { kind: "nkey", read: () => other.getSeed() } });
    await expect(refused.whenConnected(AbortSignal.timeout(1_000))).rejects.toMatchObject({
      name: "TimeoutError",
    });
    expect(lines.some(({ error }) => (error as { kind?: string } | undefined)?.kind === "denied")).toBe(true);
    await rm(dir, { recursive: true });
  });

  test("sends what it was given before it closes", async () => {
    const [reader, writer] = [await connected(), await connected()];
    const messages = reader.subscribe("a", { signal: over.signal })[Symbol.asyncIterator]();
    await flushed(reader);
    writer.publishLatest("a", data("last words"));
    await writer.close();
    expect(await next(messages)).toBe("last words");
  });
});

describe("subscribe()", () => {
  test("goes on after the server was restarted", async () => {
    const nats = await connected();
    const messages = nats.subscribe("report.*", { signal: over.signal })[Symbol.asyncIterator]();
    nats.publishLatest("report.n1", data("before"));
    expect(await next(messages)).toBe("before");
    await server.kill();
    await until(nats, "away");
    await server.restart();
    await until(nats, "connected");
    nats.publishLatest("report.n1", data("after"));
    expect(await next(messages)).toBe("after");
  });

  test("begins as soon as there is a connection", async () => {
    const nats = client();
    const messages = nats.subscribe("a", { signal: over.signal })[Symbol.asyncIterator]();
    await until(nats, "connected");
    nats.publishLatest("a", data("x"));
    expect(await next(messages)).toBe("x");
  });

  test("drops the oldest when the reader is slower than the bound, and says so", async () => {
    const nats = await connected();
    const messages = nats.subscribe("slow", { signal: over.signal, bound: 2 })[Symbol.asyncIterator]();
    for (const words of ["1", "2", "3", "4"]) nats.publishLatest("slow", data(words));
    await flushed(nats);
    expect([await next(messages), await next(messages)]).toEqual(["3", "4"]);
    expect(lines.at(-1)).toMatchObject({ level: "warn", subject: "slow", count: 2 });
  });

  test("ends with the signal, after what had come", async () => {
    const nats = await connected();
    const messages = nats.subscribe("a", { signal: over.signal })[Symbol.asyncIterator]();
    nats.publishLatest("a", data("x"));
    expect(await next(messages)).toBe("x");
    over.abort();
    expect(await next(messages)).toBe("ended");
  });
});

describe("publishEvent()", () => {
  const STREAM = {
    name: "events",
    subjects: ["notice.*"],
    maxAgeMs: millis(60_000),
    maxBytes: sizeOf(2 ** 20),
  };

  test("resolves when the stream has it, and tells a second one with the same id", async () => {
    const nats = await connected();
    await ensureStream(nats, STREAM);
    expect(await nats.publishEvent("notice.n1", data("x"), "id1")).toEqual({ seq: 1, duplicate: false });
    expect(await nats.publishEvent("notice.n1", data("x"), "id1")).toEqual({ seq: 1, duplicate: true });
    expect(await nats.publishEvent("notice.n1", data("y"), "id2")).toEqual({ seq: 2, duplicate: false });
  });

  test("rejects when no stream takes the subject", async () => {
    const nats = await connected();
    await expect(nats.publishEvent("nowhere", data("x"), "id")).rejects.toMatchObject({
      kind: "unavailable",
      message: "no answer on nowhere",
    });
  });

  test("rejects when the stream refuses the message", async () => {
    const nats = await connected();
    const kind = { name: "small", subjects: ["small"], max_msg_size: 4, storage: "memory" };
    await nats.link().connection.request("$JS.API.STREAM.CREATE.small", JSON.stringify(kind));
    await expect(nats.publishEvent("small", data("too long"), "id")).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("maximum") as unknown,
    });
  });

  test("rejects as soon as the connection breaks, and not only after its time-out", async () => {
    const nats = await connected();
    await ensureStream(nats, STREAM);
    await server.freeze();
    const publishing = nats.publishEvent("notice.n1", data("x"), "id1", millis(3_600_000));
    await Promise.all([expect(publishing).rejects.toMatchObject({ kind: "unavailable" }), server.kill()]);
  });

  test("gives up on a server that does not answer", async () => {
    const nats = await connected();
    await ensureStream(nats, STREAM);
    await server.freeze();
    await expect(nats.publishEvent("notice.n1", data("x"), "id1", millis(50))).rejects.toMatchObject({
      kind: "timeout",
    });
    server.thaw();
  });
});

describe("request() and reply()", () => {
  test("carry an answer", async () => {
    const [asker, answerer] = [await connected(), await connected()];
    const replying = answerer.reply("ask.n1", (message) => data(`${text(message)}?`), {
      signal: over.signal,
    });
    await flushed(answerer);
    expect(new TextDecoder().decode(await asker.request("ask.n1", data("well")))).toBe("well?");
    over.abort();
    await replying;
  });

  test("carry the kind of an error, and answer the next request", async () => {
    const [asker, answerer] = [await connected(), await connected()];
    let failure: Error = new AppError("throttled", "too often\nfor me");
    const replying = answerer.reply("ask.n1", () => Promise.reject(failure), { signal: over.signal });
    await flushed(answerer);
    await expect(asker.request("ask.n1", data(""))).rejects.toMatchObject({
      kind: "throttled",
      message: "ask.n1 answered: too often for me",
    });
    failure = new TypeError("x is not a function");
    await expect(asker.request("ask.n1", data(""))).rejects.toMatchObject({ kind: "bug" });
    over.abort();
    await replying;
  });

  test("are answered once by a group, and several at a time where the answerer says so", async () => {
    const [asker, first, second] = [await connected(), await connected(), await connected()];
    const taken: string[] = [];
    const full = Promise.withResolvers<void>();
    const options = { signal: over.signal, queue: "group", concurrency: 2 };
    // Nobody answers before each of the two has two in hand: with one at a time this would never end.
    const answer = (name: string) => async (message: NatsMessage) => {
      taken.push(name);
      if (taken.filter((one) => one === name).length === 2) full.resolve();
      await full.promise;
      return message.data;
    };
    const replying = [
      first.reply("ask.n1", answer("a"), options),
      second.reply("ask.n1", answer("b"), options),
    ];
    await Promise.all([flushed(first), flushed(second)]);
    const answers = await Promise.all(["1", "2", "3"].map((n) => asker.request("ask.n1", data(n))));
    expect(answers.map((one) => new TextDecoder().decode(one))).toEqual(["1", "2", "3"]);
    expect(taken).toHaveLength(3);
    over.abort();
    await Promise.all(replying);
  });

  test("carry headers to who answers", async () => {
    const [asker, answerer] = [await connected(), await connected()];
    const replying = answerer.reply(
      "ask.n1",
      ({ header }) => data(`${String(header("Known"))} ${String(header("Unknown"))}`),
      { signal: over.signal },
    );
    await flushed(answerer);
    const named = headers();
    named.set("Known", "yes");
    const { connection } = asker.link();
    expect((await connection.request("ask.n1", data(""), { headers: named, timeout: 2_000 })).string()).toBe(
      "yes null",
    );
    // No header at all.
    expect(new TextDecoder().decode(await asker.request("ask.n1", data("")))).toBe("null null");
    over.abort();
    await replying;
  });

  test("get their answers under the prefix that was asked for", async () => {
    const [asker, answerer] = [await connected({ inboxPrefix: "_INBOX.n1" }), await connected()];
    const heard = answerer.subscribe("_INBOX.n1.>", { signal: over.signal })[Symbol.asyncIterator]();
    const replying = answerer.reply("ask.n1", () => data("well"), { signal: over.signal });
    await flushed(answerer);
    await asker.request("ask.n1", data(""));
    expect(await next(heard)).toBe("well");
    over.abort();
    await replying;
  });

  test("say at once that nobody answers", async () => {
    const nats = await connected();
    await expect(nats.request("ask.n9", data(""), millis(3_600_000))).rejects.toMatchObject({
      kind: "unavailable",
      message: "no answer on ask.n9",
    });
  });
});
