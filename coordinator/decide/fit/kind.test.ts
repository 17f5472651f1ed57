import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { podWith } from "../../../test/build/place.ts";
import type { PodInput, PodTerm, SpreadInput, VolumeInput } from "../snapshot-pod.ts";
import { createKinds } from "./kind.ts";

const term = (fields: Partial<PodTerm> = {}): PodTerm => ({
  topologyKey: NODE_LABEL.hostname,
  selector: { matchLabels: { app: "web" } },
  namespaces: ["default"],
  namespaceSelector: null,
  ...fields,
});
const even: SpreadInput = {
  topologyKey: NODE_LABEL.zone,
  maxSkew: 1,
  minDomains: 1,
  selector: { matchLabels: { app: "web" } },
  nodeAffinityPolicy: "Honor",
  nodeTaintsPolicy: "Ignore",
};
const volume = (fields: object): readonly VolumeInput[] => [
  { kind: "bound", claim: "data", nodeTerms: null, driver: "ebs", ...fields },
];

/** Whether two pods are of one kind, where `others` are in play too. */
function alike(a: Partial<PodInput>, b: Partial<PodInput>, others: readonly PodInput[] = []): boolean {
  const [first, second] = [podWith("a", a), podWith("b", b)];
  const kinds = createKinds([first, second, ...others]);
  return kinds.of(first) === kinds.of(second);
}

describe("createKinds()", () => {
  const every: readonly Partial<PodInput>[] = [
    {},
    { requests: { cpu: 1 } },
    { requests: { cpu: 2 } },
    { gpuModel: "H100" },
    { nodeSelector: { disk: "ssd" } },
    { tolerations: [{ key: "gpu", operator: "Exists" }] },
    { nodeTerms: [] },
    { nodeTerms: [{ labels: [{ key: "disk", operator: "Exists", values: [] }], names: [] }] },
    { podAffinity: [term()] },
    { podAffinity: [term({ topologyKey: NODE_LABEL.zone })] },
    { podAffinity: [term({ selector: null })] },
    { podAntiAffinity: [term()] },
    { spread: [even] },
    { spread: [{ ...even, maxSkew: 2 }] },
    { spread: [{ ...even, minDomains: 2 }] },
    { spread: [{ ...even, nodeTaintsPolicy: "Honor" }] },
    { hostPorts: [{ ip: "0.0.0.0", protocol: "TCP", port: 80 }] },
    { hostPorts: [{ ip: "0.0.0.0", protocol: "UDP", port: 80 }] },
    { volumes: volume({}) },
    { volumes: volume({ driver: "nfs" }) },
    { volumes: volume({ nodeTerms: [] }) },
    { volumes: [{ kind: "lost", claim: "data" }] },
    { resourceClaims: ["gpu"] },
    { provisioningRequest: "pr" },
  ];

  test("tells pods apart by everything that a check reads", () => {
    const pods = every.map((fields, index) => podWith(`p${index}`, fields));
    const kinds = createKinds(pods);
    expect(new Set(pods.map((pod) => kinds.of(pod))).size).toBe(pods.length);
    expect(kinds.all.map(({ id }) => id)).toEqual(kinds.all.map((_, index) => index));
  });

  test.each<readonly [string, Partial<PodInput>, Partial<PodInput>]>([
    ["name, age, owner and priority", {}, { uid: "x", priority: 9, owner: null, annotations: { a: "b" } }],
    ["the order of names", { requests: { cpu: 1, memory: 2 } }, { requests: { memory: 2, cpu: 1 } }],
    ["the order of a selector", { nodeSelector: { a: "1", b: "2" } }, { nodeSelector: { b: "2", a: "1" } }],
    [
      "labels and namespaces that nobody asks about",
      { labels: { app: "web" } },
      { key: "prod/b", labels: { app: "db" } },
    ],
    [
      "names of claims that no other pod uses",
      { volumes: volume({}) },
      { volumes: volume({ claim: "other" }) },
    ],
  ])("does not tell them apart by %s", (_, a, b) => {
    expect(alike(a, b)).toBe(true);
  });

  const asks = [podWith("asks", { podAntiAffinity: [term()] })];

  test.each<readonly [string, Partial<PodInput>, Partial<PodInput>, boolean]>([
    ["a label that a selector asks about", { labels: { app: "web" } }, { labels: { app: "db" } }, false],
    ["values that the selector leaves out alike", { labels: { app: "x" } }, { labels: { app: "y" } }, true],
    [
      "the namespace of which it speaks",
      { labels: { app: "web" } },
      { key: "prod/b", labels: { app: "web" } },
      false,
    ],
    ["labels beside it", { labels: { app: "web", pod: "1" } }, { labels: { app: "web", pod: "2" } }, true],
  ])("with a selector in play, looks at %s", (_, a, b, expected) => {
    expect(alike(a, b, asks)).toBe(expected);
  });

  test("a claim that several pods use is known by its name", () => {
    const shared = podWith("c", { volumes: volume({}) });
    expect(alike({ volumes: volume({}) }, { volumes: volume({ claim: "other" }) }, [shared])).toBe(false);
  });

  test.each<readonly [string, Partial<PodInput>, boolean]>([
    ["nothing of the sort", { nodeSelector: { disk: "ssd" }, tolerations: [{ operator: "Exists" }] }, true],
    ["a label that somebody avoids", { labels: { app: "web" } }, false],
    ["a port of the host", { hostPorts: [{ ip: "", protocol: "TCP", port: 1 }] }, false],
    ["a volume that takes a driver's place", { volumes: volume({}) }, false],
    ["a volume that takes none", { volumes: volume({ driver: null }) }, true],
    ["a constraint", { spread: [even] }, false],
  ])("a pod with %s is plain: %o", (_, fields, plain) => {
    const pod = podWith("p", fields);
    expect(createKinds([pod, ...asks]).of(pod).plain).toBe(plain);
  });

  test("two claims ask more of a node than one claim that is mounted twice", () => {
    const [one] = volume({});
    const two = [...volume({}), ...volume({ claim: "other" })];
    const twice = one === undefined ? [] : [one, one];
    const kinds = createKinds([podWith("twice", { volumes: twice }), podWith("two", { volumes: two })]);
    expect(new Set(kinds.all.map(({ where }) => where)).size).toBe(2);
  });

  test("pods that ask the same of nodes share that, and those that request the same share that", () => {
    const [one, two, three] = [
      podWith("one", { requests: { cpu: 1 } }),
      podWith("two", { requests: { cpu: 2 } }),
      podWith("three", { requests: { cpu: 1 }, nodeSelector: { disk: "ssd" } }),
    ];
    const kinds = createKinds([one, two, three]);
    expect(kinds.of(one).where).toBe(kinds.of(two).where);
    expect(kinds.of(one).ask).toBe(kinds.of(three).ask);
    expect(kinds.of(one).where).not.toBe(kinds.of(three).where);
    expect(kinds.of(one).ask).not.toBe(kinds.of(two).ask);
  });
});
