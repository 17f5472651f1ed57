import { describe, expect, test } from "vitest";

import { NODE_ANNOTATION, NODE_LABEL } from "../model/names.ts";
import { seededRandom } from "../model/random.ts";
import { epochMs } from "../model/units.ts";
import { drillPermit, isDrillStanding } from "./drill-permit.ts";
import type { PermitNode, PermitPolicy } from "./drill-permit.ts";
import type { DrainState } from "./node-marks.ts";

const NOW = epochMs(Date.UTC(2026, 0, 1));
const DRILL = { [NODE_ANNOTATION.interruptionWarning]: "true" };

function node(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  labels: Readonly<Record<string, string>> = { [NODE_LABEL.pool]: "spot" },
): PermitNode {
  return { metadata: { name, labels, annotations } };
}

function state(more: Partial<DrainState>): Readonly<Record<string, string>> {
  const full: DrainState = {
    v: 1,
    id: "drill-x-1",
    cause: "notice",
    source: "drill",
    phase: "started",
    seenAt: NOW - 60_000,
    deadline: NOW + 60_000,
    replace: false,
    cordonedByUs: true,
    ...more,
  };
  return { [NODE_ANNOTATION.drainState]: JSON.stringify(full) };
}

function policy(name: string, spec: Readonly<Record<string, unknown>>): PermitPolicy {
  return { name, spec: { provider: "aws", nodePools: [{ name: "spot" }], ...spec } };
}

const ask = (
  others: readonly PermitNode[],
  policies: readonly PermitPolicy[] = [],
  mine = node("mine", DRILL),
) => drillPermit({ node: "mine", nodes: [mine, ...others], policies, now: NOW });

const quiet = (count: number): readonly PermitNode[] =>
  Array.from({ length: count }, (_, index) => node(`quiet-${index}`));

describe("drillPermit()", () => {
  test("allows the only drill, also on a pool of one node, and on a node of no pool", () => {
    expect(ask([])).toEqual({ kind: "allowed" });
    expect(ask(quiet(3), [policy("gpus", {})])).toEqual({ kind: "allowed" });
    expect(ask(quiet(3), [], node("mine", DRILL, {}))).toEqual({ kind: "allowed" });
  });

  test.each([
    ["asked for and not begun", DRILL],
    [
      "under way",
      { ...DRILL, [NODE_ANNOTATION.interruptionSource]: "drill", ...state({ phase: "started" }) },
    ],
    ["drained and not ended", { ...DRILL, ...state({ phase: "drained" }) }],
    ["past its time and not ended", { ...DRILL, ...state({ phase: "final" }) }],
    ["asked for on a node that the coordinator empties", { ...DRILL, ...state({ cause: "request" }) }],
    ["with a state that nobody can read", { ...DRILL, [NODE_ANNOTATION.drainState]: "{" }],
  ])("refuses while another drill stands: %s", (_, annotations) => {
    // In another pool as well: one at a time in the cluster.
    const answer = ask([node("other", annotations, { [NODE_LABEL.pool]: "else" })]);
    expect(answer).toMatchObject({ kind: "refused", code: "another-drill" });
    expect(answer.kind === "refused" ? answer.detail : "").toContain("node other");
  });

  test.each([
    ["refused a while ago", { ...DRILL, ...state({ phase: "refused", seenAt: NOW - 10_000 }) }],
    ["called off", { ...DRILL, ...state({ phase: "cancelled" }) }],
    [
      "whose annotation says no",
      { [NODE_ANNOTATION.interruptionWarning]: "false", ...state({ phase: "cancelled" }) },
    ],
  ])("does not mind another drill that is %s", (_, annotations) => {
    expect(ask([node("other", annotations)])).toEqual({ kind: "allowed" });
  });

  test("drains nobody of a crowd, in whatever order its agents look", () => {
    const names = ["a", "b", "c"];
    for (const order of [names, names.toReversed()]) {
      const refused = new Set<string>();
      for (const name of order) {
        const nodes = names.map((each) =>
          node(each, {
            ...DRILL,
            ...(refused.has(each) ? state({ phase: "refused", seenAt: NOW - 50 }) : {}),
          }),
        );
        expect(drillPermit({ node: name, nodes, policies: [], now: NOW })).toMatchObject({
          kind: "refused",
          code: "another-drill",
        });
        refused.add(name);
      }
    }
  });

  test.each([
    // One node always, and from twenty on a tenth.
    [2, 1, "refused"],
    [10, 1, "refused"],
    [19, 1, "refused"],
    [20, 1, "allowed"],
    [20, 2, "refused"],
    [30, 2, "allowed"],
    [30, 0, "allowed"],
  ])("in a pool of %i with %i under a real notice is %s", (size, leaving, kind) => {
    const real = Array.from({ length: leaving }, (_, index) =>
      node(`real-${index}`, {
        ...DRILL,
        [NODE_ANNOTATION.interruptionSource]: "aws",
        ...state({ source: "aws" }),
      }),
    );
    const answer = ask([...real, ...quiet(size - leaving - 1)]);
    expect(answer).toMatchObject(kind === "allowed" ? { kind } : { kind, code: "share-of-pool" });
  });

  test("names the pool, the limit and who is being emptied", () => {
    const answer = ask([node("gone", state({ cause: "request", source: "coordinator" })), ...quiet(3)]);
    expect(answer).toEqual({
      kind: "refused",
      code: "share-of-pool",
      detail:
        "of the 5 nodes of pool spot at most 1 may be emptied at once, and gone is already; wait until it is gone or back",
    });
  });

  test("counts a real notice whose agent has written no state yet, and no node of another pool or policy", () => {
    const real = { ...DRILL, [NODE_ANNOTATION.interruptionSource]: "azure" };
    expect(ask([node("real", real)])).toMatchObject({ code: "share-of-pool" });
    expect(ask([node("real", real, { [NODE_LABEL.pool]: "else" })])).toEqual({ kind: "allowed" });
    const team = (name: string) => ({ [NODE_LABEL.pool]: "spot", team: name });
    const policies = [
      policy("a", { nodeSelector: { team: "a" } }),
      policy("b", { nodeSelector: { team: "b" } }),
    ];
    expect(ask([node("real", real, team("b"))], policies, node("mine", DRILL, team("a")))).toEqual({
      kind: "allowed",
    });
  });

  test.each([
    ["the policy that owns the node", policy("gpus", { drills: "Disabled" }), "refused"],
    [
      "a policy with another pool",
      policy("gpus", { drills: "Disabled", nodePools: [{ name: "x" }] }),
      "allowed",
    ],
    [
      "a policy that selects other nodes",
      policy("gpus", { drills: "Disabled", nodeSelector: { a: "b" } }),
      "allowed",
    ],
    [
      "a policy that is switched off and alone",
      policy("gpus", { drills: "Disabled", enabled: false }),
      "refused",
    ],
    [
      "a policy with other mistakes",
      policy("gpus", { drills: "Disabled", provider: 7, nodeSelector: 8 }),
      "refused",
    ],
    ["a policy of nonsense", { name: "gpus", spec: "text" }, "allowed"],
    ["a policy without a spec", { name: "gpus", spec: undefined }, "allowed"],
  ] as const)("with drills disabled by %s is %s", (_, of, kind) => {
    const answer = ask([], [of]);
    expect(answer).toMatchObject(kind === "allowed" ? { kind } : { kind, code: "policy-disabled" });
  });

  test("a policy that is switched off has no say beside a working one", () => {
    expect(ask([], [policy("off", { drills: "Disabled", enabled: false }), policy("on", {})])).toEqual({
      kind: "allowed",
    });
    expect(ask([], [policy("off", { enabled: false }), policy("on", { drills: "Disabled" })])).toMatchObject({
      detail: "policy on, to which node mine belongs, has drills: Disabled; set it to Enabled",
    });
  });

  test("knows nothing of a node that is not listed", () => {
    expect(drillPermit({ node: "mine", nodes: quiet(2), policies: [], now: NOW })).toMatchObject({
      kind: "unknown",
      code: "cannot-look",
    });
  });
});

test("a mark of a real notice is no drill that stands", () => {
  const real = { ...DRILL, [NODE_ANNOTATION.interruptionSource]: "gcp" };
  expect(isDrillStanding(node("n", real), NOW)).toBe(false);
});

/** Each agent looks after its own annotation is there, and what it has decided is written some time after. */
test("never lets two begin, however people annotate and agents look", () => {
  for (let seed = 0; seed < 200; seed++) playCrowd(seed);
});

function playCrowd(seed: number): void {
  const random = seededRandom(seed);
  const names = ["a", "b", "c", "d"];
  const agents = new Map(
    names.map((name) => [
      name,
      { asked: false, decided: null as "started" | "refused" | null, at: 0, written: false },
    ]),
  );
  let now: number = NOW;
  for (let step = 0; step < 60; step++) {
    now += Math.floor(random() * 4_000);
    const name = names[Math.floor(random() * names.length)] ?? "a";
    const agent = agents.get(name);
    if (agent === undefined) continue;
    const nodes = names.map((each) => {
      const { asked, decided, at, written } = agents.get(each) ?? agent;
      const marks = written && decided !== null ? state({ phase: decided, seenAt: at }) : {};
      return node(each, { ...(asked ? DRILL : {}), ...marks }, { [NODE_LABEL.pool]: each });
    });
    const dice = random();
    if (!agent.asked) agent.asked = dice < 0.5;
    else if (agent.decided === null) {
      const answer = drillPermit({ node: name, nodes, policies: [], now: epochMs(now) });
      Object.assign(agent, { decided: answer.kind === "allowed" ? "started" : "refused", at: now });
    } else if (!agent.written) agent.written = true;
    else if (dice < 0.3) Object.assign(agent, { asked: false, decided: null, written: false });
    const begun = [...agents.values()].filter(({ decided }) => decided === "started");
    expect(begun.length, `seed ${seed}`).toBeLessThanOrEqual(1);
  }
}
