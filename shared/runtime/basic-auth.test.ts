import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../test/build/clock.ts";
import { createBasicAuth } from "./basic-auth.ts";
import type { CompareHash } from "./basic-auth.ts";

const USERS = new Map([
  ["alice", "hash of secret"],
  ["bob", "hash of other"],
]);

function header(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Compares at once and counts; the "hash" says what it is of. */
function setUp(compare: CompareHash = (password, hash) => Promise.resolve(hash === `hash of ${password}`)) {
  const compared: string[] = [];
  const clock = createFakeClock();
  const auth = createBasicAuth({
    clock,
    compare: async (password, hash) => {
      compared.push(password);
      return await compare(password, hash);
    },
  });
  return { auth, clock, compared };
}

describe("createBasicAuth()", () => {
  test.each([
    [header("alice", "secret"), "yes"],
    [header("bob", "other"), "yes"],
    [header("alice", "other"), "no"],
    // The right password of somebody else opens nothing.
    [header("carol", "secret"), "no"],
    [header("constructor", "secret"), "no"],
    [header("alice", "sec:ret"), "no"],
    [`basic ${Buffer.from("alice:secret").toString("base64")}`, "yes"],
    ["Basic %%%", "no"],
    [`Basic ${Buffer.from("alice").toString("base64")}`, "no"],
    ["Bearer secret", "no"],
    [undefined, "no"],
  ])("%s → %s", async (authorization, admission) => {
    expect(await setUp().auth.admits(authorization, USERS)).toBe(admission);
  });

  test("compares a name and a password once, right or wrong, also when a crowd brings them together", async () => {
    const { auth, compared } = setUp();
    const crowd = Array.from({ length: 64 }, () => auth.admits(header("alice", "secret"), USERS));
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(["yes"]));
    for (let i = 0; i < 10; i++) expect(await auth.admits(header("alice", "wrong"), USERS)).toBe("no");
    expect(compared).toEqual(["secret", "wrong"]);
  });

  test("a hash that was changed counts at once", async () => {
    const { auth } = setUp();
    expect(await auth.admits(header("alice", "secret"), USERS)).toBe("yes");
    const changed = new Map([["alice", "hash of newer"]]);
    expect(await auth.admits(header("alice", "secret"), changed)).toBe("no");
    expect(await auth.admits(header("alice", "newer"), changed)).toBe("yes");
    expect(await auth.admits(header("alice", "newer"), new Map())).toBe("no");
  });

  test("a name that nobody has is compared like one that somebody has", async () => {
    const { auth, compared } = setUp();
    await auth.admits(header("carol", "guess"), USERS);
    expect(compared).toEqual(["guess"]);
  });

  test("who tries many passwords has to wait, and keeps nobody out who is known already", async () => {
    const { auth, clock, compared } = setUp();
    await auth.admits(header("alice", "secret"), USERS);
    const guesses: string[] = [];
    for (let i = 0; i < 20; i++) guesses.push(await auth.admits(header("alice", `guess ${i}`), USERS));
    expect(guesses.filter((one) => one === "no")).toHaveLength(5);
    expect(guesses.filter((one) => one === "busy")).toHaveLength(15);
    expect(compared).toHaveLength(6);
    expect(await auth.admits(header("alice", "secret"), USERS)).toBe("yes");
    await clock.advance(2_000);
    expect(await auth.admits(header("bob", "other"), USERS)).toBe("yes");
  });

  test("guesses do not push out who is known", async () => {
    const { auth, clock } = setUp();
    expect(await auth.admits(header("alice", "secret"), USERS)).toBe("yes");
    for (let i = 0; i < 100; i++) {
      expect(await auth.admits(header("alice", `guess ${i}`), USERS)).toBe("no");
      await clock.advance(1_000);
    }
    // No try is left, so that it would have to wait if it had been forgotten.
    for (let i = 0; i < 10; i++) await auth.admits(header("bob", `guess ${i}`), USERS);
    expect(await auth.admits(header("alice", "secret"), USERS)).toBe("yes");
  });

  test("compares one after another, and goes on after a comparison that failed", async () => {
    let running = 0;
    let most = 0;
    const { auth } = setUp(async (password) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      if (password === "broken") throw new Error("no hash");
      return false;
    });
    const answers = await Promise.allSettled(
      ["a", "broken", "b"].map((password) => auth.admits(header("alice", password), USERS)),
    );
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(most).toBe(1);
  });
});
