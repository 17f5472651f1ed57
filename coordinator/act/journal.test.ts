import { describe, expect, test } from "vitest";

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { POLICY } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { createJournal } from "./journal.ts";
import { EMPTY_STATUS } from "./moves.ts";

const call = () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) });
const waiting = (pods: number) => (status: PolicyStatus) => ({ ...status, pendingPods: pods });

function setup({ client, server, world }: WorldClient) {
  server.change((changed) =>
    changed.put("autoscalingpolicies", {
      apiVersion: POLICY.apiVersion,
      kind: POLICY.kind,
      metadata: { name: "gpus" },
      spec: { provider: "custom" },
    }),
  );
  const unreadable: string[] = [];
  const journal = createJournal({ client, onUnreadable: (policy) => unreadable.push(policy) });
  const written = (): unknown => world.get("autoscalingpolicies", { name: "gpus" })?.status;
  const writes = (): number => server.audit.filter(({ method }) => method === "PUT").length;
  return { journal, unreadable, written, writes };
}

describe("createJournal()", () => {
  test("writes a change of the status and knows it at once", async () => {
    await using made = await aWorldClient();
    const { journal, written } = setup(made);
    await journal.change("gpus", waiting(3), call());
    expect(written()).toMatchObject({ pendingPods: 3 });
    expect(journal.status("gpus").pendingPods).toBe(3);
  });

  test("makes no call when there is nothing to change", async () => {
    await using made = await aWorldClient();
    const { journal, writes } = setup(made);
    await journal.change("gpus", (status) => status, call());
    expect(writes()).toBe(0);
  });

  test("computes the change again from what is there when somebody edited the policy", async () => {
    await using made = await aWorldClient();
    const { journal, written, writes } = setup(made);
    journal.seen(await made.client.get(RESOURCE.policies, { name: "gpus" }));
    await made.client.mergePatch(RESOURCE.policies, { name: "gpus" }, { spec: { maxNodes: 7 } });
    await journal.change("gpus", waiting(4), call());
    expect(writes()).toBe(2);
    expect(written()).toMatchObject({ pendingPods: 4 });
    expect(await made.client.get(RESOURCE.policies, { name: "gpus" })).toMatchObject({
      spec: { maxNodes: 7 },
    });
  });

  test("loses none of two changes that are asked for together", async () => {
    await using made = await aWorldClient();
    const { journal, written } = setup(made);
    await Promise.all([
      journal.change("gpus", (status) => ({ ...status, pendingPods: status.pendingPods + 1 }), call()),
      journal.change("gpus", (status) => ({ ...status, pendingPods: status.pendingPods + 1 }), call()),
    ]);
    expect(written()).toMatchObject({ pendingPods: 2 });
  });

  test("does not fall back when the watch brings an older version than its own write", async () => {
    await using made = await aWorldClient();
    const { journal } = setup(made);
    const older = await made.client.get(RESOURCE.policies, { name: "gpus" });
    await journal.change("gpus", waiting(5), call());
    journal.seen(older);
    expect(journal.status("gpus").pendingPods).toBe(5);
  });

  test("goes on after a failed write", async () => {
    await using made = await aWorldClient();
    const { journal, written } = setup(made);
    made.server.faults.set({ kind: "status", code: 503, match: { method: "PUT" }, times: 1 });
    await expect(journal.change("gpus", waiting(1), call())).rejects.toThrow("503");
    await journal.change("gpus", waiting(2), call());
    expect(written()).toMatchObject({ pendingPods: 2 });
  });

  test("begins anew, and says so, over a status that it cannot read", async () => {
    await using made = await aWorldClient();
    const { journal, unreadable } = setup(made);
    made.server.change((world) =>
      world.put("autoscalingpolicies", {
        apiVersion: POLICY.apiVersion,
        kind: POLICY.kind,
        metadata: { name: "gpus" },
        spec: {},
        status: { moves: "many" },
      }),
    );
    journal.seen(await made.client.get(RESOURCE.policies, { name: "gpus" }));
    expect(unreadable).toEqual(["gpus"]);
    expect(journal.status("gpus")).toEqual(EMPTY_STATUS);
  });

  test("says that a policy is gone", async () => {
    await using made = await aWorldClient();
    const { journal } = setup(made);
    await expect(journal.change("other", waiting(1), call())).rejects.toMatchObject({ kind: "not-found" });
  });
});
