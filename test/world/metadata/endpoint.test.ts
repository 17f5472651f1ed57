import { afterEach, describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../build/clock.ts";
import type { FakeClock } from "../../build/clock.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint, Service } from "./endpoint.ts";

const started: Endpoint[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.close();
});

const TEXT = "all is well";
const fine: Service = () => ({ status: 200, headers: { "content-type": "text/plain" }, body: TEXT });

async function start(serve: Service = fine, clock: FakeClock = createFakeClock()): Promise<Endpoint> {
  const endpoint = await startEndpoint({ clock, serve, headers: { server: "fake" } });
  started.push(endpoint);
  return endpoint;
}

async function get(url: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const answer = await fetch(url, { redirect: "manual", ...init });
  return { status: answer.status, text: await answer.text() };
}

describe("startEndpoint()", () => {
  test("records each request with its time, headers, body and status", async () => {
    const clock = createFakeClock(5_000);
    const endpoint = await start(fine, clock);
    await clock.advance(250);
    await get(`${endpoint.url}/a?b=c`, { method: "POST", body: "text", headers: { "x-test": "1" } });
    expect(endpoint.requests).toMatchObject([
      {
        at: 5_250,
        method: "POST",
        path: "/a",
        query: "?b=c",
        body: "text",
        status: 200,
        breach: null,
        headers: { "x-test": "1" },
      },
    ]);
    expect(endpoint.connections()).toBe(1);
    endpoint.forget();
    expect(endpoint.requests).toEqual([]);
  });

  test("tells the time by its clock", async () => {
    const endpoint = await start(fine, createFakeClock(Date.UTC(2031, 4, 6, 7, 8, 9)));
    const answer = await fetch(endpoint.url);
    expect(answer.headers.get("date")).toBe("Tue, 06 May 2031 07:08:09 GMT");
    expect(answer.headers.get("server")).toBe("fake");
  });

  test("keeps what a real service would have refused", async () => {
    const endpoint = await start(({ path }) => ({
      status: path === "/bad" ? 400 : 200,
      headers: {},
      body: "",
      ...(path === "/bad" ? { breach: "it is bad" } : {}),
    }));
    await get(`${endpoint.url}/good`);
    await get(`${endpoint.url}/bad?x=1`);
    expect(endpoint.breaches).toEqual(["GET /bad?x=1: it is bad"]);
    expect(endpoint.requests.map(({ breach }) => breach)).toEqual([null, "it is bad"]);
  });

  test("goes down and comes back on the same port", async () => {
    const endpoint = await start();
    await get(endpoint.url);
    await endpoint.down();
    await expect(get(endpoint.url)).rejects.toThrow("fetch failed");
    await endpoint.up();
    expect(await get(endpoint.url)).toEqual({ status: 200, text: TEXT });
  });

  test("cuts who waits for an answer when it goes down, and leaves that unanswered", async () => {
    const endpoint = await start(
      ({ gone }) =>
        new Promise((resolve) => {
          gone.addEventListener("abort", () => {
            resolve({ status: 200, headers: {}, body: "" });
          });
        }),
    );
    const failure = get(endpoint.url).catch(String);
    await endpoint.received("/");
    await endpoint.down();
    expect(await failure).toContain("fetch failed");
    expect(endpoint.requests[0]?.status).toBeNull();
  });
});

describe("fail()", () => {
  test("answers with another status, and the service is not asked", async () => {
    const asked: string[] = [];
    const endpoint = await start((incoming) => {
      asked.push(incoming.path);
      return { status: 200, headers: {}, body: "" };
    });
    endpoint.fail({ kind: "status", status: 503, headers: { "retry-after": "7" } });
    const answer = await fetch(endpoint.url);
    expect([answer.status, answer.headers.get("retry-after"), asked]).toEqual([503, "7", []]);
  });

  test("redirects", async () => {
    const endpoint = await start();
    endpoint.fail({ kind: "redirect", to: "http://127.0.0.1:1/elsewhere" });
    const answer = await fetch(endpoint.url, { redirect: "manual" });
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "http://127.0.0.1:1/elsewhere"]);
  });

  test("cuts the connection", async () => {
    const endpoint = await start();
    endpoint.fail({ kind: "cut" });
    await expect(get(endpoint.url)).rejects.toThrow("fetch failed");
    expect(endpoint.requests[0]?.status).toBeNull();
  });

  test("lets a client wait until it gives up", async () => {
    const endpoint = await start();
    endpoint.fail({ kind: "hang" });
    const patience = new AbortController();
    const failure = get(endpoint.url, { signal: patience.signal }).catch(String);
    await endpoint.received("/");
    patience.abort();
    expect(await failure).toContain("aborted");
  });

  test("answers late", async () => {
    const clock = createFakeClock();
    const endpoint = await start(fine, clock);
    endpoint.fail({ kind: "slow", ms: millis(700) });
    const answer = get(endpoint.url);
    await clock.untilSleeping(700);
    expect(endpoint.requests[0]?.status).toBeNull();
    await clock.advance(700);
    expect(await answer).toEqual({ status: 200, text: TEXT });
  });

  test("sends the body byte by byte", async () => {
    const clock = createFakeClock();
    const endpoint = await start(fine, clock);
    endpoint.fail({ kind: "drip", ms: millis(100) });
    const answer = await fetch(endpoint.url);
    const text = answer.text();
    for (let i = 0; i < TEXT.length; i++) {
      await clock.untilSleeping(100);
      await clock.advance(100);
    }
    expect(await text).toBe(TEXT);
  });

  test("sends garbage, nothing or far too much under the status of success", async () => {
    const endpoint = await start(() => ({ status: 404, headers: {}, body: "none" }));
    endpoint.fail({ kind: "garbage", times: 1 });
    endpoint.fail({ kind: "garbage", body: "{", times: 1 });
    endpoint.fail({ kind: "empty", times: 1 });
    endpoint.fail({ kind: "huge", bytes: 300_000, times: 1 });
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await get(endpoint.url));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers[0]?.text).toContain("\uFFFD");
    expect(answers.slice(1).map(({ text }) => text.length)).toEqual([1, 0, 300_000]);
  });

  test("breaks off in the middle, or calls half of it the whole", async () => {
    const endpoint = await start();
    endpoint.fail({ kind: "truncated", times: 1 });
    endpoint.fail({ kind: "half", times: 1 });
    await expect(get(endpoint.url)).rejects.toThrow("terminated");
    expect(await get(endpoint.url)).toEqual({ status: 200, text: "all i" });
  });

  test("meets what it was set for, as often and as long as it was set for", async () => {
    const clock = createFakeClock(0);
    const endpoint = await start(fine, clock);
    const statuses = async (...paths: readonly string[]): Promise<readonly number[]> => {
      const found = [];
      for (const path of paths) found.push((await get(`${endpoint.url}${path}`)).status);
      return found;
    };
    endpoint.fail({ kind: "status", status: 500, path: "/a", times: 2 });
    expect(await statuses("/b", "/a/1", "/a/2", "/a/3")).toEqual([200, 500, 500, 200]);

    endpoint.fail({ kind: "status", status: 502, until: clock.now() });
    endpoint.fail({ kind: "status", status: 503, method: "PUT" });
    expect(await statuses("/")).toEqual([200]);

    const undo = endpoint.fail({ kind: "status", status: 504 });
    expect(await statuses("/")).toEqual([504]);
    undo();
    expect(await statuses("/")).toEqual([200]);

    endpoint.fail({ kind: "cut" });
    endpoint.mend();
    expect(await statuses("/")).toEqual([200]);
  });
});
