// The configurations as they are shipped, read by a real nats-server: who comes in when no coordinator is there, and who
// is none of its business.

import { connect } from "@nats-io/transport-node";
import type { NatsConnection } from "@nats-io/transport-node";
import { expect, test } from "vitest";

import { answerLogins, calloutKeys } from "../../coordinator/auth/callout.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import type { KubeObject } from "../../shared/model/kube.ts";
import { NODE_CLAIM, POD_NAME_CLAIM, POD_UID_CLAIM, STREAM } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes as size, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { ensureStream } from "../../shared/runtime/nats-jetstream.ts";
import { openBucket } from "../../shared/runtime/nats-kv.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { startCalloutNats } from "../../test/build/nats-callout.ts";
import type { CalloutNats } from "../../test/build/nats-callout.ts";
import { sharedConfig } from "../../test/build/nats-shared.ts";

const LIMIT = 20_000;
const parts = { log: createLogSink().log, clock: systemClock, random: seededRandom(1) };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const TOKEN = `e30.${Buffer.from(JSON.stringify({ exp: 4_000_000_000 })).toString("base64url")}.c2ln`;

/** An API server that knows one token. */
const create: KubeClient["create"] = async (_resource, object) => {
  const { spec } = object as unknown as {
    readonly spec: { readonly token: string; readonly audiences: readonly string[] };
  };
  const extra = { [NODE_CLAIM]: ["gpu-1"], [POD_NAME_CLAIM]: ["p"], [POD_UID_CLAIM]: ["u"] };
  const user = { username: "system:serviceaccount:s:a", extra };
  const status =
    spec.token === TOKEN
      ? { authenticated: true, audiences: spec.audiences, user }
      : { authenticated: false };
  return await Promise.resolve({ ...object, status } as KubeObject as typeof object);
};

function answering(nats: CalloutNats, coordinator: Nats, signal: AbortSignal): void {
  const keys = calloutKeys({
    natsCallout: true,
    agentServiceAccount: "s/a",
    natsIssuerFile: nats.coordinatorEnv["GPUAS_NATS_ISSUER_FILE"] ?? null,
    natsXkeyFile: nats.coordinatorEnv["GPUAS_NATS_XKEY_FILE"] ?? null,
  });
  if (keys === null) throw new Error("no keys");
  const names = { account: "GPUAS", subjectRoot: "gpuas.v1", audience: "n", serviceAccount: "s/a" };
  const how = {
    ...keys,
    ...names,
    ...parts,
    nats: coordinator,
    client: { create },
    onAnswer: () => {},
    signal,
  };
  answerLogins(how).catch(() => {});
}

/** What the coordinator does first, and an agent after it. */
async function inUse(nats: CalloutNats): Promise<void> {
  const over = new AbortController();
  const coordinator = nats.asCoordinator();
  await coordinator.whenConnected(AbortSignal.timeout(LIMIT));
  const limits = { maxAgeMs: millis(60_000), maxBytes: size(64 * 1024 * 1024) };
  await ensureStream(coordinator, { name: STREAM, subjects: ["gpuas.v1.notice.*"], ...limits });
  await openBucket(coordinator, { name: "b", maxBytes: size(64 * 1024 * 1024), ...parts }).put(
    "k",
    bytes("v"),
  );
  answering(nats, coordinator, over.signal);
  const agent = nats.asAgent("gpu-1", () => TOKEN);
  await agent.whenConnected(AbortSignal.timeout(LIMIT));
  expect(await agent.publishEvent(subjectFor("notice", "gpu-1"), bytes("n"), "1")).toMatchObject({ seq: 1 });
  over.abort();
}

test("own.conf: by TLS alone, and nobody without a key or a token", async () => {
  await using nats = await startCalloutNats({ tls: true });
  await inUse(nats);
  const plain = connectNats({ servers: [nats.server.url], name: "no authority", ...parts });
  await expect(plain.whenConnected(AbortSignal.timeout(1_500))).rejects.toMatchObject({
    name: "TimeoutError",
  });
  await plain.close();
});

test("shared.conf: other users go on as before, also while no coordinator is there", async () => {
  await using nats = await startCalloutNats({ config: await sharedConfig() });
  const as = async (user: string): Promise<NatsConnection> =>
    await connect({ servers: nats.server.url, user, pass: "secret", reconnect: false, timeout: 10_000 });
  for (const user of ["of-an-account", "of-the-default-account"]) {
    const other = await as(user);
    await other.flush();
    await other.close();
  }
  await expect(as("nobody")).rejects.toThrow("Authorization Violation");
  await inUse(nats);
});
