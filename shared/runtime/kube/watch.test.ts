import { afterEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type {
  ScriptedReply,
  ScriptedRequest,
  ScriptedServer,
  ScriptedStream,
} from "../../../test/build/scripted-server.ts";
import type { Pod } from "../../model/kube.ts";
import type { ErrorKind } from "../errors.ts";
import type { KubeConfig } from "./config.ts";
import { RESOURCE } from "./resources.ts";
import { watch } from "./watch.ts";
import type { WatchEvent } from "./watch.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const pod = (name: string, resourceVersion: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "ns", resourceVersion },
  spec: { containers: [] },
});
const put = (object: Pod): object => ({ type: "MODIFIED", object });
const bookmark = (resourceVersion: string): object => ({
  type: "BOOKMARK",
  object: { kind: "Pod", apiVersion: "v1", metadata: { resourceVersion } },
});
const refusal = (code: number, reason: string): object => ({ kind: "Status", code, reason, message: reason });

interface Harness {
  readonly server: ScriptedServer;
  readonly clock: FakeClock;
  readonly trouble: ErrorKind[];
  /** The next event, in one word or with its objects and versions. */
  next(): Promise<string>;
  /** The next event, which comes only after a pause of so long. */
  nextAfterPause(ms: number): Promise<string>;
  /** The n-th stream that the server opened (from 1). */
  opened(n: number): Promise<ScriptedStream>;
  watchQuery(n: number): Promise<Record<string, string>>;
  stop(): void;
}

type Answer = (request: ScriptedRequest, reply: ScriptedReply) => boolean;

/** A server that lists pod a at version 10, and streams; `special` answers first if it returns true. */
async function startWatch(
  special: Answer = () => false,
  options: { readonly token?: KubeConfig["token"]; readonly random?: () => number } = {},
): Promise<Harness> {
  const streams: ScriptedStream[] = [];
  const streamWaiters = new Set<() => void>();
  const server = await startScriptedServer((request, reply) => {
    if (special(request, reply)) return;
    if (request.query.get("watch") === "true") {
      streams.push(reply.stream());
      for (const wake of streamWaiters) wake();
    } else reply.json(200, { metadata: { resourceVersion: "10" }, items: [pod("a", "5")] });
  });
  const clock = createFakeClock(0);
  const client = clientFor(server.url, clock, options.token === undefined ? {} : { token: options.token });
  const controller = new AbortController();
  const trouble: ErrorKind[] = [];
  const events = watch(
    client,
    RESOURCE.pods,
    { namespace: "ns", fieldSelector: "spec.nodeName=n1" },
    {
      clock,
      random: options.random ?? (() => 0.5),
      signal: controller.signal,
      onTrouble: (kind) => trouble.push(kind),
    },
  );
  cleanups.push(
    async () => await server[Symbol.asyncDispose](),
    async () => {
      controller.abort();
      await events.return(undefined);
      client.close();
    },
  );
  const next = async (): Promise<string> => {
    const step = await events.next();
    return step.done === true ? "end" : words(step.value);
  };
  return {
    server,
    clock,
    trouble,
    next,
    nextAfterPause: async (ms) => {
      const event = next();
      await clock.untilSleeping(ms);
      await clock.advance(ms);
      return await event;
    },
    opened: async (n) => {
      for (let stream = streams[n - 1]; ; stream = streams[n - 1]) {
        if (stream !== undefined) return stream;
        await new Promise<void>((resolve) => {
          streamWaiters.add(resolve);
        });
      }
    },
    watchQuery: async (n) => {
      for (let request = 1, seen = 0; ; request++) {
        const got = await server.received("GET /api/v1/namespaces/ns/pods", request);
        if (got.query.get("watch") === "true" && ++seen === n) return Object.fromEntries(got.query);
      }
    },
    stop: () => {
      controller.abort(new Error("stopping"));
    },
  };
}

function words(event: WatchEvent<Pod>): string {
  const name = (object: Pod): string => `${object.metadata.name}@${object.metadata.resourceVersion}`;
  switch (event.kind) {
    case "synced":
      return `synced ${event.items.map(name).join(" ")}`;
    case "put":
    case "gone":
      return `${event.kind} ${name(event.object)}`;
    case "stale":
      return `stale since ${event.since}: ${event.why}`;
    case "live":
      return "live";
  }
}

/** Gets through list and opening, which every test begins with. */
async function untilLive(harness: Harness): Promise<ScriptedStream> {
  expect(await harness.next()).toBe("synced a@5");
  expect(await harness.next()).toBe("live");
  return await harness.opened(1);
}

describe("watch()", () => {
  test("lists, then follows changes from the version of the list", async () => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    expect(await harness.watchQuery(1)).toEqual({
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: "10",
      timeoutSeconds: "300",
      fieldSelector: "spec.nodeName=n1",
    });
    stream.send({ type: "ADDED", object: pod("b", "11") });
    stream.send(put(pod("b", "12")));
    stream.send({ type: "DELETED", object: pod("b", "13") });
    expect([await harness.next(), await harness.next(), await harness.next()]).toEqual([
      "put b@11",
      "put b@12",
      "gone b@13",
    ]);
    expect(harness.trouble).toEqual([]);
  });

  test("puts lines together that arrive in pieces, in the middle of a character too", async () => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    const line = Buffer.from(`${JSON.stringify(put(pod("größe", "11")))}\n`);
    const cutAt = line.indexOf("ö") + 1;
    const next = harness.next();
    stream.raw(line.subarray(0, cutAt));
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    stream.raw(line.subarray(cutAt));
    expect(await next).toBe("put größe@11");
  });

  test("goes on from the last version when the server ends the watch in order, without a word", async () => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    stream.send(put(pod("a", "11")));
    stream.send(bookmark("25"));
    expect(await harness.next()).toBe("put a@11");
    stream.end();
    const next = harness.next();
    const second = await harness.opened(2);
    expect(await harness.watchQuery(2)).toMatchObject({ resourceVersion: "25" });
    second.send(put(pod("a", "26")));
    expect(await next).toBe("put a@26");
    expect(harness.trouble).toEqual([]);
  });

  test("says stale when the connection is cut, and comes back from the last version after a pause", async () => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    await harness.clock.advance(2000);
    stream.send(put(pod("a", "11")));
    expect(await harness.next()).toBe("put a@11");
    await harness.clock.advance(3000);
    const stale = harness.next();
    stream.cut();
    expect(await stale).toMatch(/^stale since 2000: cannot watch pods: no connection/);
    expect(await harness.nextAfterPause(250)).toBe("live");
    expect(await harness.watchQuery(2)).toMatchObject({ resourceVersion: "11" });
    expect(harness.trouble).toEqual(["unavailable"]);
  });

  test("lists again when its version is too old, whether the answer or a line says so", async () => {
    let refused = 0;
    const harness = await startWatch((request, reply) => {
      if (request.query.get("watch") !== "true" || request.query.get("resourceVersion") !== "11")
        return false;
      refused++;
      reply.json(410, refusal(410, "Expired"));
      return true;
    });
    const stream = await untilLive(harness);
    stream.send(put(pod("a", "11")));
    expect(await harness.next()).toBe("put a@11");
    stream.end();
    expect(await harness.next()).toMatch(/^stale since 0: cannot watch pods: 410 Expired/);
    expect(await harness.nextAfterPause(250)).toBe("synced a@5");
    expect(await harness.next()).toBe("live");
    const second = await harness.opened(2);
    second.send({ type: "ERROR", object: refusal(410, "Expired") });
    expect(await harness.next()).toMatch(/^stale/);
    expect(await harness.nextAfterPause(500)).toBe("synced a@5");
    expect(harness.trouble).toEqual(["expired", "expired"]);
    expect(refused).toBe(1);
  });

  test("counts its age from before the outage when a restarted server does not know its version any more", async () => {
    let down = false;
    const harness = await startWatch((_, reply) => {
      if (down) reply.cut();
      return down;
    });
    const stream = await untilLive(harness);
    down = true;
    stream.cut();
    expect(await harness.next()).toMatch(/^stale since 0: cannot watch pods: no connection/);
    expect(await harness.nextAfterPause(250)).toMatch(/^stale since 0/);
    expect(await harness.nextAfterPause(500)).toMatch(/^stale since 0/);
    down = false;
    expect(await harness.nextAfterPause(1000)).toBe("live");
    (await harness.opened(2)).send({ type: "ERROR", object: refusal(410, "Expired") });
    expect(await harness.next()).toMatch(/^stale since 0: cannot go on watching pods: 410 Expired/);
    // The server is back: what it says is no reason to wait as long as for one that is away.
    expect(await harness.nextAfterPause(250)).toBe("synced a@5");
  });

  test("waits no longer than asked for a server that is back and still starting", async () => {
    let answer: "cut" | "busy" | "ready" = "ready";
    const harness = await startWatch((_, reply) => {
      if (answer === "cut") reply.cut();
      if (answer === "busy") {
        reply.json(429, { ...refusal(429, "TooManyRequests"), details: { retryAfterSeconds: 1 } });
      }
      return answer !== "ready";
    });
    const stream = await untilLive(harness);
    answer = "cut";
    stream.cut();
    expect(await harness.next()).toMatch(/^stale/);
    for (const pauseMs of [250, 500, 1000]) {
      expect(await harness.nextAfterPause(pauseMs)).toMatch(/no connection/);
    }
    answer = "busy";
    expect(await harness.nextAfterPause(2000)).toMatch(/429/);
    answer = "ready";
    expect(await harness.nextAfterPause(1000)).toBe("live");
  });

  test("lists again when a whole watch has passed without the bookmarks that it asked for", async () => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    await harness.clock.advance(300_000);
    stream.end();
    expect(await harness.next()).toBe("synced a@5");
    expect(harness.trouble).toEqual([]);
  });

  test.each([
    ["no JSON", '{"type":"ADDED","obj'],
    ["no object", '{"type":"ADDED"}'],
    ["an unknown type", JSON.stringify({ type: "RENAMED", object: pod("b", "11") })],
    ["an object without a version", '{"type":"ADDED","object":{"metadata":{"name":"b"}}}'],
    ["an object without a name", '{"type":"ADDED","object":{"metadata":{"resourceVersion":"3"}}}'],
  ])("counts a line that is %s and lists again, for a change may be lost", async (_, line) => {
    const harness = await startWatch();
    const stream = await untilLive(harness);
    stream.raw(`${line}\n`);
    stream.send(put(pod("b", "12")));
    expect(await harness.next()).toMatch(/^stale since 0: cannot read a line of the watch on pods/);
    expect(await harness.nextAfterPause(250)).toBe("synced a@5");
    expect(harness.trouble).toEqual(["malformed"]);
  });

  test("takes a watch that is silent past its end for dead", async () => {
    const harness = await startWatch();
    await untilLive(harness);
    const next = harness.next();
    await harness.clock.untilSleeping(330_000);
    await harness.clock.advance(330_000);
    expect(await next).toMatch(/^stale since 0: cannot watch pods: no answer from .* within 330000 ms/);
    expect(harness.trouble).toEqual(["timeout"]);
    expect(await harness.nextAfterPause(250)).toBe("live");
    expect(await harness.watchQuery(2)).toMatchObject({ resourceVersion: "10" });
  });

  test("pauses longer with each failure and says so each time", async () => {
    let down = true;
    const harness = await startWatch((request, reply) => {
      if (!down || request.query.get("watch") === "true") return false;
      reply.json(503, refusal(503, "ServiceUnavailable"));
      return true;
    });
    expect(await harness.next()).toMatch(/^stale since 0: cannot list pods: 503/);
    expect(await harness.nextAfterPause(250)).toMatch(/^stale/);
    expect(await harness.nextAfterPause(500)).toMatch(/^stale/);
    expect(await harness.nextAfterPause(1000)).toMatch(/^stale/);
    down = false;
    expect(await harness.nextAfterPause(2000)).toBe("synced a@5");
    expect(await harness.next()).toBe("live");
    expect(harness.trouble).toEqual(Array.from({ length: 4 }, () => "unavailable"));
  });

  test("does not reopen in a busy loop when the server ends each watch at once", async () => {
    const harness = await startWatch((request, reply) => {
      if (request.query.get("watch") === "true") reply.stream().end();
      return request.query.get("watch") === "true";
    });
    expect(await harness.next()).toBe("synced a@5");
    expect(await harness.next()).toBe("live");
    expect(await harness.next()).toMatch(/the server ends each watch at once/);
  });

  test("uses the new token after a 401 and stays live", async () => {
    let issued = "t1";
    let valid = "t1";
    const harness = await startWatch(
      (request, reply) => {
        if (request.headers.authorization === `Bearer ${valid}`) return false;
        reply.json(401, refusal(401, "Unauthorized"));
        return true;
      },
      { token: rereadOnRequest(() => issued) },
    );
    const stream = await untilLive(harness);
    stream.send(put(pod("a", "11")));
    expect(await harness.next()).toBe("put a@11");
    issued = "t2";
    valid = "t2";
    stream.end();
    const next = harness.next();
    (await harness.opened(2)).send(put(pod("a", "12")));
    expect(await next).toBe("put a@12");
    expect(harness.trouble).toEqual([]);
    expect(harness.server.requests.map((request) => request.headers.authorization)).toEqual(
      ["t1", "t1", "t1", "t2"].map((token) => `Bearer ${token}`),
    );
  });

  test("is stale and keeps trying while it has no rights", async () => {
    let allowed = false;
    const harness = await startWatch((request, reply) => {
      if (allowed || request.query.get("watch") !== "true") return false;
      reply.json(403, refusal(403, "Forbidden"));
      return true;
    });
    expect(await harness.next()).toBe("synced a@5");
    expect(await harness.next()).toMatch(/^stale since 0: cannot watch pods: 403 Forbidden/);
    allowed = true;
    expect(await harness.nextAfterPause(250)).toBe("live");
  });

  test("ends with its signal, while it waits for a line and while it pauses", async () => {
    const waiting = await startWatch();
    const stream = await untilLive(waiting);
    const next = waiting.next();
    waiting.stop();
    expect(await next).toBe("end");
    stream.end();

    const pausing = await startWatch((_, reply) => {
      reply.cut();
      return true;
    });
    expect(await pausing.next()).toMatch(/^stale/);
    const after = pausing.next();
    await pausing.clock.untilSleeping(250);
    pausing.stop();
    expect(await after).toBe("end");
    expect(pausing.clock.sleeping()).toBe(0);
  });
});

/** A token that only changes for its reader when it is asked for afresh. */
function rereadOnRequest(issued: () => string): KubeConfig["token"] {
  let known = issued();
  return async (options) => {
    if (options?.fresh === true) known = issued();
    return await Promise.resolve(known);
  };
}
