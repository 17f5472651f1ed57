import { once } from "node:events";
import type { ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createAuthority } from "../build/certificate.ts";
import { clientFor } from "../build/kube-client.ts";
import { startBetween } from "./between.ts";
import type { Between } from "./between.ts";

const POLICY = { group: "x.example", version: "v1", plural: "things", kind: "Thing", namespaced: false };
const THING = { name: "one" };
const SOON = { deadlineMs: millis(300) };

/** A server behind TLS that answers every request with an object, and notes it. */
let server: https.Server;
let between: Between;
let got: string[];
beforeEach(async () => {
  const authority = createAuthority("between", systemClock.now());
  const { cert, key } = authority.issue("server");
  got = [];
  server = https.createServer({ cert, key }, (request, response) => {
    got.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    request
      .resume()
      .once("end", () => response.end(JSON.stringify({ metadata: { name: "one", n: got.length } })));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  between = await startBetween({ url: new URL(`https://127.0.0.1:${port}`), ca: authority.cert });
});
afterEach(async () => {
  await between[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
});

function client() {
  return clientFor(between.url, systemClock, { token: async () => await Promise.resolve("secret") });
}

const patch = async (limits = {}) => await client().mergePatch(POLICY, THING, { spec: {} }, limits);

test("hands requests and answers on, and counts them", async () => {
  expect(await client().get(POLICY, THING)).toMatchObject({ metadata: { n: 1 } });
  expect(await patch()).toMatchObject({ metadata: { n: 2 } });
  expect(got).toEqual([
    "GET /apis/x.example/v1/things/one Bearer secret",
    "PATCH /apis/x.example/v1/things/one Bearer secret",
  ]);
  expect([between.count("read"), between.count("write")]).toEqual([1, 1]);
});

test("loses a request before it arrives, or only its answer", async () => {
  between.onRequest(() => ({ kind: "lose-request" }));
  await expect(patch(SOON)).rejects.toMatchObject({ kind: "timeout" });
  expect(got).toEqual([]);
  between.onRequest(() => ({ kind: "lose-answer" }));
  await expect(patch(SOON)).rejects.toMatchObject({ kind: "timeout" });
  expect(got).toHaveLength(1);
  expect(between.count("write")).toBe(2);
});

test("answers in the server's place, to the requests that are meant", async () => {
  const body = JSON.stringify({ kind: "Status", message: "enough", code: 429 });
  between.onRequest(({ isWrite }) =>
    isWrite ? { kind: "answer", status: 429, headers: { "retry-after": "3" }, body } : null,
  );
  await expect(patch()).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 3_000 });
  expect(got).toEqual([]);
  expect(await client().get(POLICY, THING)).toMatchObject({ metadata: { n: 1 } });
});

test("lets others act after a write is done and before its answer is out", async () => {
  const order: string[] = [];
  between.afterWrite(async () => {
    order.push(`acted after ${got.length}`);
    await Promise.resolve();
  });
  await client().get(POLICY, THING);
  await patch().then(() => order.push("answered"));
  expect(order).toEqual(["acted after 2", "answered"]);
});

test("hands on that an answer has begun, before anything of it is there", async () => {
  const waiting: ServerResponse[] = [];
  server.removeAllListeners("request").on("request", (_request, response: ServerResponse) => {
    response.flushHeaders();
    waiting.push(response);
  });
  const answer = await fetch(new URL("/apis/x.example/v1/things?watch=true", between.url));
  expect(answer.status).toBe(200);
  expect(between.cut()).toBe(1);
  await expect(answer.text()).rejects.toThrow("terminated");
  for (const response of waiting) response.destroy();
});

test("hands on that the server is gone", async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  await expect(patch()).rejects.toMatchObject({ kind: "unavailable" });
});
