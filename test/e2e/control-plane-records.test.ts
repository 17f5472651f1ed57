// What the coordinator's memory in the cluster rests on, asked of our stand-in for the API server and of a real one: that
// a policy's status is compared and set, and that a Lease has one holder.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { EMPTY_STATUS } from "../../coordinator/act/moves.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import type { Lease } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { createLeaseRecord } from "../../shared/runtime/kube/lease-record.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { BOTH } from "../control-plane/both.ts";
import type { ApiServer } from "../control-plane/both.ts";

const { policies, leases } = RESOURCE;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

const inTerm = (term: number): PolicyStatus => ({ ...EMPTY_STATUS, term });

describe.each(BOTH)("$name", ({ open, why }) => {
  let server: ApiServer;
  let client: KubeClient;
  beforeAll(async () => {
    if (why !== null) return;
    server = await open();
    ({ client } = server);
  });
  afterAll(async () => {
    if (why === null) await server[Symbol.asyncDispose]();
  });

  describe.skipIf(why !== null)("a policy's status", () => {
    const make = async (name: string): Promise<UnreadObject> =>
      await client.create(policies, {
        metadata: { name },
        spec: { provider: "custom", minNodes: 1 },
        status: inTerm(9),
      });

    test("is not written with the policy, nor the policy with it", async () => {
      const made = await make("apart");
      expect(made.status).toBeUndefined();
      const stated = await client.replaceStatus(policies, { ...made, spec: {}, status: inTerm(1) });
      expect(stated).toMatchObject({
        spec: { minNodes: 1 },
        status: { term: 1 },
        metadata: { generation: 1 },
      });
      const spec = { provider: "custom", minNodes: 2 };
      const changed = await client.replace(policies, { ...stated, spec, status: {} });
      expect(changed).toMatchObject({
        spec: { minNodes: 2 },
        status: { term: 1 },
        metadata: { generation: 2 },
      });
    });

    test("is compared and set by version, by either way of writing", async () => {
      const first = await make("compared");
      await client.replaceStatus(policies, { ...first, status: inTerm(1) });
      const { metadata } = first;
      await expect(client.replaceStatus(policies, { ...first, status: inTerm(2) })).rejects.toMatchObject({
        kind: "conflict",
      });
      const patch = { metadata: { resourceVersion: metadata.resourceVersion }, status: { term: 2 } };
      await expect(client.patchStatus(policies, metadata, patch)).rejects.toMatchObject({ kind: "conflict" });
      expect((await client.get(policies, first.metadata)).status).toEqual(inTerm(1));
    });

    test("that says the same again makes no new version", async () => {
      const stated = await client.replaceStatus(policies, { ...(await make("same")), status: inTerm(1) });
      const again = await client.replaceStatus(policies, { ...stated, status: inTerm(1) });
      expect(again.metadata.resourceVersion).toBe(stated.metadata.resourceVersion);
    });

    test("is written by one of many who read the same", async () => {
      const first = await make("raced");
      const writes = Array.from({ length: 8 }, async (_, term) => {
        await client.replaceStatus(policies, { ...first, status: inTerm(term) });
        return term;
      });
      const settled = await Promise.allSettled(writes);
      const won = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      expect(won).toHaveLength(1);
      const lost = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
      for (const reason of lost) expect(reason).toMatchObject({ kind: "conflict" });
      expect((await client.get(policies, first.metadata)).status).toEqual(inTerm(won[0] ?? -1));
    });
  });

  describe.skipIf(why !== null)("a Lease", () => {
    const record = (identity: string, name: string) =>
      createLeaseRecord({
        client,
        identity,
        namespace: "default",
        name,
        leaseMs: millis(10_000),
        clock: systemClock,
      });

    test("is taken by one candidate, and by the next one when it is given back", async () => {
      const [a, b] = [record("a", "one"), record("b", "one")];
      const held = await a.take({});
      if (held === null) throw new Error("nobody had it");
      expect(held.term).toBe(1);
      expect(await b.take({})).toBeNull();
      const renewed = await a.renew(held, {});
      if (renewed === "lost") throw new Error("nobody took it");
      await a.giveBack(renewed, {});
      expect((await b.take({}))?.term).toBe(2);
      expect(await a.renew(renewed, {})).toBe("lost");
    });

    test("is made by one of two who find none", async () => {
      const taken = await Promise.allSettled([record("a", "two").take({}), record("b", "two").take({})]);
      // Who comes later finds it taken or, if it looked before that, is refused.
      const holders = taken.filter((one) => one.status === "fulfilled" && one.value !== null);
      expect(holders).toHaveLength(1);
      for (const one of taken)
        if (one.status === "rejected") expect(one.reason).toMatchObject({ kind: "conflict" });
    });

    test("is replaced over the version that was read, and over no other", async () => {
      const metadata = { namespace: "default", name: "three" };
      const spec = { holderIdentity: "a", leaseDurationSeconds: 10, leaseTransitions: 1 };
      const first = await client.create(leases, { metadata, spec });
      await expect(client.create(leases, { metadata, spec })).rejects.toMatchObject({ kind: "conflict" });
      const next: Lease = { ...first, spec: { ...spec, leaseTransitions: 2 } };
      await client.replace(leases, next);
      await expect(client.replace(leases, next)).rejects.toMatchObject({ kind: "conflict" });
      expect((await client.get(leases, metadata)).spec).toEqual(next.spec);
    });

    test("takes times with six digits behind the second, and keeps them", async () => {
      const metadata = { name: "four" };
      const body = (renewTime: string): object => ({ metadata, spec: { renewTime } });
      expect((await server.send("POST", LEASES, body("2026-01-01T00:00:00Z"))).status).toBe(400);
      const { status, text } = await server.send("POST", LEASES, body("2026-01-01T00:00:00.123000Z"));
      expect(status).toBe(201);
      expect(text).toContain('"2026-01-01T00:00:00.123000Z"');
    });
  });
});
