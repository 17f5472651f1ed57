import { expect, test } from "vitest";

import type { KubeObject } from "../../shared/model/kube.ts";
import { NODE_CLAIM, POD_NAME_CLAIM, POD_UID_CLAIM } from "../../shared/model/names.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { reviewToken } from "./review.ts";

const EXP = 1_800_000_000;
const tokenWith = (payload: object): string =>
  `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
const TOKEN = tokenWith({ exp: EXP });

const extra = { [NODE_CLAIM]: ["gpu-1"], [POD_NAME_CLAIM]: ["agent-x"], [POD_UID_CLAIM]: ["u-1"] };
const user = { username: "system:serviceaccount:sys:agent", extra };
const good = { authenticated: true, audiences: ["nats"], user };

/** An API server that answers with this status, or fails; what it was asked stays. */
function api(status: object | Error) {
  const asked: unknown[] = [];
  const create: KubeClient["create"] = async (_resource, object) => {
    asked.push(object);
    if (status instanceof Error) throw status;
    return await Promise.resolve({ ...object, status } as KubeObject as typeof object);
  };
  return { client: { create }, asked };
}

const review = async (status: object | Error, token = TOKEN) =>
  await reviewToken(token, { ...api(status), audience: "nats", serviceAccount: "sys/agent" });

test("takes node and pod from the API's word, and the end from the token that it has accepted", async () => {
  const { client, asked } = api(good);
  expect(await reviewToken(TOKEN, { client, audience: "nats", serviceAccount: "sys/agent" })).toEqual({
    kind: "agent",
    identity: { node: "gpu-1", pod: "agent-x", podUid: "u-1", expiresAt: EXP * 1000 },
  });
  expect(asked).toMatchObject([{ spec: { token: TOKEN, audiences: ["nats"] } }]);
});

test.each([
  ["a token that is refused", { authenticated: false, error: "it has expired" }, "not-authentic"],
  ["an empty answer", {}, "not-authentic"],
  ["a yes for no audience", { ...good, audiences: undefined }, "not-authentic"],
  ["a yes for another audience", { ...good, audiences: ["other"] }, "not-authentic"],
  [
    "another account",
    { ...good, user: { ...user, username: "system:serviceaccount:sys:other" } },
    "wrong-account",
  ],
  [
    "an account of that name elsewhere",
    { ...good, user: { ...user, username: "system:serviceaccount:sys2:agent" } },
    "wrong-account",
  ],
  ["a person", { ...good, user: { username: "agent", extra } }, "wrong-account"],
  ["nobody", { authenticated: true, audiences: ["nats"] }, "wrong-account"],
  ["no pod", { ...good, user: { username: user.username } }, "not-bound"],
  ["no node", { ...good, user: { ...user, extra: { ...extra, [NODE_CLAIM]: [] } } }, "not-bound"],
  ["two nodes", { ...good, user: { ...user, extra: { ...extra, [NODE_CLAIM]: ["a", "b"] } } }, "not-bound"],
  ["no pod's uid", { ...good, user: { ...user, extra: { ...extra, [POD_UID_CLAIM]: [""] } } }, "not-bound"],
  ["what is no review", { authenticated: "yes" }, "no-review"],
  ["no answer", new AppError("timeout", "no answer in time"), "no-review"],
  ["no right to ask", new AppError("denied", "forbidden"), "no-review"],
])("denies for %s", async (_what, status, reason) => {
  expect(await review(status)).toMatchObject({ kind: "denied", reason });
});

test("denies a token without an end", async () => {
  for (const token of ["opaque", tokenWith({}), tokenWith({ exp: "never" }), "a.b.c"])
    expect(await review(good, token)).toMatchObject({ kind: "denied", reason: "not-bound" });
});

test("asks nobody about what is too long to be a token", async () => {
  const { client, asked } = api(good);
  const long = "x".repeat(20_000);
  const answer = await reviewToken(long, { client, audience: "nats", serviceAccount: "sys/agent" });
  expect(answer).toMatchObject({ kind: "denied", reason: "not-authentic" });
  expect(asked).toEqual([]);
});
