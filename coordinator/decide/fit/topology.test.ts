import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PodInput, PodTerm, SpreadInput } from "../snapshot-pod.ts";
import type { Place } from "./check.ts";
import { podAffinity } from "./pod-affinity.ts";
import { podAntiAffinity } from "./pod-anti-affinity.ts";
import { topologySpread } from "./topology-spread.ts";

const ZONE: string = NODE_LABEL.zone;
const HOST: string = NODE_LABEL.hostname;

const WEB = { labels: { app: "web" } };
const DB = { labels: { app: "db" } };

const term = (app: string, topologyKey = ZONE, fields: Partial<PodTerm> = {}): PodTerm => ({
  topologyKey,
  selector: { matchLabels: { app } },
  namespaces: ["default"],
  namespaceSelector: null,
  ...fields,
});
const even = (fields: Partial<SpreadInput> = {}): SpreadInput => ({
  topologyKey: ZONE,
  maxSkew: 1,
  minDomains: 1,
  selector: { matchLabels: WEB.labels },
  nodeAffinityPolicy: "Honor",
  nodeTaintsPolicy: "Ignore",
  ...fields,
});
const inZone = (zone: string, id = 0, fields: Parameters<typeof place>[0] = {}): Place =>
  place({ id, host: `new ${id}`, zone, ...fields });
const many = (count: number, fields: Partial<PodInput>, at: Place) =>
  Array.from({ length: count }, (_, index) => ({ pod: podWith(`${at.host}-${index}`, fields), at }));

describe("pod-affinity", () => {
  const a = inZone("a");
  const b = inZone("b", 1);

  test("is met where a match stands in the domain", () => {
    const pod = podWith("p", { ...WEB, podAffinity: [term("db")] });
    const context = contextOf([pod], many(1, DB, a), { open: [b] });
    expect(podAffinity.refusal(pod, a, context)).toBeNull();
    expect(podAffinity.refusal(pod, inZone("a", 7), context)).toBeNull();
    expect(podAffinity.refusal(pod, b, context)).toEqual({
      code: "pod-affinity",
      pool: "demo/gpu",
      term: "app=db by topology.kubernetes.io/zone",
    });
  });

  test("to its own kind lets the first one through, and the next only beside it", () => {
    const first = podWith("first", { ...WEB, podAffinity: [term("web")] });
    const next = podWith("next", { ...WEB, podAffinity: [term("web")] });
    const context = contextOf([first, next], [], { open: [a, b] });
    expect(podAffinity.refusal(first, b, context)).toBeNull();
    context.topology.add(first, b);
    expect(podAffinity.refusal(next, a, context)).not.toBeNull();
    expect(podAffinity.refusal(next, b, context)).toBeNull();
    context.topology.remove(first, b);
    expect(podAffinity.refusal(next, a, context)).toBeNull();
  });

  test("to others lets nobody be the first", () => {
    const pod = podWith("p", { ...WEB, podAffinity: [term("db")] });
    expect(podAffinity.refusal(pod, a, contextOf([pod], [], { open: [a] }))).not.toBeNull();
  });

  test("refuses a node without the label, even to the first", () => {
    const pod = podWith("p", { ...WEB, podAffinity: [term("web")] });
    expect(podAffinity.refusal(pod, place(), contextOf([pod]))).not.toBeNull();
  });

  test("of two terms asks for pods that meet both", () => {
    const pod = podWith("p", {
      podAffinity: [term("db"), term("db", HOST, { selector: { matchLabels: { tier: "1" } } })],
    });
    const half = contextOf(
      [pod],
      [...many(1, DB, a), { pod: podWith("t", { labels: { tier: "1" } }), at: a }],
    );
    expect(podAffinity.refusal(pod, a, half)).not.toBeNull();
    const both = contextOf([pod], many(1, { labels: { app: "db", tier: "1" } }, a));
    expect(podAffinity.refusal(pod, a, both)).toBeNull();
  });

  test.each<readonly [string, Partial<PodTerm>, boolean]>([
    ["its own namespace", {}, false],
    ["the other by name", { namespaces: ["default", "prod"] }, true],
    ["all namespaces", { namespaces: [], namespaceSelector: {} }, true],
    [
      "the other by its labels",
      { namespaces: [], namespaceSelector: { matchLabels: { env: "prod" } } },
      true,
    ],
    [
      "others by their labels",
      { namespaces: [], namespaceSelector: { matchLabels: { env: "test" } } },
      false,
    ],
    [
      "the other by the name that every namespace has as a label",
      { namespaces: [], namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "prod" } } },
      true,
    ],
    ["no pod at all", { namespaces: ["prod"], selector: null }, false],
    ["every pod of the other", { namespaces: ["prod"], selector: {} }, true],
  ])("reaches another namespace when it asks for %s", (_, fields, expected) => {
    const pod = podWith("p", { podAffinity: [term("db", ZONE, fields)] });
    const context = contextOf([pod], many(1, { ...DB, key: "prod/db" }, a), {
      namespaces: { prod: { env: "prod" } },
    });
    expect(podAffinity.refusal(pod, a, context) === null).toBe(expected);
  });
});

describe("pod-anti-affinity", () => {
  test("on the hostname is one pod for each node, planned ones too", () => {
    const pod = podWith("p", { ...WEB, podAntiAffinity: [term("web", HOST)] });
    const taken = place({ id: 1, host: "new 1" });
    const context = contextOf([pod], [{ pod: podWith("q", WEB), at: taken }]);
    expect(podAntiAffinity.refusal(pod, taken, context)).toEqual({
      code: "pod-anti-affinity",
      pool: "demo/gpu",
      term: "app=web by kubernetes.io/hostname",
      with: "default/q",
    });
    expect(podAntiAffinity.refusal(pod, place({ id: 2, host: "new 2" }), context)).toBeNull();
  });

  test("of a pod that is there keeps out others that say nothing", () => {
    const pod = podWith("p", WEB);
    const at = inZone("a");
    const hermit = { pod: podWith("hermit", { ...DB, podAntiAffinity: [term("web")] }), at };
    const context = contextOf([pod], [hermit]);
    expect(podAntiAffinity.refusal(pod, inZone("a", 3), context)).toMatchObject({
      term: "app=web by topology.kubernetes.io/zone",
      with: "default/hermit",
    });
    expect(podAntiAffinity.refusal(pod, inZone("b"), context)).toBeNull();
    expect(podAntiAffinity.refusal(podWith("other", DB), at, context)).toBeNull();
  });

  test("does not see a domain in a node without the label", () => {
    const pod = podWith("p", { ...WEB, podAntiAffinity: [term("web")] });
    const at = place();
    expect(podAntiAffinity.refusal(pod, at, contextOf([pod], many(1, WEB, at)))).toBeNull();
  });

  test("names the first pod by name, whichever came first", () => {
    const pod = podWith("p", { podAntiAffinity: [term("web")] });
    const at = inZone("a");
    const two = [podWith("z", WEB), podWith("b", WEB)].map((one) => ({ pod: one, at }));
    expect(podAntiAffinity.refusal(pod, at, contextOf([pod], two))).toMatchObject({ with: "default/b" });
  });
});

describe("topology-spread", () => {
  const a = inZone("a");
  const b = inZone("b", 1);
  const spreadOver = (inA: number, inB: number, fields: Partial<SpreadInput> = {}, labels = WEB) => {
    const pod = podWith("p", { ...labels, spread: [even(fields)] });
    const context = contextOf([pod], [...many(inA, WEB, a), ...many(inB, WEB, b)], { open: [a, b] });
    return topologySpread.refusal(pod, a, context);
  };

  test.each<readonly [string, Parameters<typeof spreadOver>, number | null]>([
    ["as many as the other", [2, 2], null],
    ["one more than the other already", [2, 1], 2],
    ["within a larger skew", [2, 1, { maxSkew: 2 }], null],
    ["one more already, and the pod does not count itself", [2, 1, {}, DB], null],
    ["two more already, although the pod does not count itself", [3, 1, {}, DB], 2],
    [
      "fewer domains than there should be, so that the emptiest counts as empty",
      [1, 1, { minDomains: 3 }],
      2,
    ],
    ["as many domains as there should be", [1, 1, { minDomains: 2 }], null],
    ["a selector that selects nothing", [5, 0, { selector: null }], null],
  ])("%s", (_, args, skew) => {
    const refusal = spreadOver(...args);
    if (skew === null) expect(refusal).toBeNull();
    else
      expect(refusal).toEqual({
        code: "topology-spread",
        pool: "demo/gpu",
        key: ZONE,
        domain: "a",
        skew,
        maxSkew: 1,
      });
  });

  test("does not count what is on its way out, or of another namespace", () => {
    const pod = podWith("p", { ...WEB, spread: [even()] });
    const standing = [...many(3, { ...WEB, terminating: true }, a), ...many(1, { ...WEB, key: "prod/x" }, a)];
    expect(topologySpread.refusal(pod, a, contextOf([pod], standing, { open: [a, b] }))).toBeNull();
  });

  test("refuses a node without the label", () => {
    const pod = podWith("p", { ...WEB, spread: [even()] });
    expect(topologySpread.refusal(pod, place(), contextOf([pod]))).toMatchObject({ domain: "" });
  });

  test("counts a domain from the moment that its node is planned", () => {
    const pod = podWith("p", { ...WEB, spread: [even()] });
    const context = contextOf([pod], many(1, WEB, a));
    expect(topologySpread.refusal(pod, a, context)).toBeNull();
    context.topology.open(b);
    expect(topologySpread.refusal(pod, a, context)).toMatchObject({ skew: 2 });
    context.topology.close(b);
    expect(topologySpread.refusal(pod, a, context)).toBeNull();
  });

  test("by hostname compares nodes one by one", () => {
    const pod = podWith("p", { ...WEB, spread: [even({ topologyKey: HOST })] });
    const nodes = Array.from({ length: 3 }, (_, id) => place({ id, host: `new ${id}` }));
    const [first, second, third] = nodes;
    if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
    const context = contextOf([pod], [...many(1, WEB, first), ...many(1, WEB, second)], { open: nodes });
    expect(topologySpread.refusal(pod, first, context)).toMatchObject({ skew: 2, domain: "new 0" });
    expect(topologySpread.refusal(pod, third, context)).toBeNull();
    context.topology.add(podWith("q", WEB), third);
    expect(topologySpread.refusal(pod, first, context)).toBeNull();
  });

  describe("leaves out nodes", () => {
    const ssd = inZone("a", 0, { labels: { disk: "ssd" } });
    const hdd = inZone("b", 1);
    const tainted = inZone("b", 2, { labels: { disk: "ssd" }, taints: [{ key: "x", effect: "NoSchedule" }] });

    test.each<readonly [string, Place, Partial<SpreadInput>, boolean]>([
      ["that the pod's selector excludes", hdd, {}, true],
      ["unless it says to ignore that", hdd, { nodeAffinityPolicy: "Ignore" }, false],
      ["whose taints it does not tolerate only when it says so", tainted, {}, false],
      ["whose taints it does not tolerate", tainted, { nodeTaintsPolicy: "Honor" }, true],
    ])("%s", (_, other, fields, expected) => {
      const pod = podWith("p", { ...WEB, nodeSelector: { disk: "ssd" }, spread: [even(fields)] });
      const context = contextOf([pod], many(1, WEB, ssd), { open: [other] });
      expect(topologySpread.refusal(pod, ssd, context) === null).toBe(expected);
    });

    test("that lack the label of another of its constraints", () => {
      const racked = inZone("a", 0, { labels: { rack: "1" } });
      const constraints = [even(), even({ topologyKey: "rack", maxSkew: 9 })];
      const pod = podWith("p", { ...WEB, spread: constraints });
      const context = contextOf([pod], many(1, WEB, racked), { open: [hdd] });
      expect(topologySpread.refusal(pod, racked, context)).toBeNull();
    });
  });

  test("of a pod that nobody named at the beginning still compares nodes that were there before", () => {
    const context = contextOf([], many(1, WEB, a), { open: [a, b] });
    const late = podWith("late", { ...WEB, spread: [even({ minDomains: 2 })] });
    const next = podWith("next", { ...WEB, spread: [even({ minDomains: 2 })] });
    expect(topologySpread.refusal(late, b, context)).toBeNull();
    context.topology.add(late, b);
    expect(topologySpread.refusal(next, b, context)).toMatchObject({ skew: 2 });
  });
});

describe("absurd terms", () => {
  const at = inZone("a");
  const everyApp = Array.from({ length: 1_000 }, (_, index) =>
    term(`app-${index}`, index % 2 === 0 ? ZONE : HOST),
  );

  test("a thousand of them are one refusal", () => {
    const pod = podWith("p", { podAffinity: everyApp, podAntiAffinity: everyApp });
    const context = contextOf([pod], many(1, { labels: { app: "app-7" } }, at));
    expect(podAffinity.refusal(pod, at, context)?.code).toBe("pod-affinity");
    expect(podAntiAffinity.refusal(pod, at, context)).toMatchObject({
      term: "app=app-7 by kubernetes.io/hostname",
    });
  });

  test("two that wait for each other are both refused", () => {
    const first = podWith("first", { ...WEB, podAffinity: [term("db")] });
    const second = podWith("second", { ...DB, podAffinity: [term("web")] });
    const context = contextOf([first, second], [], { open: [at] });
    expect(podAffinity.refusal(first, at, context)?.code).toBe("pod-affinity");
    expect(podAffinity.refusal(second, at, context)?.code).toBe("pod-affinity");
  });

  test("one that wants to be near what it avoids is refused wherever the other is", () => {
    const pod = podWith("p", { podAffinity: [term("db")], podAntiAffinity: [term("db")] });
    const context = contextOf([pod], many(1, DB, at), { open: [inZone("b", 1)] });
    expect(podAntiAffinity.refusal(pod, at, context)?.code).toBe("pod-anti-affinity");
    expect(podAffinity.refusal(pod, inZone("b", 1), context)?.code).toBe("pod-affinity");
  });

  test("one that avoids itself runs once in each domain", () => {
    const pod = podWith("p", { ...WEB, podAffinity: [term("web")], podAntiAffinity: [term("web")] });
    const context = contextOf([pod, podWith("q", { ...pod, key: "default/q" })], [], { open: [at] });
    expect(podAffinity.refusal(pod, at, context)).toBeNull();
    expect(podAntiAffinity.refusal(pod, at, context)).toBeNull();
  });
});
