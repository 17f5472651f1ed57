import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { describe as describeError, kindOf } from "../../../shared/runtime/errors.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import { baseUrl, createMetadataClient, statusError } from "./client.ts";
import type { MetadataClient } from "./client.ts";

const QUESTION = { path: "/a?b=1", headers: { x: "y" }, withinMs: millis(1_000), what: "ask" } as const;
const never = new AbortController().signal;

let server: ScriptedServer;
let clock: FakeClock;
let client: MetadataClient;
beforeEach(async () => {
  server = await startScriptedServer((_, reply) => {
    reply.text(200, "yes", { date: "Mon, 21 Jan 2019 09:00:43 GMT" });
  });
  clock = createFakeClock();
  client = createMetadataClient({ bases: [server.url], clock, maxBytes: 100, maxSockets: 1 });
});
afterEach(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

async function failure(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    return `${kindOf(error)}: ${describeError(error)}`;
  }
}

describe("the way to a metadata service", () => {
  test("gives the whole answer with the service's own time, over one kept connection", async () => {
    for (let n = 0; n < 3; n++) {
      expect(await client.ask(QUESTION, never)).toMatchObject({
        status: 200,
        body: "yes",
        serverNow: Date.UTC(2019, 0, 21, 9, 0, 43),
      });
    }
    expect(server.connections).toBe(1);
    expect(server.requests[0]?.headers).toMatchObject({ x: "y" });
    expect(server.requests[0]?.headers).not.toHaveProperty("x-forwarded-for");
    expect(clock.sleeping()).toBe(0);
  });

  test("goes on with a service that closed the connection while nothing was asked", async () => {
    server.answer((_, reply) => {
      reply.text(200, "yes", { connection: "close" });
    });
    await client.ask(QUESTION, never);
    await client.ask(QUESTION, never);
    expect(server.connections).toBe(2);
  });

  test("asks the next address when there is no way to the first", async () => {
    // A network that only examples have, and a server that a machine without that network cannot reach.
    const bases = [new URL("http://255.255.255.255"), server.url] as const;
    const two = createMetadataClient({ bases, clock, maxBytes: 100, maxSockets: 1 });
    expect(await failure(two.ask(QUESTION, never))).toContain("unavailable: cannot ask: no connection");
    expect(await failure(two.ask(QUESTION, never))).toBe("none");
    two.close();
  });

  test("ends with the signal's reason, and leaves nothing waiting", async () => {
    server.answer(() => {});
    const stop = new AbortController();
    const call = failure(client.ask(QUESTION, stop.signal));
    await server.received("GET /a");
    stop.abort(new Error("stopping"));
    expect(await call).toBe("bug: stopping");
    expect(clock.sleeping()).toBe(0);
    await expect(client.ask(QUESTION, stop.signal)).rejects.toThrow("stopping");
  });

  test("gives an answer a time limit as a whole, and frees the connection for the next", async () => {
    server.answer((_, reply) => {
      reply.stream().raw("half");
    });
    const call = failure(client.ask(QUESTION, never));
    await server.received("GET /a");
    await clock.advance(1_000);
    expect(await call).toContain("timeout: cannot ask: no answer from 127.0.0.1");
    server.answer((_, reply) => {
      reply.text(200, "yes");
    });
    expect(await client.ask(QUESTION, never)).toMatchObject({ body: "yes" });
  });

  test("takes an answer of its size, and none above it", async () => {
    server.answer((request, reply) => {
      reply.text(200, "9".repeat(Number(request.query.get("b"))));
    });
    expect((await client.ask({ ...QUESTION, path: "/a?b=100" }, never)).body).toHaveLength(100);
    expect(await failure(client.ask({ ...QUESTION, path: "/a?b=5000000" }, never))).toBe(
      "malformed: cannot ask: the answer is larger than 100 bytes",
    );
    expect(await failure(client.ask(QUESTION, never))).toBe("none");
  });

  test("says when an answer is cut off, and when there is none", async () => {
    server.answer((_, reply) => {
      const stream = reply.stream();
      stream.raw("half");
      stream.cut();
    });
    expect(await failure(client.ask(QUESTION, never))).toContain("unavailable: cannot ask: no connection");
    server.answer((_, reply) => {
      reply.cut();
    });
    expect(await failure(client.ask(QUESTION, never))).toContain("unavailable: cannot ask: no connection");
    expect(clock.sleeping()).toBe(0);
  });

  test("follows no redirect", async () => {
    server.answer((_, reply) => {
      reply.text(302, "", { location: "/elsewhere" });
    });
    const answer = await client.ask(QUESTION, never);
    expect(describeError(statusError("ask", answer))).toBe(
      "cannot ask: the service answers with a redirect, which is not followed",
    );
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    [401, "denied"],
    [403, "denied"],
    [404, "not-found"],
    [410, "refused"],
    [429, "throttled"],
    [503, "unavailable"],
    [504, "timeout"],
  ])("calls %i %s", (status, kind) => {
    expect(statusError("ask", { status, headers: { "retry-after": "2" } })).toMatchObject({
      kind,
      retryAfterMs: 2_000,
    });
  });

  test("refuses an address that is none, by the name of its setting", () => {
    expect(baseUrl("GPUAS_METADATA_URL", "http://[fd00:ec2::254]").host).toBe("[fd00:ec2::254]");
    expect(() => baseUrl("GPUAS_METADATA_URL", "169.254.169.254")).toThrow(
      'GPUAS_METADATA_URL must be an http address such as http://169.254.169.254, got "169.254.169.254"',
    );
  });
});
