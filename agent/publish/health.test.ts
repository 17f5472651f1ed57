import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, describe, expect, test } from "vitest";

import { decode, encode } from "../../shared/contract/codec.ts";
import type { HealthMessage } from "../../shared/contract/health.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { GpuEvent, GpuSample, GpuSource } from "../../shared/model/gpu.ts";
import { STREAM } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { ensureStream } from "../../shared/runtime/nats-jetstream.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { aGpu, aSample, ready } from "../../test/build/gpu.ts";
import { connectNatsForTest } from "../../test/build/nats-client.ts";
import { createHealth } from "../assess/health/health.ts";
import type { HealthMemory } from "../assess/health/memory.ts";
import { createKernelLog } from "../sample/kernel-log/kernel-log.ts";
import type { GpuCondition } from "./condition.ts";
import { createEventPublisher } from "./events.ts";
import { createHealthDesk } from "./health.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function setUp(memory: HealthMemory | null = null) {
  const clock = createFakeClock();
  const messages: HealthMessage[] = [];
  const conditions: GpuCondition[] = [];
  const news: string[] = [];
  const kept: HealthMemory[] = [];
  const changes: string[] = [];
  const stop = new AbortController();
  const health = createHealth({
    intervalMs: millis(1_000),
    slowIntervalMs: millis(10_000),
    boot: "boot-1",
    memory,
    startedAt: { at: clock.now(), steady: clock.monotonic() },
  });
  const { log, lines } = createLogSink();
  const desk = createHealthDesk({
    health,
    publisher: {
      health: (message) => {
        // What is sent is read back as a stranger would read it.
        const data = encode<"health">({ v: 1, node: "n1", ...message });
        const answer = decode("health", subjectFor("health", "n1"), data);
        if (answer.kind === "refused") throw new Error(answer.detail);
        messages.push(answer.message);
      },
    },
    condition: { say: (condition) => conditions.push(condition) },
    news: {
      fault: ({ rule }) => news.push(`fault ${rule}`),
      recovered: ({ rule }) => news.push(`recovered ${rule}`),
    },
    keep: (memory) => kept.push(memory),
    onChange: (findings, node) => changes.push(`${node}: ${findings.map(({ rule }) => rule).join(", ")}`),
    clock,
    log,
    signal: stop.signal,
  });
  stops.push(async () => {
    stop.abort();
    await desk.ended;
  });
  const event = (xid: number, from: Partial<GpuEvent> = {}): void => {
    desk.onEvent({
      at: clock.now(),
      gpu: "GPU-0",
      busId: "0000:3b:00.0",
      teller: "driver",
      what: { kind: "xid", xid },
      gpuInstance: null,
      text: "",
      ...from,
    });
  };
  const cycle = (sample: GpuSample = aSample(0), source: GpuSource = ready(aGpu(0))): void => {
    desk.onCycle({ at: clock.now(), source, samples: [sample] });
  };
  /** Cycles for as long as it takes until a good verdict is sure. */
  const begin = async (sample: GpuSample = aSample(0)): Promise<void> => {
    for (let second = 0; second <= 20; second++) {
      cycle(sample);
      await clock.advance(1_000);
    }
  };
  return { clock, desk, event, cycle, begin, messages, conditions, news, kept, changes, lines };
}

const told = ({ health }: HealthMessage) =>
  health.kind === "event"
    ? `${health.what} ${health.number} ${health.class}`
    : `${health.node}: ${health.findings.map(({ rule, level }) => `${rule} ${level}`).join(", ")}`;

describe("createHealthDesk()", () => {
  test("says at the first cycle that all is well, on the node when it is sure, and nothing before it", async () => {
    const { desk, clock, cycle, begin, messages, conditions } = setUp();
    desk.onSource({ state: "starting" });
    await clock.advance(60_000);
    expect([messages, conditions]).toEqual([[], []]);
    cycle();
    await clock.advance(18_000);
    cycle();
    expect(messages.map(told)).toEqual(["healthy: "]);
    expect(conditions).toEqual([]);
    await begin();
    expect(messages).toHaveLength(1);
    expect(conditions).toMatchObject([{ status: "True", reason: "GpusHealthy" }]);
  });

  test("says on the node only that it is ill when the agent before had read a fault that stands", async () => {
    const { begin, conditions } = setUp();
    await begin(aSample(0, { eccVolatileUncorrected: 1 }));
    expect(conditions).toMatchObject([{ status: "False", reason: "MemoryUncorrected" }]);
  });

  test("tells an event and the verdict at once, to everybody, and the end of it too", async () => {
    const { clock, event, begin, messages, conditions, news, kept, changes } = setUp();
    await begin();
    event(79, { text: "NVRM: Xid" });
    expect(messages.map(told)).toEqual(["healthy: ", "xid 79 fatal", "fatal: fell-off-bus fatal"]);
    expect(conditions.at(-1)).toMatchObject({ status: "False", reason: "FellOffBus" });
    expect(kept.at(-1)?.cases).toMatchObject([{ rule: "fell-off-bus", gpu: "GPU-0" }]);
    event(79, { teller: "kernel-log" });
    expect(messages).toHaveLength(3);
    await clock.advance(5_000);
    event(0, { gpu: null, busId: null, what: { kind: "reset" } });
    expect(messages.slice(3).map(told)).toEqual(["reset null informational", "healthy: "]);
    expect(conditions.at(-1)).toMatchObject({ status: "True" });
    expect(kept.at(-1)?.cases).toEqual([]);
    expect(news).toEqual(["fault fell-off-bus", "recovered fell-off-bus"]);
    expect(changes).toEqual(["healthy: ", "fatal: fell-off-bus", "healthy: "]);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(messages.length);
  });

  test("makes no Kubernetes Event of a program's fault, and leaves the condition True", async () => {
    const { event, begin, messages, conditions, news } = setUp();
    await begin();
    event(13);
    expect(messages.slice(1).map(told)).toEqual([
      "xid 13 application",
      "healthy: application-fault application",
    ]);
    expect(conditions.at(-1)).toMatchObject({ status: "True", reason: "GpusHealthy" });
    expect(news).toEqual([]);
  });

  test("tells one kind of event once a second in a storm, and counts each", async () => {
    const { clock, desk, event, cycle, messages, lines } = setUp();
    cycle();
    for (let count = 0; count < 1_000; count++) event(31);
    await clock.advance(1_000);
    event(31);
    expect(messages.filter(({ health }) => health.kind === "event")).toHaveLength(2);
    expect(desk.xids()).toMatchObject([{ xid: 31, count: 1_001 }]);
    expect(lines.filter(({ message }) => message === "a GPU event")).toHaveLength(1);
  });

  test("tells all that stands again each 5 minutes, with its numbers of then", async () => {
    const { clock, cycle, messages } = setUp();
    for (let second = 0; second < 700; second++) {
      cycle(aSample(0, { eccVolatileUncorrected: 1 + second }));
      await clock.advance(1_000);
    }
    const findings = messages.flatMap(({ health }) => (health.kind === "findings" ? [health] : []));
    expect(findings.map(({ findings: [one] }) => one?.evidence.split(": ")[1])).toEqual([
      undefined,
      "11",
      "310",
      "610",
    ]);
  });

  test("calls GPUs unknown when they have not answered for 5 minutes, while no cycle comes", async () => {
    const { clock, desk, cycle, messages, conditions } = setUp();
    cycle();
    desk.onSource({ state: "failed", call: "nvmlInit_v2", code: 999, detail: "" });
    await clock.advance(301_000);
    expect(messages.at(-1)?.health).toMatchObject({ kind: "findings", node: "unknown" });
    expect(conditions.at(-1)).toMatchObject({ status: "Unknown" });
  });

  test("states a hung driver while no cycle comes", async () => {
    const { clock, desk, cycle, messages } = setUp();
    cycle();
    desk.onSource({ state: "hung", call: "nvmlDeviceGetPowerUsage", gpu: 0, forMs: millis(5_000) });
    await clock.advance(26_000);
    expect(messages.map(told).at(-1)).toBe("fatal: driver-hung fatal");
  });

  test("knows after a restart what stood before it, and makes no second Event of it until it is over and back", async () => {
    const before = setUp();
    before.cycle();
    before.event(48);
    const after = setUp(before.kept.at(-1) ?? null);
    after.cycle();
    expect(after.messages.map(told)).toEqual(["fatal: memory-uncontained fatal"]);
    expect(after.conditions).toMatchObject([{ status: "False" }]);
    expect(after.lines.map(({ message }) => message)).toEqual(["a GPU is not well"]);
    expect(after.news).toEqual([]);
    after.event(0, { gpu: null, busId: null, what: { kind: "reset" } });
    await after.clock.advance(60_000);
    after.event(48);
    expect(after.news).toEqual(["recovered memory-uncontained", "fault memory-uncontained"]);
  });

  test("goes on when something that it was told is beyond it", () => {
    const { desk, event, cycle, messages, lines } = setUp();
    desk.onEvent({ at: epochMs(0), gpu: null } as unknown as GpuEvent);
    expect(lines.map(({ message }) => message)).toContain("news of a GPU could not be taken in");
    cycle();
    event(79);
    expect(messages.map(told).at(-1)).toBe("fatal: fell-off-bus fatal");
  });
});

test("a line of the kernel's log is in NATS within 1.2 s", async () => {
  const real = await connectNatsForTest();
  const { nats } = real;
  const { log } = createLogSink();
  const stop = new AbortController();
  const clock = systemClock;
  const random = seededRandom(1);
  stops.unshift(async () => {
    stop.abort();
    await real[Symbol.asyncDispose]();
  });
  const subjects = ["gpuas.v1.health.*"];
  await ensureStream(nats, {
    name: STREAM,
    subjects,
    maxAgeMs: millis(3_600_000),
    maxBytes: bytes(1024 * 1024),
  });
  const folder = await mkdtemp(join(tmpdir(), "health-"));
  stops.push(async () => {
    await rm(folder, { recursive: true });
  });
  const path = join(folder, "kern.log");
  await writeFile(path, "");

  const publisher = createEventPublisher({
    nats,
    node: "n1",
    subjectRoot: "gpuas.v1",
    clock,
    random,
    log,
    onSent: () => undefined,
    onDropped: () => undefined,
    signal: stop.signal,
  });
  const desk = createHealthDesk({
    health: createHealth({
      intervalMs: millis(1_000),
      slowIntervalMs: millis(10_000),
      boot: null,
      memory: null,
      startedAt: { at: clock.now(), steady: clock.monotonic() },
    }),
    publisher,
    condition: { say: () => undefined },
    news: { fault: () => undefined, recovered: () => undefined },
    keep: () => undefined,
    onChange: () => undefined,
    clock,
    log,
    signal: stop.signal,
  });
  const kernelLog = createKernelLog({
    setting: path,
    stateDir: null,
    clock,
    onEvent: desk.onEvent,
    log,
    signal: stop.signal,
  });
  await expect.poll(() => kernelLog.state().kind).toBe("reading");
  const seen: { readonly data: Uint8Array; readonly atMs: number }[] = [];
  const listening = (async () => {
    for await (const { data } of nats.subscribe("gpuas.v1.health.*", { signal: stop.signal }))
      seen.push({ data, atMs: clock.monotonic() });
  })();
  stops.push(async () => {
    await listening.catch(() => undefined);
  });
  // What was sent after the subscription has come, so the subscription stands.
  await nats.publishEvent("gpuas.v1.health.n1", new TextEncoder().encode("begin"), "begin");
  await expect.poll(() => seen.length).toBe(1);

  const wroteAt = clock.monotonic();
  await appendFile(path, "gpu-1 kernel: NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.\n");
  await expect.poll(() => seen.length, { timeout: 10_000 }).toBeGreaterThan(1);
  const { data = new Uint8Array(), atMs = Number.NaN } = seen[1] ?? {};
  expect(decode("health", "gpuas.v1.health.n1", data)).toMatchObject({
    message: {
      health: { kind: "event", what: "xid", number: 79, busId: "0000:3b:00.0", class: "fatal" },
    },
  });
  const tookMs = atMs - wroteAt;
  expect(tookMs).toBeLessThan(1_200);
}, 60_000);
