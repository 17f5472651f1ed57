// The account over a scripted server: what it sends, and what it makes of answers that a cloud should not give. What it
// does over a whole cloud is in test/contract/simulated.test.ts.

import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../../test/build/scripted-server.ts";
import type { CallOptions, GroupState } from "../group.ts";
import { createSimulatedAccount } from "./account.ts";
import type { SimulatedAccount, SimulatedAccountOptions } from "./account.ts";
import { MAX_BYTES } from "./protocol.ts";

const SEEN: GroupState = { size: 2, version: "7", min: 1, max: 5 };
const BODY = {
  desired: 2,
  min: 1,
  max: 5,
  version: "7",
  chosenRemoval: true,
  instances: [],
  template: { instanceTypes: [], labels: {}, taints: [], allocatable: {} },
};
const showsEveryGroup: Script = ({ query }, reply) => {
  reply.json(200, { groups: Object.fromEntries(query.getAll("name").map((name) => [name, BODY])) });
};
const done: Script = (_request, reply) => {
  reply.json(200, {});
};

function limits(deadlineMs: Millis = millis(5_000)): CallOptions {
  return { signal: new AbortController().signal, deadlineMs };
}

interface Scene extends AsyncDisposable {
  readonly server: ScriptedServer;
  readonly account: SimulatedAccount;
  readonly written: readonly string[];
}

async function aScene(
  script: Script,
  { clock = systemClock, ...options }: Partial<SimulatedAccountOptions> & { clock?: Clock } = {},
): Promise<Scene> {
  const server = await startScriptedServer(script);
  const written: string[] = [];
  const account = createSimulatedAccount({
    url: server.url.href,
    clock,
    onWritten: (group) => written.push(group),
    ...options,
  });
  return {
    server,
    account,
    written,
    [Symbol.asyncDispose]: async () => {
      account.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe("look()", () => {
  test("asks for a hundred groups a call, each once", async () => {
    await using scene = await aScene(showsEveryGroup);
    const keys = Array.from({ length: 250 }, (_, at) => `g/${at}`);
    const looks = await scene.account.look([...keys, "g/0"], limits());
    expect([...looks.keys()]).toEqual(keys);
    expect(scene.server.requests.map(({ query }) => query.getAll("name").length)).toEqual([100, 100, 50]);
  });

  test("sees the other groups when one is malformed or left out", async () => {
    await using scene = await aScene((_request, reply) => {
      reply.json(200, { groups: { good: BODY, bad: { ...BODY, desired: null }, gone: null } });
    });
    const looks = await scene.account.look(["good", "bad", "gone", "unsaid"], limits());
    expect([...looks].map(([key, { kind }]) => `${key} ${kind}`)).toEqual([
      "good seen",
      "bad unknown",
      "gone missing",
      "unsaid unknown",
    ]);
  });

  test.each<[string, Script, string]>([
    ["half a body", (_request, reply) => reply.text(200, '{"groups":{"a":{"desi'), "malformed"],
    ["no groups", (_request, reply) => reply.json(200, {}), "malformed"],
    [
      "a success that is a refusal",
      (_request, reply) => reply.json(200, { error: { code: "denied", message: "no" } }),
      "denied",
    ],
    ["a cut connection", (_request, reply) => reply.cut(), "unavailable"],
    ["more than it may be", (_request, reply) => reply.text(200, " ".repeat(MAX_BYTES + 1)), "malformed"],
  ])("is an error for %s", async (_what, script, kind) => {
    await using scene = await aScene(script);
    await expect(scene.account.look(["a"], limits())).rejects.toMatchObject({ kind });
  });

  test("is an error when nobody listens", async () => {
    await using scene = await aScene(done);
    await scene.server[Symbol.asyncDispose]();
    await expect(scene.account.look(["a"], limits())).rejects.toMatchObject({ kind: "unavailable" });
  });
});

describe("a group", () => {
  test("is read in one call with the others that are read at that moment", async () => {
    await using scene = await aScene(showsEveryGroup);
    const states = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => await scene.account.group(`g${at}`).read(limits())),
    );
    expect(new Set(states.map(({ size, version }) => `${size} ${version}`))).toEqual(new Set(["2 7"]));
    expect(scene.server.requests).toHaveLength(1);
  });

  test("is written with the version that was read, and says so", async () => {
    await using scene = await aScene(done);
    const group = scene.account.group("a/b");
    await group.resize(4, SEEN, limits());
    await group.removeInstance("i-1", SEEN, limits());
    await group.releaseInstance("i-2", SEEN, limits());
    await group.cancelUnfilled(1, SEEN, limits());
    await group.keepInstance("i-1", limits());
    expect(scene.server.requests.map(({ line, body }) => [line, body])).toEqual([
      ["POST /groups/a%2Fb/desired", { to: 4, version: "7" }],
      ["POST /groups/a%2Fb/remove", { instance: "i-1", version: "7" }],
      ["POST /groups/a%2Fb/release", { instance: "i-2", version: "7" }],
      ["POST /groups/a%2Fb/cancel", { count: 1, version: "7" }],
    ]);
    expect(scene.written).toEqual(["a/b", "a/b", "a/b", "a/b"]);
  });

  test.each<[string, (account: SimulatedAccount) => Promise<void>, string]>([
    ["a size over its maximum", async ({ group }) => await group("a").resize(6, SEEN, limits()), "refused"],
    ["a size that falls", async ({ group }) => await group("a").resize(1, SEEN, limits()), "bug"],
    [
      "a size that is no number",
      async ({ group }) => await group("a").resize(Number.NaN, SEEN, limits()),
      "bug",
    ],
    [
      "a removal under its minimum",
      async ({ group }) => await group("a").removeInstance("i-1", { ...SEEN, size: 1 }, limits()),
      "refused",
    ],
    [
      "a cancel under its minimum",
      async ({ group }) => await group("a").cancelUnfilled(2, SEEN, limits()),
      "refused",
    ],
    ["a cancel of nothing", async ({ group }) => await group("a").cancelUnfilled(0, SEEN, limits()), "bug"],
    [
      "a write on no version",
      async ({ group }) => await group("a").resize(3, { ...SEEN, version: null }, limits()),
      "bug",
    ],
  ])("is not sent %s", async (_what, write, kind) => {
    await using scene = await aScene(done);
    await expect(write(scene.account)).rejects.toMatchObject({ kind });
    expect(scene.server.requests).toEqual([]);
  });

  test("sends a write once, and after silence says that it may be done", async () => {
    const clock = createFakeClock();
    await using scene = await aScene(() => {}, { clock });
    const call = scene.account.group("a").resize(3, SEEN, limits(millis(700)));
    const ended = call.catch((error: unknown) => error);
    await scene.server.received("POST /groups/a/desired");
    await clock.advance(700);
    expect(await ended).toMatchObject({ kind: "timeout" });
    expect(scene.server.requests).toHaveLength(1);
    expect(scene.written).toEqual(["a"]);
  });

  test("ends with its caller", async () => {
    await using scene = await aScene(() => {});
    const stop = new AbortController();
    const call = scene.account.group("a").resize(3, SEEN, { ...limits(), signal: stop.signal });
    const ended = call.catch((error: unknown) => error);
    await scene.server.received("POST /groups/a/desired");
    stop.abort(new Error("stepped down"));
    expect(await ended).toMatchObject({ message: "stepped down" });
  });

  test("goes through the limiter by the call's name, and lets it see refusals", async () => {
    const noted: string[] = [];
    await using scene = await aScene(
      ({ method }, reply) => {
        if (method === "GET") reply.json(200, { groups: { a: BODY } });
        else reply.json(429, { error: { code: "throttled", message: "slowly", retryAfterSeconds: 1 } });
      },
      {
        limiter: {
          run: async (call, { signal }, send) => {
            const answer = send(signal);
            await answer.then(
              () => noted.push(`${call} ok`),
              (error: unknown) => noted.push(`${call} ${error instanceof AppError ? error.kind : "?"}`),
            );
            return await answer;
          },
        },
      },
    );
    await scene.account.group("a").read(limits());
    await expect(scene.account.group("a").resize(3, SEEN, limits())).rejects.toMatchObject({
      kind: "throttled",
      retryAfterMs: 1_000,
    });
    expect(noted).toEqual(["GetGroups ok", "SetDesired throttled"]);
  });
});
