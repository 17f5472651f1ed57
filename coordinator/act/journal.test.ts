import { describe, expect, test } from "vitest";

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { POLICY } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
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
  const put = (status: unknown): void => {
    server.change((changed) =>
      changed.put("autoscalingpolicies", {
        apiVersion: POLICY.apiVersion,
        kind: POLICY.kind,
        metadata: { name: "gpus" },
        spec: { provider: "custom" },
        status,
      }),
    );
  };
  /** Another process, with its own idea of what it leads. */
  const reign = async (leader: string) => {
    const own = createJournal({ client, onUnreadable: (policy) => unreadable.push(policy) });
    const deposed: string[] = [];
    const look = async (): Promise<void> => own.seen(await client.get(RESOURCE.policies, { name: "gpus" }));
    await look();
    const end = own.begin({ leader, onDeposed: ({ message }) => deposed.push(message) });
    return { ...own, deposed, end, look };
  };
  return { journal, put, reign, unreadable, written, writes };
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

describe("claim()", () => {
  test("raises the term of a policy once in a reign, and says who leads", async () => {
    await using made = await aWorldClient();
    const { reign, written, writes } = setup(made);
    const one = await reign("one");
    expect(await one.claim(call)).toEqual([]);
    expect(written()).toMatchObject({ term: 1, leader: "one" });
    expect(one.claimOf("gpus")).toEqual({ term: 1, leader: "one", before: 0 });
    await one.claim(call);
    expect(writes()).toBe(1);
    await one.change("gpus", waiting(3), call());
    expect(written()).toMatchObject({ term: 1, leader: "one", pendingPods: 3 });
  });

  test("of a policy that was ours and that somebody led since says that it was taken back", async () => {
    await using made = await aWorldClient();
    const { reign } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    one.end();
    one.begin({ leader: "one", onDeposed: () => {} });
    await one.claim(call);
    expect(one.claimOf("gpus"), "nobody led in between").not.toHaveProperty("takenBack");
    const two = await reign("two");
    await two.claim(call);
    one.end();
    one.begin({ leader: "one", onDeposed: () => {} });
    await one.look();
    await one.claim(call);
    expect(one.claimOf("gpus")).toMatchObject({ term: 4, leaderBefore: "two", takenBack: true });
  });

  test("of a new leader makes the old one's next change fail, unwritten, and tells him", async () => {
    await using made = await aWorldClient();
    const { reign, written, writes } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    const two = await reign("two");
    await two.claim(call);
    expect(two.claimOf("gpus")).toEqual({ term: 2, leader: "two", before: 1, leaderBefore: "one" });
    expect(one.claimOf("gpus")).not.toHaveProperty("takenBack");

    await expect(one.change("gpus", waiting(5), call())).rejects.toMatchObject({
      kind: "conflict",
      message: "policy gpus is led by two (term 2), ours was 1",
    });
    expect(one.deposed).toEqual(["policy gpus is led by two (term 2), ours was 1"]);
    expect(written()).toMatchObject({ term: 2, leader: "two", pendingPods: 0 });
    // The two claims, and the write of the old leader that the server refused.
    expect(writes()).toBe(3);
    await two.change("gpus", waiting(4), call());
    expect(written()).toMatchObject({ pendingPods: 4 });
  });

  test("is noticed by the old leader when the watch brings it", async () => {
    await using made = await aWorldClient();
    const { reign } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    await (await reign("two")).claim(call);
    await one.look();
    expect(one.deposed).toEqual(["policy gpus is led by two (term 2), ours was 1"]);
  });

  test("is refused to nobody: of two that claim together both have a term of their own, and the later one leads", async () => {
    await using made = await aWorldClient();
    const { reign, written } = setup(made);
    const [one, two] = [await reign("one"), await reign("two")];
    await Promise.all([one.claim(call), two.claim(call)]);
    expect(new Set([one.claimOf("gpus")?.term, two.claimOf("gpus")?.term])).toEqual(new Set([1, 2]));
    const last = one.claimOf("gpus")?.term === 2 ? "one" : "two";
    expect(written()).toMatchObject({ term: 2, leader: last });
  });

  test("is made again after a person has wiped the status, with the next change, and nothing is thrown", async () => {
    await using made = await aWorldClient();
    const { put, reign, written } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    put(undefined);
    await one.change("gpus", waiting(2), call());
    expect(written()).toMatchObject({ term: 1, leader: "one", pendingPods: 2 });
    expect(one.deposed).toEqual([]);
  });

  test("begins at term 1 over a status that it cannot read", async () => {
    await using made = await aWorldClient();
    const { put, reign, unreadable, written } = setup(made);
    put({ moves: "many", term: 7, leader: "other" });
    const one = await reign("one");
    expect(await one.claim(call)).toEqual([]);
    expect(unreadable).toEqual(["gpus"]);
    expect(written()).toMatchObject({ term: 1, leader: "one", moves: [] });
  });

  test("keeps what the old leader had in flight", async () => {
    await using made = await aWorldClient();
    const { reign } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    const move = aMove();
    await one.change("gpus", (status) => ({ ...status, moves: [move] }), call());
    const two = await reign("two");
    await two.claim(call);
    expect(two.status("gpus").moves).toEqual([move]);
  });

  test("that fails is told, leaves the policy unwritten, and is tried again", async () => {
    await using made = await aWorldClient();
    const { reign, written } = setup(made);
    const one = await reign("one");
    made.server.faults.set({ kind: "status", code: 503, match: { method: "PUT" }, times: 1 });
    expect(await one.claim(call)).toMatchObject([{ policy: "gpus", error: { kind: "unavailable" } }]);
    expect(one.leads("gpus")).toBe(false);
    await expect(one.change("gpus", waiting(1), call())).rejects.toThrow("is not claimed yet");
    expect(written()).toBeUndefined();
    expect(await one.claim(call)).toEqual([]);
    expect(one.leads("gpus")).toBe(true);
  });

  test("asks anew for each request whether it may, so that a leader who slept does not claim over his successor", async () => {
    await using made = await aWorldClient();
    const { reign, written } = setup(made);
    const one = await reign("one");
    // It looked at the policy, and fell asleep; meanwhile another one leads.
    await (await reign("two")).claim(call);
    let asked = 0;
    const [failed] = await one.claim(() => {
      if (++asked > 1) throw new AppError("unavailable", "nothing is begun with 0 ms of leadership left");
      return call();
    });
    expect(failed).toMatchObject({ policy: "gpus", error: { kind: "unavailable" } });
    expect(written()).toMatchObject({ term: 1, leader: "two" });
  });

  test("of an earlier reign counts no more, and one of a policy that was made anew neither", async () => {
    await using made = await aWorldClient();
    const { reign, written } = setup(made);
    const one = await reign("one");
    await one.claim(call);
    one.end();
    await expect(one.change("gpus", waiting(1), call())).rejects.toThrow("is not claimed yet");
    one.begin({ leader: "one", onDeposed: () => {} });
    expect(one.claimOf("gpus")).toBeNull();
    await one.claim(call);
    expect(written()).toMatchObject({ term: 2 });
    one.gone("gpus");
    expect(one.claimOf("gpus")).toBeNull();
  });
});

describe("a policy that goes while its status is written", () => {
  /** As `setup`, with a hand that acts when the server has written and we have not heard of it. */
  async function written(made: WorldClient, hand: (own: ReturnType<typeof createJournal>) => unknown) {
    setup(made);
    const { client } = made;
    const journal = createJournal({
      client: {
        get: async (...args) => await client.get(...args),
        replaceStatus: async (...args) => {
          const answer = await client.replaceStatus(...args);
          await hand(journal);
          return answer;
        },
      },
      onUnreadable: () => {},
    });
    journal.seen(await client.get(RESOURCE.policies, { name: "gpus" }));
    return journal;
  }

  test("is not known again by the answer, and not asked for in each cycle", async () => {
    await using made = await aWorldClient();
    const journal = await written(made, (own) => own.gone("gpus"));
    await journal.change("gpus", waiting(1), call());
    made.server.change((world) => world.remove("autoscalingpolicies", { name: "gpus" }));
    expect(journal.status("gpus")).toBe(EMPTY_STATUS);
    journal.begin({ leader: "one", onDeposed: () => {} });
    const before = made.server.audit.length;
    expect(await journal.claim(call)).toEqual([]);
    expect(made.server.audit).toHaveLength(before);
  });

  test("is forgotten when the server knows it no more, though no watch has said so", async () => {
    await using made = await aWorldClient();
    const journal = await written(made, () => {});
    made.server.change((world) => world.remove("autoscalingpolicies", { name: "gpus" }));
    journal.begin({ leader: "one", onDeposed: () => {} });
    expect(await journal.claim(call)).toEqual([]);
    const before = made.server.audit.length;
    expect(await journal.claim(call)).toEqual([]);
    expect(made.server.audit).toHaveLength(before);
  });

  test("and is made anew under its name counts as the new one, whose term is its own", async () => {
    await using made = await aWorldClient();
    let turn = 0;
    const journal = await written(made, async (own) => {
      if (++turn !== 2) return;
      made.server.change((world) => world.remove("autoscalingpolicies", { name: "gpus" }));
      own.gone("gpus");
      setup(made);
      own.seen(await made.client.get(RESOURCE.policies, { name: "gpus" }));
    });
    const deposed: string[] = [];
    journal.begin({ leader: "one", onDeposed: ({ message }) => deposed.push(message) });
    await journal.claim(call);
    await journal.change("gpus", waiting(1), call());
    expect(journal.status("gpus")).toEqual(EMPTY_STATUS);
    expect(await journal.claim(call)).toEqual([]);
    await journal.change("gpus", waiting(2), call());
    expect(journal.status("gpus")).toMatchObject({ term: 1, leader: "one", pendingPods: 2 });
    expect(deposed).toEqual([]);
  });
});

function aMove(): PolicyStatus["moves"][number] {
  return {
    key: "gpus/a/grow/x",
    kind: "grow",
    pool: "a",
    from: 0,
    to: 1,
    phase: "intended",
    at: "2026-01-01T00:00:00.000Z",
    term: 1,
  };
}
