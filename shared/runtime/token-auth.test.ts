import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import type { KubeObject } from "../model/kube.ts";
import { AppError } from "./errors.ts";
import type { KubeClient } from "./kube/client.ts";
import { createLogSink } from "./log.ts";
import { createTokenAuth } from "./token-auth.ts";

interface Asked {
  readonly kind: string;
  readonly spec: unknown;
}

/** An API server that knows `reader`, who may look, and `stranger`, who may not; or that is away. */
function setUp() {
  const clock = createFakeClock();
  const sink = createLogSink();
  const asked: Asked[] = [];
  const server: { away: AppError | null; answer: object | null } = { away: null, answer: null };
  const create: KubeClient["create"] = async ({ kind }, object) => {
    const { spec } = object as KubeObject & {
      readonly spec: Readonly<Record<string, unknown>>;
    } & typeof object;
    asked.push({ kind, spec });
    if (server.away !== null) throw server.away;
    const status =
      server.answer ??
      (kind === "TokenReview"
        ? statusOfToken(String(spec["token"]))
        : { allowed: spec["user"] === "reader", reason: "RBAC" });
    return await Promise.resolve({ ...object, status } as KubeObject as typeof object);
  };
  return { auth: createTokenAuth({ client: { create }, clock, log: sink.log }), clock, sink, asked, server };
}

function statusOfToken(token: string): object {
  const [username = "", key] = token.split(".");
  return key === "signed"
    ? { authenticated: true, user: { username, uid: "7", groups: ["g"], extra: { k: ["v"] } } }
    : { authenticated: false, error: "invalid bearer token" };
}

describe("createTokenAuth()", () => {
  test("lets in whom the API server knows and lets get /metrics, and asks with all that it knows of them", async () => {
    const { auth, asked } = setUp();
    expect(await auth.admits("reader.signed")).toBe("yes");
    expect(asked).toEqual([
      { kind: "TokenReview", spec: { token: "reader.signed" } },
      {
        kind: "SubjectAccessReview",
        spec: {
          user: "reader",
          uid: "7",
          groups: ["g"],
          extra: { k: ["v"] },
          nonResourceAttributes: { path: "/metrics", verb: "get" },
        },
      },
    ]);
    expect(await auth.admits("stranger.signed")).toBe("forbidden");
    expect(await auth.admits("reader.forged")).toBe("unknown");
    expect(await auth.admits(`reader.${"x".repeat(20_000)}`)).toBe("unknown");
  });

  test.each([
    ["a yes without a name", { authenticated: true, user: {} }, "unknown"],
    ["nothing", {}, "unknown"],
    ["something else", { authenticated: "yes" }, "unanswered"],
  ])("an API server that answers with %s opens nothing", async (_, answer, admission) => {
    const { auth, server } = setUp();
    server.answer = answer;
    expect(await auth.admits("reader.signed")).toBe(admission);
  });

  test("asks once for a crowd, again after a minute where it let in, and after ten seconds where it did not", async () => {
    const { auth, asked, clock } = setUp();
    await Promise.all(Array.from({ length: 32 }, async () => await auth.admits("reader.signed")));
    await auth.admits("stranger.signed");
    expect(asked).toHaveLength(4);
    await clock.advance(9_000);
    await auth.admits("reader.signed");
    expect(await auth.admits("stranger.signed")).toBe("forbidden");
    expect(asked).toHaveLength(4);
    await clock.advance(2_000);
    await auth.admits("stranger.signed");
    expect(asked).toHaveLength(6);
    await clock.advance(50_000);
    await auth.admits("reader.signed");
    expect(asked).toHaveLength(8);
  });

  test("whoever loses the right is out within a minute", async () => {
    const { auth, clock, server } = setUp();
    expect(await auth.admits("reader.signed")).toBe("yes");
    server.answer = { authenticated: false };
    await clock.advance(60_000);
    expect(await auth.admits("reader.signed")).toBe("unknown");
    server.away = new AppError("unavailable", "away");
    await clock.advance(60_000);
    expect(await auth.admits("reader.signed")).toBe("unanswered");
  });

  test("while the API server is away, known ones stay in for ten minutes, others are told, and the log says it once", async () => {
    const { auth, clock, server, sink } = setUp();
    expect(await auth.admits("reader.signed")).toBe("yes");
    server.away = new AppError("unavailable", "connection refused");
    for (let minute = 1; minute < 10; minute++) {
      await clock.advance(60_000);
      expect(await auth.admits("reader.signed")).toBe("yes");
      expect(await auth.admits("stranger.signed")).toBe("unanswered");
    }
    await clock.advance(60_000);
    expect(await auth.admits("reader.signed")).toBe("unanswered");
    expect(sink.lines).toMatchObject([
      { level: "warn", reason: expect.stringContaining("refused") as unknown },
    ]);
    server.away = null;
    expect(await auth.admits("reader.signed")).toBe("yes");
  });

  test("who tries many tokens has to wait, loads nobody, and keeps nobody out who is known", async () => {
    const { auth, clock, asked } = setUp();
    await auth.admits("reader.signed");
    const before = asked.length;
    const guesses: string[] = [];
    for (let i = 0; i < 200; i++) guesses.push(await auth.admits(`reader.guess-${i}`));
    expect(guesses.filter((one) => one === "unknown")).toHaveLength(5);
    expect(guesses.filter((one) => one === "busy")).toHaveLength(195);
    expect(asked.length - before).toBe(5);
    await clock.advance(500);
    expect(await auth.admits("reader.signed")).toBe("yes");
    await clock.advance(1_500);
    expect(await auth.admits("reader.guess-0")).toBe("unknown");
    expect(await auth.admits("reader.guess-9")).toBe("unknown");
  });
});
