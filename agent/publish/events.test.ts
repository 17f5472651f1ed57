import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { decode } from "../../shared/contract/codec.ts";
import { STREAM } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { ensureStream } from "../../shared/runtime/nats-jetstream.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { connectNatsForTest } from "../../test/build/nats-client.ts";
import type { ConnectedNats } from "../../test/build/nats-client.ts";
import { createEventPublisher } from "./events.ts";

const NOTICE = {
  id: "drill-1",
  phase: "seen",
  source: "drill",
  seenAt: 1000,
  deadline: 121_000,
  replace: false,
  pods: { low: 1, medium: 2, high: 3, system: 0 },
} as const;
const REPORT = {
  id: "drill-1",
  cause: "notice",
  source: "drill",
  phase: "started",
  at: 1000,
  deadline: 121_000,
  counts: { evicted: 0, gone: 0, blocked: 0, waiting: 6 },
} as const;

const HEALTH = {
  id: "1-1",
  at: 1000,
  health: { kind: "findings", node: "healthy", findings: [] },
} as const;

describe("createEventPublisher() with a NATS that comes and goes", () => {
  function setUp() {
    const clock = createFakeClock();
    const stored: { subject: string; id: string }[] = [];
    const server = { away: true, without: "nothing" };
    const stop = new AbortController();
    const dropped: string[] = [];
    const publishEvent: Nats["publishEvent"] = async (subject, _, id) => {
      if (server.away) throw new AppError("unavailable", "NATS is away");
      if (subject.includes(server.without)) throw new AppError("unavailable", "no stream takes it");
      stored.push({ subject, id });
      return { seq: stored.length, duplicate: false };
    };
    const publisher = createEventPublisher({
      nats: { publishEvent },
      node: "gpu-1.sim",
      subjectRoot: "gpuas.v1",
      clock,
      random: seededRandom(1),
      log: createLogSink().log,
      onSent: () => undefined,
      onDropped: (kind) => dropped.push(kind),
      signal: stop.signal,
    });
    return { clock, stored, server, stop, publisher, dropped };
  }

  test("keeps the order of what happened and sends it when NATS is back", async () => {
    const { clock, stored, server, publisher } = setUp();
    publisher.notice(NOTICE);
    publisher.drain(REPORT);
    publisher.drain({ ...REPORT, phase: "wave", class: "low" });
    await clock.advance(10_000);
    expect(publisher.waiting).toBe(3);
    server.away = false;
    await clock.advance(2_000);
    await publisher.flushed();
    expect(stored).toEqual([
      { subject: "gpuas.v1.notice.gpu-1_sim", id: "drill-1/seen" },
      { subject: "gpuas.v1.drain.gpu-1_sim", id: "drill-1/started" },
      { subject: "gpuas.v1.drain.gpu-1_sim", id: "drill-1/wave/low" },
    ]);
  });

  test("a storm of GPU faults pushes no notice out, and the newest of them stay", async () => {
    const { stored, server, publisher, dropped, clock } = setUp();
    publisher.notice(NOTICE);
    for (let count = 1; count <= 100; count++)
      publisher.health({ ...HEALTH, id: `1-${count}`, health: { ...HEALTH.health, findings: [] } });
    publisher.drain(REPORT);
    expect(publisher.waiting).toBe(66);
    expect(dropped).toEqual(Array.from({ length: 36 }, () => "health"));
    server.away = false;
    await clock.advance(2_000);
    await publisher.flushed();
    const isHealth = ({ subject }: { readonly subject: string }): boolean =>
      subject === "gpuas.v1.health.gpu-1_sim";
    expect(stored.filter((one) => !isHealth(one)).map(({ id }) => id)).toEqual([
      "drill-1/seen",
      "drill-1/started",
    ]);
    expect(stored.filter(isHealth).map(({ id }) => id)).toEqual(
      Array.from({ length: 64 }, (_, at) => `gpu-1.sim health 1-${37 + at}`),
    );
  });

  test("a stream that does not take health yet gets notices and drains all the same", async () => {
    const { stored, server, publisher, clock } = setUp();
    Object.assign(server, { away: false, without: ".health." });
    publisher.health({ ...HEALTH, health: { ...HEALTH.health, findings: [] } });
    await clock.advance(1_000);
    publisher.notice(NOTICE);
    publisher.drain(REPORT);
    await clock.advance(1_000);
    expect(stored.map(({ id }) => id)).toEqual(["drill-1/seen", "drill-1/started"]);
    expect(publisher.waiting).toBe(1);
    server.without = "nothing";
    await clock.advance(1_000);
    await publisher.flushed();
    expect(stored.at(-1)?.id).toBe("gpu-1.sim health 1-1");
  });

  test("the same phase again while it waits is one message", async () => {
    const { clock, publisher } = setUp();
    publisher.notice(NOTICE);
    publisher.drain(REPORT);
    publisher.drain(REPORT);
    await clock.advance(1_000);
    expect(publisher.waiting).toBe(2);
  });

  test("what happened again comes after what happened in between", async () => {
    const { clock, stored, server, publisher } = setUp();
    publisher.notice({ ...NOTICE, id: "drill-0" });
    publisher.notice(NOTICE);
    publisher.notice({ ...NOTICE, phase: "cancelled" });
    publisher.notice(NOTICE);
    server.away = false;
    await clock.advance(2_000);
    await publisher.flushed();
    expect(stored.map((one) => one.id)).toEqual(["drill-0/seen", "drill-1/cancelled", "drill-1/seen"]);
  });

  test("holds 64 and gives up the oldest", async () => {
    const { clock, publisher, dropped } = setUp();
    for (let i = 0; i < 70; i++) publisher.drain({ ...REPORT, id: `drain-${i}` });
    await clock.advance(1_000);
    expect(publisher.waiting).toBe(64);
    expect(dropped).toHaveLength(6);
  });

  test("ends with its signal", async () => {
    const { clock, publisher, stop } = setUp();
    publisher.notice(NOTICE);
    await clock.advance(100);
    stop.abort(new Error("over"));
    await publisher.ended;
  });
});

describe("createEventPublisher() with a real nats-server", () => {
  let real: ConnectedNats;
  let nats: Nats;
  const { log } = createLogSink();
  const over = new AbortController();

  beforeAll(async () => {
    real = await connectNatsForTest();
    ({ nats } = real);
  }, 60_000);
  afterAll(async () => {
    over.abort();
    await real[Symbol.asyncDispose]();
  });

  test("the stream stores each message once, under the id of its phase", async () => {
    await ensureStream(nats, {
      name: STREAM,
      subjects: ["gpuas.v1.notice.*", "gpuas.v1.drain.*", "gpuas.v1.health.*"],
      maxAgeMs: millis(3_600_000),
      maxBytes: bytes(1024 * 1024),
    });
    const seen: { subject: string; data: Uint8Array }[] = [];
    const listening = new AbortController();
    const reading = (async () => {
      for await (const message of nats.subscribe("gpuas.v1.*.gpu-1_sim", { signal: listening.signal }))
        seen.push(message);
    })();
    const stop = new AbortController();
    const sent: string[] = [];
    const publisher = createEventPublisher({
      nats,
      node: "gpu-1.sim",
      subjectRoot: "gpuas.v1",
      clock: systemClock,
      random: seededRandom(1),
      log,
      onSent: (kind) => sent.push(kind),
      onDropped: () => undefined,
      signal: stop.signal,
    });
    publisher.notice(NOTICE);
    publisher.drain(REPORT);
    publisher.health({ ...HEALTH, health: { ...HEALTH.health, findings: [] } });
    await publisher.flushed();
    const again = await nats.publishEvent("gpuas.v1.notice.gpu-1_sim", new Uint8Array(), "drill-1/seen");
    expect(again.duplicate).toBe(true);
    expect(sent.toSorted()).toEqual(["drain", "health", "notice"]);
    const kinds = ["notice", "drain", "health"] as const;
    const decoded = kinds.map((kind) => {
      const { subject = "", data = new Uint8Array() } =
        seen.find((one) => one.subject.includes(`.${kind}.`)) ?? {};
      return decode(kind, subject, data).kind;
    });
    expect(decoded).toEqual(["message", "message", "message"]);
    stop.abort();
    listening.abort();
    await reading;
  });
});
