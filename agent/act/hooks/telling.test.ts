import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

import { afterEach, describe, expect, test } from "vitest";

import { checkpointCallSchema } from "../../../shared/contract/checkpoint.ts";
import type { Checkpoint } from "../../../shared/contract/checkpoint.ts";
import type { CheckpointHook } from "../../../shared/model/checkpoint-hook.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ExecResult } from "../../../shared/runtime/kube/exec.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../../test/build/scripted-server.ts";
import { callPod } from "./exchange.ts";
import type { HookCaller } from "./exchange.ts";
import type { HookOccasion, Hooks, HookTarget } from "./hooks.ts";
import { createHooks } from "./telling.ts";
import type { HooksOptions } from "./telling.ts";

const START = Date.UTC(2026, 0, 1);
const OCCASION: HookOccasion = {
  eventId: "aws-terminate-1",
  kind: "termination",
  deadline: epochMs(START + 120_000),
  drill: false,
  peerInterrupted: false,
};
/** Until when the drain waits in these tests. */
const BY = epochMs(START + 30_000);

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function targetOf(hook: CheckpointHook, name = "train-0"): HookTarget {
  return { namespace: "team-a", name, uid: `uid-${name}`, class: "high", hook };
}

function at(port: number, more: Partial<Extract<CheckpointHook, { kind: "http" }>> = {}): CheckpointHook {
  return {
    kind: "http",
    address: "127.0.0.1",
    port,
    path: "/checkpoint?a=b",
    timeoutMs: millis(60_000),
    ...more,
  };
}

interface Bench {
  readonly hooks: Hooks;
  readonly clock: FakeClock;
  readonly told: Checkpoint[];
  readonly stop: AbortController;
  readonly lines: ReturnType<typeof createLogSink>["lines"];
  changes: number;
  /** Resolves with the n-th result, from 1. */
  result(n?: number): Promise<Checkpoint>;
}

function bench(
  options: Partial<Pick<HooksOptions, "http" | "exec" | "onResult" | "atOnce" | "isThere">> = {},
): Bench {
  const clock = createFakeClock(START);
  const stop = new AbortController();
  const told: Checkpoint[] = [];
  const { log, lines } = createLogSink();
  const made: Bench = {
    hooks: createHooks({
      http: callPod,
      exec: null,
      onResult: (_target, _occasion, checkpoint) => {
        told.push(checkpoint);
      },
      onChange: () => {
        made.changes++;
      },
      clock,
      log,
      signal: stop.signal,
      ...options,
    }),
    clock,
    told,
    stop,
    lines,
    changes: 0,
    result: async (n = 1) => await eventually(() => told[n - 1]),
  };
  closing.push(() => {
    stop.abort();
    return Promise.resolve();
  });
  return made;
}

async function podThat(script: Script): Promise<ScriptedServer & { readonly port: number }> {
  const server = await startScriptedServer(script);
  closing.push(async () => {
    await server[Symbol.asyncDispose]();
  });
  return Object.defineProperty(server, "port", { value: Number(server.url.port) }) as ScriptedServer & {
    readonly port: number;
  };
}

/** A listener that does with a connection what it is told. */
async function socketThat(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  });
  return (server.address() as AddressInfo).port;
}

describe("createHooks(): a pod that saves", () => {
  test("is told what happens, where its hook is, and its answer is passed on", async () => {
    const pod = await podThat((_, reply) => {
      reply.json(200, { step: 1200, uri: "s3://b/1200" });
    });
    const { hooks, result, clock, lines } = bench();
    await clock.advance(500);
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(true);
    expect(hooks.results(OCCASION.eventId)).toEqual([]);

    const saved = { pod: "team-a/train-0", result: "saved", step: 1200, uri: "s3://b/1200", tookMs: 0 };
    expect(await result()).toEqual(saved);
    expect(hooks.results(OCCASION.eventId)).toEqual([saved]);
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
    const [request] = pod.requests;
    expect(request?.line).toBe("POST /checkpoint");
    expect(request?.query.get("a")).toBe("b");
    expect(request?.headers).toMatchObject({
      "content-type": "application/json",
      "gpu-autoscaler-event-id": OCCASION.eventId,
      host: `127.0.0.1:${pod.port}`,
      connection: "close",
    });
    expect(checkpointCallSchema.parse(request?.body)).toEqual({
      v: 1,
      eventId: OCCASION.eventId,
      kind: "termination",
      deadline: "2026-01-01T00:02:00.000Z",
      remainingSeconds: 29.5,
      pod: "train-0",
      namespace: "team-a",
      podUid: "uid-train-0",
      priority: "high",
      drill: false,
      peerInterrupted: false,
    });
    expect(lines).toMatchObject([{ level: "info", message: "checkpoint", state: "saved", pod: "train-0" }]);
  });

  test.each([
    { kind: "rebalance", deadline: null, drill: false, peerInterrupted: false },
    { kind: "maintenance", deadline: epochMs(START + 3_600_000), drill: false, peerInterrupted: false },
    { kind: "termination", deadline: null, drill: false, peerInterrupted: true },
    { kind: "termination", deadline: epochMs(START + 60_000), drill: true, peerInterrupted: false },
  ] as const)("is told of any occasion in its own words: %j", async (words) => {
    const pod = await podThat((_, reply) => {
      reply.text(204, "");
    });
    const { hooks, result } = bench();
    hooks.call(targetOf(at(pod.port)), { ...OCCASION, ...words }, BY);
    expect(await result()).toMatchObject({ result: "saved" });
    const { kind, drill, peerInterrupted } = words;
    expect(checkpointCallSchema.parse(pod.requests[0]?.body)).toMatchObject({
      kind,
      drill,
      peerInterrupted,
      deadline: words.deadline === null ? null : new Date(words.deadline).toISOString(),
      // Nobody knows when it has to go: so nobody says.
      remainingSeconds: words.deadline === null ? null : 30,
    });
  });

  test("stays when it is a peer's node that goes, so no end of its own is named", async () => {
    const pod = await podThat((_, reply) => {
      reply.text(200, "");
    });
    const { hooks, result } = bench();
    hooks.call(targetOf(at(pod.port)), { ...OCCASION, peerInterrupted: true }, BY);
    await result();
    expect(pod.requests[0]?.body).toMatchObject({
      peerInterrupted: true,
      deadline: null,
      remainingSeconds: null,
    });
  });

  test("is told once for an occasion, and again for another", async () => {
    const pod = await podThat((_, reply) => {
      reply.text(200, "ok");
    });
    const { hooks, result, told } = bench();
    const target = targetOf(at(pod.port));
    hooks.call(target, OCCASION, BY);
    hooks.call(target, OCCASION, BY);
    await result();
    hooks.call(target, OCCASION, BY);
    hooks.call(target, { ...OCCASION, eventId: "aws-rebalance-1", kind: "rebalance" }, BY);
    await result(2);
    expect(pod.requests).toHaveLength(2);
    expect(told).toHaveLength(2);
  });

  test("is not asked again when it is gone: whoever has its address now is another", async () => {
    let isThere = true;
    const pod = await podThat((_, reply) => {
      reply.text(202, "");
    });
    const { hooks, clock, result } = bench({ isThere: () => isThere });
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await clock.untilSleeping(2_000);
    isThere = false;
    await clock.advance(2_000);
    expect(await result()).toMatchObject({
      result: "late",
      detail: "said that it saves, and not that it has: its pod is gone",
    });
    expect(pod.requests).toHaveLength(1);
  });

  test("answers 202 and is asked every two seconds until it has saved", async () => {
    let polls = 0;
    const pod = await podThat(({ method }, reply) => {
      if (method === "GET") polls++;
      if (polls < 3) reply.text(202, "");
      else reply.json(200, { step: 5 });
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    for (let n = 0; n < 3; n++) {
      await clock.untilSleeping(2_000);
      expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(true);
      await clock.advance(2_000);
    }
    expect(await result()).toMatchObject({ result: "saved", step: 5, tookMs: 6_000 });
    expect(pod.requests.map(({ line }) => line)).toEqual([
      "POST /checkpoint",
      ...Array.from({ length: 3 }, () => "GET /checkpoint"),
    ]);
    expect(pod.requests[3]?.headers["gpu-autoscaler-event-id"]).toBe(OCCASION.eventId);
    expect(pod.requests[3]?.body).toBeNull();
  });

  test("is asked once more, a second later, when it could not", async () => {
    let calls = 0;
    const pod = await podThat((_, reply) => {
      if (++calls === 1) reply.text(503, "not yet");
      else reply.json(200, { step: 9 });
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await clock.untilSleeping(1_000, 1);
    await pod.received("POST /checkpoint");
    await clock.advance(1_000);
    expect(await result()).toMatchObject({ result: "saved", step: 9, tookMs: 1_000 });
    expect(pod.requests[1]?.body).toMatchObject({ remainingSeconds: 29 });
  });

  test("has an unreadable time-out, which is told beside its result", async () => {
    const pod = await podThat((_, reply) => {
      reply.json(200, { step: "x" });
    });
    const { hooks, result } = bench();
    hooks.call(targetOf(at(pod.port, { note: "checkpoint-timeout is odd" })), OCCASION, BY);
    expect(await result()).toMatchObject({
      result: "saved",
      detail: "of its answer, step is no whole number: x; checkpoint-timeout is odd",
    });
  });

  test("has an event id that a header cannot hold", async () => {
    const pod = await podThat((_, reply) => {
      reply.text(200, "");
    });
    const { hooks, result } = bench();
    const eventId = "maint\r\nX: 1 ä\ud800";
    hooks.call(targetOf(at(pod.port)), { ...OCCASION, eventId }, BY);
    expect(await result()).toMatchObject({ result: "saved" });
    expect(pod.requests[0]?.headers["gpu-autoscaler-event-id"]).toBe("maint%0D%0AX:%201%20%C3%A4%EF%BF%BD");
    expect(hooks.results(eventId)).toHaveLength(1);
  });
});

describe("createHooks(): a pod that does not", () => {
  test.each([
    [404, "no-hook", "answered 404: no such page"],
    [405, "no-hook", "answered 405"],
    [301, "failed", "redirects are not followed"],
    [307, "failed", "redirects are not followed"],
    [304, "failed", "redirects are not followed"],
    [400, "failed", "answered 400"],
    [401, "failed", "answered 401"],
    [429, "failed", "answered 429"],
  ])("answers %i: %s", async (status, result, detail) => {
    const elsewhere = await podThat((_, reply) => {
      reply.json(200, { step: 1 });
    });
    const pod = await podThat((_, reply) => {
      const location = `${elsewhere.url.href}checkpoint`;
      reply.text(status, status === 304 ? "" : "no such page\n\u0007", { location });
    });
    const made = bench();
    made.hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    expect(await made.result()).toMatchObject({ result });
    expect(made.told[0]?.detail).toContain(detail);
    expect(made.told[0]?.detail).not.toMatch(/\p{C}/u);
    expect(pod.requests).toHaveLength(1);
    expect(elsewhere.requests).toEqual([]);
  });

  test("answers 500 twice", async () => {
    const pod = await podThat((_, reply) => {
      reply.json(500, { error: "disk full" });
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await pod.received("POST /checkpoint");
    await clock.nextSleep();
    await clock.advance(1_000);
    expect(await result()).toMatchObject({ result: "failed", detail: 'answered 500: {"error":"disk full"}' });
    expect(pod.requests).toHaveLength(2);
  });

  test("has nobody at the address", async () => {
    const port = await socketThat(() => {});
    for (const close of closing.splice(0)) await close();
    const { hooks, result } = bench();
    hooks.call(targetOf(at(port)), OCCASION, BY);
    expect(await result()).toMatchObject({
      result: "no-hook",
      detail: `nobody listens at 127.0.0.1:${port}`,
    });
  });

  test("goes away after it said that it saves", async () => {
    const pod = await podThat((_, reply) => {
      reply.text(202, "");
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await clock.untilSleeping(2_000);
    await closing.shift()?.();
    await clock.advance(2_000);
    expect(await result()).toMatchObject({ result: "failed" });
  });

  test("does not know of the save any more when it is asked", async () => {
    const pod = await podThat(({ method }, reply) => {
      reply.text(method === "POST" ? 202 : 404, "");
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await clock.untilSleeping(2_000);
    await clock.advance(2_000);
    expect(await result()).toMatchObject({
      result: "failed",
      detail: "after it said that it saves, answered 404",
    });
  });

  test("is refused, and then not called at all", async () => {
    const made = bench();
    made.hooks.call(targetOf({ kind: "refused", why: "checkpoint-url points elsewhere" }), OCCASION, BY);
    expect(await made.result()).toEqual({
      pod: "team-a/train-0",
      result: "refused",
      tookMs: 0,
      detail: "checkpoint-url points elsewhere",
    });
    expect(made.hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
    expect(made.lines[0]).toMatchObject({ level: "warn", state: "refused" });
  });
});

describe("createHooks(): a pod that misbehaves", () => {
  test("hangs: it is left at the moment that was named, and the drain hears of it", async () => {
    const pod = await podThat(() => {});
    const made = bench();
    made.hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await pod.received("POST /checkpoint");
    await made.clock.advance(29_999);
    expect(made.hooks.pending("uid-train-0", OCCASION.eventId)).toBe(true);
    expect(made.changes).toBe(0);
    await made.clock.advance(1);
    expect(made.hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
    const { detail, ...rest } = await made.result();
    expect(rest).toEqual({ pod: "team-a/train-0", result: "late", tookMs: 30_000 });
    expect(detail).toBe(`no answer from 127.0.0.1:${pod.port}: its turn to leave had come`);
    expect(made.changes).toBe(1);
    await eventually(() => pod.open === 0);
  });

  test("takes longer than its own time-out", async () => {
    const pod = await podThat(() => {});
    const made = bench();
    made.hooks.call(targetOf(at(pod.port, { timeoutMs: millis(5_000) })), OCCASION, BY);
    await pod.received("POST /checkpoint");
    await made.clock.advance(5_000);
    expect(await made.result()).toMatchObject({ result: "late", tookMs: 5_000 });
    expect(made.told[0]?.detail).toContain("its time-out was over");
  });

  test("answers 202 for ever", async () => {
    const pod = await podThat((_, reply) => {
      reply.text(202, "");
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, epochMs(START + 5_000));
    for (const n of [1, 2]) {
      await clock.untilSleeping(2_000);
      expect(pod.requests).toHaveLength(n);
      await clock.advance(2_000);
    }
    await clock.untilSleeping(2_000);
    await clock.advance(1_000);
    expect(await result()).toEqual({
      pod: "team-a/train-0",
      result: "late",
      tookMs: 5_000,
      detail: "said that it saves, and not that it has: its turn to leave had come",
    });
    expect(pod.requests).toHaveLength(3);
  });

  test("answers 5 MB: reading ends at 64 KiB", async () => {
    let written = 0;
    const pod = await podThat((_, reply) => {
      const stream = reply.stream();
      const more = (): void => {
        if (stream.closed || written >= 5 * 2 ** 20) return;
        stream.raw("x".repeat(16_384));
        written += 16_384;
        setImmediate(more);
      };
      more();
    });
    const { hooks, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    expect(await result()).toMatchObject({
      result: "failed",
      detail: "answered 200 with more than 65536 bytes",
    });
    await eventually(() => pod.open === 0);
  });

  test.each([
    ["<html>welcome</html>", {}],
    ['{"step": ', {}],
    ["\u0000\u0001\u0002", {}],
    [
      '{"step": [1], "uri": {"a": 1}}',
      { detail: expect.stringContaining("step is no whole number") as unknown },
    ],
  ])("answers 200 with %j: it has saved, and no more is known", async (text, more) => {
    const pod = await podThat((_, reply) => {
      reply.text(200, text);
    });
    const { hooks, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    expect(await result()).toEqual({ pod: "team-a/train-0", result: "saved", tookMs: 0, ...more });
  });

  test("drips its answer: what has not ended is no answer", async () => {
    const pod = await podThat((_, reply) => {
      reply.stream().raw('{"step": 1');
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, BY);
    await pod.received("POST /checkpoint");
    await eventually(() => pod.open === 1);
    await clock.advance(30_000);
    expect(await result()).toMatchObject({ result: "late", tookMs: 30_000 });
  });

  test.each([
    ["nothing", ""],
    ["half a head", "HTTP/1.1 200 OK\r\nContent-Le"],
    ["half a body", 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"step": 1}'],
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"],
    ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n`],
  ])("closes early, after %s: it is asked once more and has failed", async (_, bytes) => {
    let connections = 0;
    const port = await socketThat((socket) => {
      connections++;
      socket.once("data", () => {
        socket.end(bytes);
      });
    });
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(port)), OCCASION, BY);
    // One second until the connection has to be out is over when it is; the other is the pause.
    await eventually(() => connections === 1);
    await eventually(async () => {
      await clock.advance(1_000);
      return connections === 2;
    });
    const { detail, result: what } = await result();
    expect(what).toBe("failed");
    expect(detail).toContain(`no whole answer from 127.0.0.1:${port}`);
    expect(connections).toBe(2);
  });
});

describe("createHooks(): many pods", () => {
  /** Takes what it is asked to, and says when. */
  function held(): { readonly http: HookCaller; readonly began: string[]; sent(): void } {
    const began: string[] = [];
    const sends: (() => void)[] = [];
    return {
      began,
      http: ({ body }, { signal, onSent }) => {
        began.push(checkpointCallSchema.parse(JSON.parse(body ?? "")).pod);
        sends.push(onSent);
        return new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            resolve({ kind: "ended", during: "waiting" });
          });
        });
      },
      sent: () => {
        for (const send of sends.splice(0)) send();
      },
    };
  }

  test("16 connections are made at once, and pods that take their time hold up no other", async () => {
    const { http, began, sent } = held();
    const { hooks } = bench({ http });
    for (let n = 0; n < 40; n++) hooks.call(targetOf(at(1), `p${n}`), OCCASION, BY);
    await settle();
    expect(began).toHaveLength(16);
    sent();
    await settle();
    expect(began).toHaveLength(32);
    sent();
    await settle();
    expect(began).toEqual(Array.from({ length: 40 }, (_, n) => `p${n}`));
  });

  test("connections that nobody takes hold their turn for a second", async () => {
    const { http, began } = held();
    const { hooks, clock } = bench({ http });
    for (let n = 0; n < 20; n++) hooks.call(targetOf(at(1), `p${n}`), OCCASION, BY);
    await clock.advance(999);
    expect(began).toHaveLength(16);
    await clock.advance(1);
    expect(began).toHaveLength(20);
  });

  test("all are given up together, and only those of the occasion", async () => {
    const { http } = held();
    const { hooks, told, clock } = bench({ http });
    hooks.call(targetOf(at(1), "a"), OCCASION, BY);
    hooks.call(targetOf(at(1), "b"), OCCASION, BY);
    hooks.call(targetOf(at(1), "a"), { ...OCCASION, eventId: "other" }, BY);
    await clock.advance(2_000);
    hooks.giveUp(OCCASION.eventId);
    expect(hooks.pending("uid-a", OCCASION.eventId)).toBe(false);
    expect(hooks.pending("uid-a", "other")).toBe(true);
    await settle();
    expect(told.map(({ pod, result, tookMs }) => [pod, result, tookMs])).toEqual([
      ["team-a/a", "late", 2_000],
      ["team-a/b", "late", 2_000],
    ]);
    expect(told[0]?.detail).toContain("nobody waits for it any more");
  });

  test("one that still waits for its turn is not told when it is given up", async () => {
    const { http, began } = held();
    const { hooks, told, clock } = bench({ http, atOnce: 1 });
    hooks.call(targetOf(at(1), "a"), OCCASION, BY);
    hooks.call(targetOf(at(1), "b"), OCCASION, BY);
    await settle();
    hooks.giveUp(OCCASION.eventId);
    await clock.advance(1_000);
    expect(began).toEqual(["a"]);
    expect(told[1]).toMatchObject({ pod: "team-a/b", result: "late", tookMs: 0 });
    expect(clock.sleeping()).toBe(0);
  });

  test("the end comes nearer when the deadline does, and is not put off", async () => {
    const { http } = held();
    const { hooks, told, clock } = bench({ http });
    const target = targetOf(at(1));
    hooks.call(target, OCCASION, BY);
    hooks.call(target, OCCASION, epochMs(BY + 10_000));
    hooks.call(target, OCCASION, epochMs(START + 10_000));
    await clock.advance(9_999);
    expect(told).toEqual([]);
    await clock.advance(1);
    expect(told).toMatchObject([{ result: "late", tookMs: 10_000 }]);
  });

  test("with no time left a pod is still told, and nobody waits for it", async () => {
    const pod = await podThat(() => {});
    const { hooks, clock, result } = bench();
    hooks.call(targetOf(at(pod.port)), OCCASION, epochMs(START - 5_000));
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
    expect((await pod.received("POST /checkpoint")).body).toMatchObject({ remainingSeconds: 0 });
    await clock.advance(1_000);
    expect(await result()).toMatchObject({ result: "late", tookMs: 1_000 });
  });

  test("a wall clock that jumps changes no wait", async () => {
    const { http } = held();
    const { hooks, clock } = bench({ http });
    hooks.call(targetOf(at(1)), OCCASION, BY);
    clock.setWall(START + 3_600_000);
    await clock.advance(29_000);
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(true);
    await clock.advance(1_000);
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
  });

  test("ends with the agent, without results that nobody has", async () => {
    const { http } = held();
    const { hooks, told, stop, clock } = bench({ http });
    hooks.call(targetOf(at(1), "a"), OCCASION, BY);
    stop.abort();
    hooks.call(targetOf(at(1), "b"), OCCASION, BY);
    await settle();
    expect(told).toEqual([]);
    expect(hooks.pending("uid-a", OCCASION.eventId)).toBe(false);
    expect(clock.sleeping()).toBe(0);
  });

  test("occasions are forgotten, the oldest first, and never one that is out", async () => {
    const http: HookCaller = ({ eventId }, { signal }) =>
      eventId === "e0"
        ? new Promise((resolve) => {
            signal.addEventListener("abort", () => {
              resolve({ kind: "ended", during: "waiting" });
            });
          })
        : Promise.resolve({ kind: "answer", status: 200, text: "" });
    const { hooks } = bench({ http });
    for (let n = 0; n < 70; n++) {
      hooks.call(targetOf(at(1)), { ...OCCASION, eventId: `e${n}` }, BY);
      await settle(1);
    }
    expect(hooks.pending("uid-train-0", "e0")).toBe(true);
    expect(hooks.results("e1")).toEqual([]);
    expect(hooks.results("e69")).toHaveLength(1);
  });

  test("a listener that throws holds nothing up", async () => {
    const { hooks, lines } = bench({
      http: () => Promise.reject(new Error("broken promise")),
      onResult: () => {
        throw new Error("no room");
      },
    });
    hooks.call(targetOf(at(1)), OCCASION, BY);
    await eventually(() => lines.some(({ level }) => level === "error"));
    expect(hooks.results(OCCASION.eventId)).toMatchObject([{ result: "failed", detail: "broken promise" }]);
    expect(hooks.pending("uid-train-0", OCCASION.eventId)).toBe(false);
  });
});

describe("createHooks(): by a command", () => {
  const HOOK: CheckpointHook = {
    kind: "exec",
    command: ["python3", "save.py"],
    container: "trainer",
    timeoutMs: millis(60_000),
  };
  const ended = (exitCode: number, stdout = "", stderr = ""): Promise<ExecResult> =>
    Promise.resolve({ exitCode, stdout, stderr });

  test.each([
    ["saved", () => ended(0, 'saving\n{"step": 7, "uri": "/ckpt/7"}\n'), { step: 7, uri: "/ckpt/7" }],
    ["saved", () => ended(0), {}],
    [
      "failed",
      () => ended(3, "", "Traceback:\nOSError: disk full\n"),
      { detail: "the command ended with 3: OSError: disk full" },
    ],
    [
      "failed",
      () => Promise.reject(new AppError("denied", "cannot run: 403")),
      { detail: "cannot run: 403; the agent needs get and create on pods/exec" },
    ],
    [
      "failed",
      () => Promise.reject(new AppError("not-found", "cannot run: 404")),
      { detail: "cannot run: 404" },
    ],
  ] as const)("%s", async (what, exec, more) => {
    const { hooks, result } = bench({ exec });
    hooks.call(targetOf(HOOK), OCCASION, BY);
    expect(await result()).toEqual({ pod: "team-a/train-0", result: what, tookMs: 0, ...more });
  });

  test("is begun again when it was not begun, and not when it may have been", async () => {
    let calls = 0;
    const { hooks, clock, result } = bench({
      exec: (_, { onOpen } = {}) => {
        if (++calls === 2) onOpen?.();
        return Promise.reject(new AppError("unavailable", `cut ${calls}`));
      },
    });
    hooks.call(targetOf(HOOK), OCCASION, BY);
    await clock.advance(10_000);
    expect(await result()).toMatchObject({ result: "failed", detail: "cut 2" });
    expect(calls).toBe(2);
  });

  test("is left when its time is over", async () => {
    const { hooks, clock, result } = bench({
      exec: (_, { signal, onOpen } = {}) => {
        onOpen?.();
        return new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            reject(new Error("aborted"));
          });
        });
      },
    });
    hooks.call(targetOf(HOOK), OCCASION, BY);
    await clock.advance(30_000);
    expect(await result()).toMatchObject({
      result: "late",
      detail: "the command has not ended: its turn to leave had come",
    });
  });

  test("is refused where commands are off", async () => {
    const { hooks, result } = bench();
    hooks.call(targetOf(HOOK), OCCASION, BY);
    expect(await result()).toMatchObject({
      result: "refused",
      detail: "commands inside pods are off for this agent",
    });
  });
});
