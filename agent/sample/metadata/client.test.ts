import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { describe as describeError, kindOf } from "../../../shared/runtime/errors.ts";
import { createAuthority } from "../../../test/build/certificate.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import { baseUrl, createMetadataClient, statusError } from "./client.ts";
import type { MetadataClient } from "./client.ts";

const QUESTION = { path: "/a?b=1", headers: { x: "y" }, withinMs: millis(1_000), what: "ask" } as const;
/** Says the same on each connection as soon as it is opened and heard something, and leaves it open. */
async function startTalker(text: string, at = 0) {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const talker = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      heard.push(bytes.toString());
      socket.write(text);
    });
  });
  await new Promise<void>((resolve) => {
    talker.listen(at, "127.0.0.1", resolve);
  });
  const { port } = talker.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    /** How many questions. */
    heard: () => heard.join("").split("GET ").length - 1,
    port,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => talker.close(resolve));
    },
  };
}

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

  test("asks again where the service closed a kept connection as it took the question, and only there", async () => {
    await client.ask(QUESTION, never);
    let cuts = 1;
    server.answer((_, reply) => {
      if (cuts-- > 0) reply.cut();
      else reply.text(200, "again");
    });
    expect(await client.ask(QUESTION, never)).toMatchObject({ body: "again" });
    expect([server.requests.length, server.connections]).toEqual([3, 2]);
    cuts = 2;
    expect(await failure(client.ask(QUESTION, never))).toContain("unavailable: cannot ask: no connection");
    expect(server.requests).toHaveLength(5);
  });

  test("takes an answer in pieces, and what a service sends unasked ends its connection alone", async () => {
    server.answer((_, reply) => {
      const stream = reply.stream();
      stream.raw("y");
      stream.raw("es");
      stream.end();
    });
    expect(await client.ask(QUESTION, never)).toMatchObject({ body: "yes" });
    expect(await client.ask(QUESTION, never)).toMatchObject({ body: "yes" });
    expect(server.connections).toBe(1);
    const talker = await startTalker("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n");
    const other = createMetadataClient({ bases: [talker.url], clock, maxBytes: 100, maxSockets: 1 });
    expect(await other.ask(QUESTION, never)).toMatchObject({ body: "hi" });
    expect(await other.ask(QUESTION, never)).toMatchObject({ body: "hi" });
    expect(talker.heard()).toBe(2);
    other.close();
    await talker.close();
  });

  test("says that what answers speaks no HTTP, and asks over a new connection the next time", async () => {
    const talker = await startTalker("220 mail ready\r\n");
    const other = createMetadataClient({ bases: [talker.url], clock, maxBytes: 100, maxSockets: 1 });
    for (let n = 0; n < 2; n++)
      expect(await failure(other.ask(QUESTION, never))).toBe("malformed: cannot ask: the answer is no HTTP");
    expect(talker.heard()).toBe(2);
    other.close();
    await talker.close();
  });

  test("asks a service that was away once for each question, and not again what it could not ask", async () => {
    const gone = await startTalker("");
    const other = createMetadataClient({ bases: [gone.url], clock, maxBytes: 100, maxSockets: 1 });
    await gone.close();
    for (let n = 0; n < 12; n++)
      expect(await failure(other.ask(QUESTION, never))).toContain("no connection (ECONNREFUSED)");
    const back = await startTalker(
      "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",
      gone.port,
    );
    for (let n = 1; n <= 3; n++) {
      expect(await other.ask(QUESTION, never)).toMatchObject({ body: "hi" });
      expect(back.heard()).toBe(n);
    }
    other.close();
    await back.close();
  });

  test("puts no more questions at once than it has connections, and counts their time from the start", async () => {
    server.answer(() => {});
    const first = failure(client.ask(QUESTION, never));
    await server.received("GET /a");
    const second = failure(client.ask(QUESTION, never));
    await settle();
    expect(server.requests).toHaveLength(1);
    await clock.advance(1_000);
    expect(await Promise.all([first, second])).toEqual([
      expect.stringContaining("timeout"),
      expect.stringContaining("timeout"),
    ]);
    server.answer((_, reply) => {
      reply.text(200, "yes");
    });
    const all = await Promise.all([1, 2, 3].map(() => client.ask(QUESTION, never)));
    expect(all.map(({ body }) => body)).toEqual(["yes", "yes", "yes"]);
  });

  test("sends a body with its length, and a question without one as such", async () => {
    await client.ask({ ...QUESTION, method: "POST", body: '{"a":"ä"}' }, never);
    await client.ask({ ...QUESTION, method: "PUT" }, never);
    expect(server.requests.map(({ body, headers }) => [body, headers["content-length"]])).toEqual([
      [{ a: "ä" }, "10"],
      [null, "0"],
    ]);
  });

  test("asks over TLS as well, and not of one whose certificate nobody vouches for", async () => {
    const { key, cert } = createAuthority("nobody's", Date.now());
    await using secure = await startScriptedServer(() => {}, { key, cert });
    const other = createMetadataClient({ bases: [secure.url], clock, maxBytes: 100, maxSockets: 1 });
    expect(await failure(other.ask(QUESTION, never))).toContain("denied: cannot ask: the TLS certificates");
    expect(secure.requests).toEqual([]);
    other.close();
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
