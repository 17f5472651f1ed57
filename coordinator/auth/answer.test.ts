import { createCurve, createServer, createUser, fromSeed } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";
import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { answerLogin } from "./answer.ts";
import type { AnswerOptions } from "./answer.ts";
import { objectIn, readClaims, signClaims } from "./claims.ts";
import { LONGEST_SESSION_MS } from "./grant.ts";
import { newKeys } from "./new-keys.ts";
import { accountSigner, sealingKey } from "./nkeys.ts";
import type { Signer } from "./nkeys.ts";

const NOW = epochMs(Date.UTC(2026, 0, 5, 9));
const keys = newKeys();
const server = createServer();
const user = createUser().getPublicKey();
const issuer = accountSigner(keys.issuer.seed, "ISSUER");

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words);
const signerOf = (pair: KeyPair): Signer => ({
  publicKey: pair.getPublicKey(),
  sign: (data) => pair.sign(data),
});

/** As a nats-server writes it; signed by the library's own hand, which ours has to agree with. */
function request(overrides: Readonly<Record<string, unknown>> = {}, by: KeyPair = server): string {
  const nats = {
    type: "authorization_request",
    server_id: { name: "A", host: "127.0.0.1", id: server.getPublicKey() },
    user_nkey: user,
    client_info: { host: "10.0.0.7", name: "agent gpu-1" },
    connect_opts: { auth_token: "the.token.", protocol: 1 },
    ...overrides,
  };
  return signClaims(
    { sub: keys.issuer.publicKey, aud: "nats-authorization-request", nats },
    signerOf(by),
    NOW,
  );
}

/** In the middle: the last letter has bits that mean nothing. */
function withAnotherLetter(seed: string): string {
  return `${seed.slice(0, 20)}${seed[20] === "A" ? "B" : "A"}${seed.slice(21)}`;
}

const identity = { node: "gpu-1.example", pod: "agent-x", podUid: "u", expiresAt: epochMs(NOW + 600_000) };

function options(more: Partial<AnswerOptions> = {}): AnswerOptions & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    issuer,
    xkey: null,
    account: "GPUAS",
    subjectRoot: "gpuas.v1",
    now: () => NOW,
    review: async (token) => {
      asked.push(token);
      return await Promise.resolve({ kind: "agent", identity });
    },
    asked,
    ...more,
  };
}

/** What is in an answer, after its signature was checked. */
function opened(answer: Uint8Array) {
  const claims = readClaims(text(answer));
  expect(claims?.iss).toBe(keys.issuer.publicKey);
  return claims as unknown as {
    readonly sub: string;
    readonly aud: string;
    readonly nats: { readonly type: string; readonly jwt?: string; readonly error?: string };
  };
}

describe("answerLogin()", () => {
  test("lets an agent say what is of its node, hear what is for it, and nothing else", async () => {
    const parts = options();
    const { answer, outcome } = await answerLogin(bytes(request()), null, parts);
    expect(outcome).toEqual({ kind: "accepted", identity, from: "10.0.0.7 (agent gpu-1)" });
    expect(parts.asked).toEqual(["the.token."]);
    const { sub, aud, nats } = opened(answer);
    expect([sub, aud, nats.type, nats.error]).toEqual([
      user,
      server.getPublicKey(),
      "authorization_response",
      undefined,
    ]);
    const claims = readClaims(nats.jwt ?? "");
    expect(claims).toMatchObject({
      iss: keys.issuer.publicKey,
      sub: user,
      aud: "GPUAS",
      exp: (NOW + 600_000) / 1000,
    });
    const granted = claims?.["nats"] as { readonly [part: string]: unknown };
    expect(granted["pub"]).toEqual({
      allow: ["report", "notice", "drain", "health"].map((kind) => `gpuas.v1.${kind}.gpu-1_example`),
    });
    expect(granted["sub"]).toEqual({
      allow: ["_INBOX.gpu-1_example.>", "gpuas.v1.ask.gpu-1_example", "gpuas.v1.tell.gpu-1_example"],
    });
    expect(granted["resp"]).toMatchObject({ max: 1 });
    expect(granted["allowed_connection_types"]).toEqual(["STANDARD"]);
  });

  test("looks again after an hour at a token that is good for longer", async () => {
    const long = { ...identity, expiresAt: epochMs(NOW + 365 * 86_400_000) };
    const parts = options({ review: async () => await Promise.resolve({ kind: "agent", identity: long }) });
    const { answer } = await answerLogin(bytes(request()), null, parts);
    expect(objectIn(opened(answer).nats.jwt?.split(".")[1] ?? "")?.["exp"]).toBe(
      (NOW + LONGEST_SESSION_MS) / 1000,
    );
  });

  test("says no, and why, for a denied token, and gives nothing", async () => {
    const denied = { kind: "denied", reason: "wrong-account", detail: "it is somebody's" } as const;
    const parts = options({ review: async () => await Promise.resolve(denied) });
    const { answer, outcome } = await answerLogin(bytes(request()), null, parts);
    expect(outcome).toMatchObject(denied);
    const { sub, nats } = opened(answer);
    expect(sub).toBe(user);
    expect(nats.jwt).toBeUndefined();
    expect(nats.error).toBe("the token is of another service account than the agent's");
  });

  test.each([
    ["no token", { connect_opts: { user: "root", pass: "secret" } }, "no-token"],
    ["an empty one", { connect_opts: { auth_token: "" } }, "no-token"],
    ["no key to answer for", { user_nkey: "UNKNOWN" }, "unreadable"],
    ["another kind of claim", { type: "user" }, "unreadable"],
    ["another server's name", { server_id: { id: createServer().getPublicKey() } }, "unreadable"],
  ])("asks nobody about a request with %s", async (_what, overrides, reason) => {
    const parts = options();
    const { outcome } = await answerLogin(bytes(request(overrides)), null, parts);
    expect(outcome).toMatchObject({ kind: "denied", reason });
    expect(parts.asked).toEqual([]);
  });

  test.each([
    ["what is no JWT", "no"],
    ["one without a signature", `${request().split(".").slice(0, 2).join(".")}.`],
    [
      "one that was changed",
      request().replace(/\.[^.]+\./, `.${request({ user_nkey: "x" }).split(".")[1]}.`),
    ],
    ["one that is signed by no server", request({}, createUser())],
  ])("answers nothing to %s", async (_what, written) => {
    const parts = options();
    const { answer, outcome } = await answerLogin(bytes(written), null, parts);
    expect(answer).toHaveLength(0);
    expect(outcome).toMatchObject({ kind: "denied", reason: "unreadable" });
    expect(parts.asked).toEqual([]);
  });

  test("refuses a token that is over by our clock, and a node whose name would reach further", async () => {
    for (const [changed, reason] of [
      [{ expiresAt: NOW }, "not-authentic"],
      [{ node: "*" }, "not-bound"],
      [{ node: "a.>" }, "not-bound"],
    ] as const) {
      const review = async () =>
        await Promise.resolve({ kind: "agent", identity: { ...identity, ...changed } } as const);
      const { answer, outcome } = await answerLogin(bytes(request()), null, options({ review }));
      expect(outcome).toMatchObject({ kind: "denied", reason });
      expect(opened(answer).nats.jwt).toBeUndefined();
    }
  });

  test("opens what is sealed for it and seals its answer for the server", async () => {
    const serverCurve = createCurve();
    const sealedBy = serverCurve.getPublicKey();
    const xkey = sealingKey(keys.sealing.seed, "XKEY");
    const sealed = serverCurve.seal(bytes(request()), keys.sealing.publicKey);
    const { answer, outcome } = await answerLogin(sealed, sealedBy, options({ xkey }));
    expect(outcome.kind).toBe("accepted");
    expect(text(answer)).not.toContain("eyJ");
    const plain = serverCurve.open(answer, keys.sealing.publicKey) ?? new Uint8Array();
    expect(opened(plain).nats.jwt).toContain("eyJ");

    for (const [data, key] of [
      [sealed, null],
      [serverCurve.seal(bytes(request()), createCurve().getPublicKey()), xkey],
      [bytes("not sealed at all"), xkey],
    ] as const) {
      const refused = await answerLogin(data, sealedBy, options({ xkey: key }));
      expect(refused.outcome).toMatchObject({ kind: "denied", reason: "unreadable" });
      expect(refused.answer).toHaveLength(0);
    }
  });
});

describe("accountSigner()", () => {
  test("signs as the library does", () => {
    const pair = fromSeed(bytes(keys.issuer.seed));
    expect(issuer.publicKey).toBe(pair.getPublicKey());
    expect([...issuer.sign(bytes("x"))]).toEqual([...pair.sign(bytes("x"))]);
  });

  test.each([
    ["a user's seed", keys.coordinator.seed, "another kind of nkey"],
    ["a public key", keys.issuer.publicKey, "no seed"],
    ["nothing", "", "no seed"],
    ["one with a letter changed", withAnotherLetter(keys.issuer.seed), "no seed"],
  ])("refuses %s, names the setting and shows no secret", (_what, seed, says) => {
    const read = (): Signer => accountSigner(seed, "GPUAS_NATS_ISSUER_FILE");
    expect(read).toThrow(says);
    expect(read).toThrow("GPUAS_NATS_ISSUER_FILE");
    if (seed !== "") expect(read).not.toThrow(seed);
  });

  test("a sealing key is a curve key", () => {
    expect(() => sealingKey(keys.issuer.seed, "GPUAS_NATS_XKEY_FILE")).toThrow("GPUAS_NATS_XKEY_FILE");
    expect(sealingKey(`${keys.sealing.seed}\n`, "x").getPublicKey()).toBe(keys.sealing.publicKey);
  });
});
