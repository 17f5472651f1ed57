import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedRequest } from "../../../test/build/scripted-server.ts";
import { seconds } from "../../model/units.ts";
import type { EvictionOutcome, EvictionRequest } from "./evict.ts";

const request: EvictionRequest = { namespace: "ns", name: "p", uid: "u1" };

interface Answer {
  readonly code: number;
  readonly body?: object;
  readonly headers?: Record<string, string>;
  /** UID of the pod as a GET shows it; null for 404. */
  readonly podUid?: string | null;
}

/** Evicts against a server that answers as told, and says what became of it. */
async function evict(
  answer: Answer,
  change: Partial<EvictionRequest> = {},
): Promise<{ outcome: EvictionOutcome; asked: ScriptedRequest | undefined }> {
  await using server = await startScriptedServer(({ method }, reply) => {
    const { podUid } = answer;
    if (method === "POST") reply.json(answer.code, answer.body ?? { kind: "Status" }, answer.headers);
    else if (podUid === null) reply.json(404, { kind: "Status", code: 404 });
    else reply.json(200, { metadata: { name: "p", namespace: "ns", uid: podUid } });
  });
  const client = clientFor(server.url, createFakeClock());
  try {
    return { outcome: await client.evict({ ...request, ...change }), asked: server.requests[0] };
  } finally {
    client.close();
  }
}

const failure = (code: number, message: string, details: object = {}) => ({
  code,
  body: { kind: "Status", status: "Failure", code, message, details },
});
const precondition = failure(409, "Precondition failed: UID in precondition: u1, UID in object meta: u2");

describe("evict()", () => {
  test("names the pod, its UID and the grace in the body", async () => {
    const { outcome, asked } = await evict({ code: 201 }, { graceSeconds: seconds(24.9) });
    expect(outcome).toEqual({ kind: "accepted" });
    expect(asked?.line).toBe("POST /api/v1/namespaces/ns/pods/p/eviction");
    expect(asked?.body).toEqual({
      apiVersion: "policy/v1",
      kind: "Eviction",
      metadata: { name: "p", namespace: "ns" },
      deleteOptions: { gracePeriodSeconds: 24, preconditions: { uid: "u1" } },
    });
  });

  test("leaves the pod its own grace when none is given", async () => {
    const { asked } = await evict({ code: 201 });
    expect(asked?.body).toMatchObject({ deleteOptions: { preconditions: { uid: "u1" } } });
    expect(JSON.stringify(asked?.body)).not.toContain("gracePeriodSeconds");
  });

  test("never sends a grace of zero, which would remove the object under running containers", async () => {
    const { asked } = await evict({ code: 201 }, { graceSeconds: seconds(0.4) });
    expect(asked?.body).toMatchObject({ deleteOptions: { gracePeriodSeconds: 1 } });
  });

  test("asks without evicting in a dry run", async () => {
    const { asked } = await evict({ code: 201 }, { dryRun: true });
    expect(asked?.body).toMatchObject({ deleteOptions: { dryRun: ["All"] } });
  });

  test.each<[string, Answer, EvictionOutcome]>([
    ["a pod that is not there is gone", failure(404, "not found"), { kind: "gone" }],
    ["a pod with another UID was replaced", { ...precondition, podUid: "u2" }, { kind: "replaced" }],
    ["a pod that went during a conflict is gone", { ...precondition, podUid: null }, { kind: "gone" }],
    [
      "a budget without a word on waiting blocks, and the wait is unknown",
      failure(429, "no disruptions left", { causes: [{ reason: "DisruptionBudget" }] }),
      { kind: "budget-blocked", retryAfterMs: null, message: "no disruptions left" },
    ],
    [
      "a budget whose status is old blocks for as long as it says",
      failure(429, "still being processed", {
        causes: [{ reason: "DisruptionBudget" }],
        retryAfterSeconds: 10,
      }),
      { kind: "budget-blocked", retryAfterMs: 10_000, message: "still being processed" } as EvictionOutcome,
    ],
    [
      "a busy server throttles",
      { ...failure(429, "too many requests"), headers: { "retry-after": "1" } },
      { kind: "throttled", retryAfterMs: 1000 } as EvictionOutcome,
    ],
    [
      "several budgets on one pod can never be satisfied",
      failure(
        500,
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      ),
      {
        kind: "several-budgets",
        message:
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
      },
    ],
    [
      "a namespace on its way out takes the pod along",
      failure(403, "is being terminated", { causes: [{ reason: "NamespaceTerminating" }] }),
      { kind: "namespace-terminating" },
    ],
  ])("%s", async (_, answer, outcome) => {
    expect((await evict(answer)).outcome).toEqual(outcome);
  });

  test.each<[string, Answer, string]>([
    [
      "a conflict on the pod that is meant",
      { ...failure(409, "object was modified"), podUid: "u1" },
      "conflict",
    ],
    ["a missing right", failure(403, "agents may not"), "denied"],
    ["an admission policy's refusal", failure(422, "own node only"), "refused"],
    ["a server error", failure(500, "etcd"), "unavailable"],
    ["a server that gave up waiting", failure(504, "timeout"), "timeout"],
  ])("throws on %s", async (_, answer, kind) => {
    await expect(evict(answer)).rejects.toMatchObject({ kind });
  });
});
