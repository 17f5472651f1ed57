// For random fleets: without names the same is decided, up to the names, and no name is left.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { NODE_LABEL, POD_ANNOTATION } from "../../shared/model/names.ts";
import { node } from "../../test/build/node.ts";
import { NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshots } from "../../test/build/random-snapshot.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { anonymiseInTurns, withoutWords } from "./anonymise.ts";
import { createAnonymiser } from "./anonymiser.ts";

/** A public key with somebody's value. */
const JOB_LABEL = "batch.kubernetes.io/job-name";
const KEY = new Uint8Array(32).fill(7);

describe("an anonymised decision", () => {
  test("is the decision on the anonymised snapshot", async () => {
    await fc.assert(
      fc.asyncProperty(snapshots, async (snapshot) => {
        const { plan } = decide(snapshot);
        const shown = await createAnonymiser(KEY).shown({ snapshot, plan });
        expect(withoutWords(decide(shown.decided.snapshot).plan)).toEqual(withoutWords(shown.decided.plan));
      }),
      { numRuns: 80 },
    );
  });

  test("names nothing that is somebody's", async () => {
    const seen = snapshot({
      policies: [
        policy({ pools: [pool("spot", { gpus: 8, maxSize: 5, labels: { "secret.io/team": "secret-a" } })] }),
      ],
      nodes: [
        node("secret-node", {
          pool: "spot",
          gpus: 8,
          labels: {
            [NODE_LABEL.hostname]: "secret-node",
            "secret.io/team": "secret-a",
            [NODE_LABEL.zone]: "us-1a",
          },
        }),
      ],
      pods: [
        {
          ...pod("secret-1", { gpus: 1, node: "secret-node" }),
          labels: { app: "secret-app", "secret-key": "1", [JOB_LABEL]: "secret-job" },
          tolerations: [{ key: "secret-taint", operator: "Equal", value: "secret-value" }],
          nodeTerms: [{ labels: [{ key: "secret-key", operator: "In", values: ["secret-b"] }], names: [] }],
          annotations: { [POD_ANNOTATION.checkpointUrl]: "http://secret-host/save" },
        },
        { ...pod("secret-2", { gpus: 9, waitedMs: 600_000 }), key: "secret-ns/secret-2", uid: "secret-uid" },
      ],
    });
    const decision = decide(seen);
    const next = { ...seen, memory: decision.memory };
    const { decided } = await createAnonymiser(KEY).shown({ snapshot: next, plan: decide(next).plan });
    const text = JSON.stringify(decided);
    expect(text).not.toContain("secret");
    expect(text).toContain("us-1a");
    expect(JSON.stringify(next)).toContain("secret");
  });

  test("is made with pauses, and what is as before is not made again", async () => {
    const seen = snapshot({
      policies: [],
      nodes: Array.from({ length: 400 }, (_, index) => node(`n${index}`)),
      pods: [],
    });
    const names = { name: (name: string) => name, namespace: (name: string) => name };
    const { plan } = decide(seen);
    expect([...anonymiseInTurns(seen, names)].length).toBeGreaterThan(8);

    const { shown } = createAnonymiser(KEY);
    const first = await shown({ snapshot: seen, plan });
    const nodes = [node("n0", { gpus: 3 }), node("n0-new"), ...seen.nodes.slice(1)];
    const second = await shown({ snapshot: { ...seen, nodes }, plan });
    expect(second.names).toBe(first.names);
    const [again, fresh, ...same] = second.decided.snapshot.nodes;
    expect(again?.name).toBe(first.decided.snapshot.nodes[0]?.name);
    expect(again).not.toEqual(first.decided.snapshot.nodes[0]);
    expect(fresh?.name).not.toBe(again?.name);
    expect(same).toHaveLength(399);
    for (const [index, one] of same.entries()) expect(one).toBe(first.decided.snapshot.nodes[index + 1]);
  });

  test("keeps its stand-ins from one to the next, in the order of the names", async () => {
    const { shown } = createAnonymiser(KEY);
    const names = Array.from(
      { length: 300 },
      (_, index) => `job-${String((index * 7) % 300).padStart(4, "0")}`,
    );
    const standIns = new Map<string, string>();
    for (let at = 1; at <= names.length; at += 20) {
      const { decided } = await shown({
        snapshot: snapshot({ policies: [], nodes: names.slice(0, at).map((name) => node(name)), pods: [] }),
        plan: { at: NOW, moves: [], holds: [], unplaced: [], figures: [] },
      });
      for (const [index, { name }] of decided.snapshot.nodes.entries()) {
        const real = names[index] ?? "";
        expect(standIns.get(real) ?? name).toBe(name);
        standIns.set(real, name);
      }
    }
    const inOrder = [...standIns].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, standIn]) => standIn);
    expect(inOrder).toEqual(inOrder.toSorted());
    expect(new Set(inOrder).size).toBe(standIns.size);
  });
});
