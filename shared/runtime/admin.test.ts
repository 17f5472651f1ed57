import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";

import { afterEach, describe, expect, test } from "vitest";

import { eventually } from "../../test/build/eventually.ts";
import { millis } from "../model/units.ts";
import { startAdmin } from "./admin.ts";
import type { Admin, AdminOptions } from "./admin.ts";
import { createLogSink } from "./log.ts";

const open: Admin[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((admin) => admin.close()));
});

async function start(options: Partial<AdminOptions> = {}): Promise<Admin> {
  const admin = await startAdmin({
    host: "127.0.0.1",
    port: 0,
    metrics: () => Promise.resolve("a 1\n"),
    live: {},
    ready: {},
    log: createLogSink().log,
    ...options,
  });
  open.push(admin);
  return admin;
}

async function connected({ port }: Admin): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  return socket;
}

async function answerTo(admin: Admin, request: string): Promise<string> {
  const socket = await connected(admin);
  socket.end(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("startAdmin()", () => {
  test("serves the metrics page in the text format", async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get("content-type")).toContain("text/plain; version=0.0.4");
    expect(await response.text()).toBe("a 1\n");
  });

  test("serves OpenMetrics to those who ask for it, packed where it is worth it, with its length for HEAD", async () => {
    const page = "a 1\n".repeat(1000);
    const parts = [Buffer.from(page), Buffer.from("# EOF\n")];
    const { url } = await start({ openMetrics: () => Promise.resolve(parts) });
    // fetch() asks for gzip and unpacks it.
    const accept = { accept: "application/openmetrics-text" };
    const response = await fetch(`${url}/metrics`, { headers: accept });
    expect(response.headers.get("content-type")).toContain("application/openmetrics-text; version=1.0.0");
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect(await response.text()).toBe(`${page}# EOF\n`);
    const plain = { headers: { ...accept, "accept-encoding": "identity" } };
    expect(await (await fetch(`${url}/metrics`, plain)).text()).toBe(`${page}# EOF\n`);
    const head = await fetch(`${url}/metrics`, { ...plain, method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(page.length + 6));
    expect(await head.text()).toBe("");
    expect(await (await fetch(`${url}/metrics`)).text()).toBe("a 1\n");
  });

  test("is ready when every required check holds, and names each", async () => {
    let connected = false;
    const { url } = await start({
      ready: {
        nats: () => ({ ok: connected, detail: connected ? "connected" : "away for 3 s" }),
        xid: () => ({ ok: false, detail: "no kernel log", required: false }),
      },
    });
    const away = await fetch(`${url}/readyz`);
    expect(away.status).toBe(503);
    expect(await away.json()).toEqual({
      ok: false,
      checks: [
        { name: "nats", required: true, ok: false, detail: "away for 3 s" },
        { name: "xid", required: false, ok: false, detail: "no kernel log" },
      ],
    });
    connected = true;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  test("keeps liveness apart from readiness", async () => {
    const { url } = await start({ ready: { nats: () => ({ ok: false, detail: "away" }) } });
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
  });

  test("serves the pages of its program with their query", async () => {
    const { url } = await start({
      routes: { "/last": (at) => ({ contentType: "text/plain", body: at.searchParams.get("pool") ?? "" }) },
    });
    expect(await (await fetch(`${url}/last?pool=spot`)).text()).toBe("spot");
  });

  test("serves all that lies below a folder, the nearest folder first, an exact path before both", async () => {
    const named = (body: string) => () => ({ contentType: "text/plain", body });
    const { url } = await start({
      routes: { "/a/*": named("a"), "/a/b/*": named("b"), "/a/b/c": named("c") },
    });
    const at = async (path: string) => await (await fetch(`${url}${path}`)).text();
    expect([await at("/a/x"), await at("/a/x/y"), await at("/a/b/x"), await at("/a/b/c")]).toEqual([
      "a",
      "a",
      "b",
      "c",
    ]);
    expect((await fetch(`${url}/a`)).status).toBe(404);
  });

  test("sends a page in pieces, and a piece that fails cuts it off rather than ending it", async () => {
    const { log, lines } = createLogSink();
    function* broken(): Generator<string> {
      yield "[1,";
      throw new Error("no room");
    }
    const { url } = await start({
      log,
      routes: {
        "/whole": () => ({ contentType: "application/json", body: ["[1,", "2]"] }),
        "/broken": () => ({ contentType: "application/json", body: broken() }),
      },
    });
    expect(await (await fetch(`${url}/whole`)).json()).toEqual([1, 2]);
    await expect(fetch(`${url}/broken`).then((response) => response.text())).rejects.toThrow("terminated");
    expect(lines).toMatchObject([{ level: "error", path: "/broken", error: { message: "no room" } }]);
  });

  test("answers 404 with the pages there are, 405 to writes, and HEAD without a body", async () => {
    const { url } = await start();
    const missing = await fetch(`${url}/toString`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain("/healthz, /metrics, /readyz");
    expect((await fetch(`${url}/metrics`, { method: "POST" })).status).toBe(405);
    const head = await fetch(`${url}/metrics`, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("4");
    expect(await head.text()).toBe("");
  });

  test("answers 500 and logs when a page throws, and serves the next request", async () => {
    const { log, lines } = createLogSink();
    const { url } = await start({ log, metrics: () => Promise.reject(new Error("no room")) });
    expect((await fetch(`${url}/metrics`)).status).toBe(500);
    expect(lines).toMatchObject([{ level: "error", path: "/metrics", error: { message: "no room" } }]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("says which address it could not have", async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining(`127.0.0.1:${port}`) as unknown,
    });
  });

  test("closes although a client keeps its connection", async () => {
    const admin = await start();
    await (await fetch(`${admin.url}/healthz`)).text();
    await admin.close();
    await expect(fetch(`${admin.url}/healthz`)).rejects.toThrow("fetch failed");
  });

  test("answers a client of HTTP/1.0, and one that wants a part, with the whole page and its length", async () => {
    const admin = await start();
    const old = await answerTo(admin, "GET /metrics HTTP/1.0\r\n\r\n");
    expect(old).toMatch(/^HTTP\/1\.1 200 /);
    expect(old).toMatch(/content-length: 4\r\n/i);
    expect(old.endsWith("\r\n\r\na 1\n")).toBe(true);
    const part = await fetch(`${admin.url}/metrics`, { headers: { range: "bytes=0-1" } });
    expect([part.status, await part.text()]).toEqual([200, "a 1\n"]);
    expect(await answerTo(admin, `GET /metrics HTTP/1.1\r\nx: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  test("a client that does not take its page is cut off, and one that takes it in pieces is not", async () => {
    const { log, lines } = createLogSink();
    const piece = "x".repeat(64 * 1024);
    const page = piece.repeat(256);
    const admin = await start({
      log,
      answerWithinMs: millis(100),
      metrics: () => Promise.resolve(page),
      routes: {
        "/pieces": () => ({ contentType: "text/plain", body: Array.from({ length: 256 }, () => piece) }),
      },
    });
    const slow = await connected(admin);
    slow.on("error", () => {});
    slow.pause();
    slow.write("GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n");
    await eventually(() => lines.some(({ path }) => path === "/metrics"));
    let taken = 0;
    slow.on("data", ({ length }: Buffer) => (taken += length));
    slow.resume();
    await once(slow, "close");
    expect(taken).toBeLessThan(page.length);
    expect((await (await fetch(`${admin.url}/pieces`)).text()).length).toBe(page.length);
    expect(lines.map(({ path }) => path)).toEqual(["/metrics"]);
  });

  test("connections that ask for nothing do not keep a probe out for long", async () => {
    const admin = await start();
    const idle = await Promise.all(Array.from({ length: 256 }, () => connected(admin)));
    for (const socket of idle) socket.on("error", () => {});
    const probe = async (): Promise<number> =>
      await fetch(`${admin.url}/healthz`).then(
        ({ status }) => status,
        () => 0,
      );
    expect(await probe()).toBe(0);
    // Long before they are closed for being idle.
    await eventually(async () => (await probe()) === 200, { withinMs: 2_000 });
    for (const socket of idle) socket.destroy();
  });
});
