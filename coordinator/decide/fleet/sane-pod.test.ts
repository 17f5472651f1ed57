import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { daemonSet, pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { PodInput, PodTerm, SpreadInput } from "../snapshot-pod.ts";
import { MAX_TERMS } from "./sane-pod-parts.ts";
import { malformedPod, readableDaemons } from "./sane-pod.ts";
import { sane } from "./sane.ts";

const TERM: PodTerm = {
  topologyKey: "kubernetes.io/hostname",
  selector: { matchLabels: { app: "a" }, matchExpressions: [{ key: "k", operator: "Exists" }] },
  namespaces: ["default"],
  namespaceSelector: null,
};
const SPREAD: SpreadInput = {
  topologyKey: "zone",
  maxSkew: 1,
  minDomains: 1,
  selector: null,
  nodeAffinityPolicy: "Honor",
  nodeTaintsPolicy: "Ignore",
};
const NODE_TERM = { labels: [{ key: "zone", operator: "In", values: ["a"] }], names: [] } as const;

/** Everything that a pod can have, all of it well. */
const FULL: Partial<PodInput> = {
  labels: { app: "a" },
  nodeTerms: [NODE_TERM],
  podAffinity: [TERM],
  podAntiAffinity: [{ ...TERM, namespaceSelector: {} }],
  spread: [SPREAD],
  hostPorts: [{ ip: "0.0.0.0", protocol: "TCP", port: 8080 }],
  volumes: [
    { kind: "bound", claim: "default/a", nodeTerms: [NODE_TERM], driver: "d" },
    { kind: "first-consumer", claim: "default/b", nodeTerms: null, driver: null },
    { kind: "missing", claim: "default/c" },
  ],
  gang: { id: "PodGroup default/g", minimum: null, source: "PodGroup" },
  resourceClaims: ["gpu"],
  provisioningRequest: "r",
  gpuModel: "A100",
  localStorage: true,
  startedAt: epochMs(1),
  endsAt: epochMs(2),
  endingSince: epochMs(1),
  ready: false,
};

/** What a file can hold that the types do not allow. */
const odd = (part: Readonly<Record<string, unknown>>): PodInput =>
  ({ ...pod("p"), ...FULL, ...part }) as PodInput;

describe("malformedPod()", () => {
  test("finds nothing in a pod that has nothing, and in one that has everything", () => {
    expect(malformedPod(pod("p"))).toBeNull();
    expect(malformedPod({ ...pod("p"), ...FULL })).toBeNull();
  });

  test.each([
    ["a label", { labels: { app: 1 } }],
    ["node affinity, which is no list", { nodeTerms: {} }],
    ["entry 1 of node affinity", { nodeTerms: [{ labels: [] }] }],
    [
      "entry 2 of node affinity",
      { nodeTerms: [NODE_TERM, { labels: [{ key: "k", operator: "Near", values: [] }], names: [] }] },
    ],
    ["entry 1 of pod affinity", { podAffinity: [{ ...TERM, selector: "app=a" }] }],
    ["entry 1 of pod anti-affinity", { podAntiAffinity: [{ ...TERM, topologyKey: undefined }] }],
    [
      "entry 1 of pod anti-affinity",
      { podAntiAffinity: [{ ...TERM, selector: { matchExpressions: [{ key: "k", operator: "Gt" }] } }] },
    ],
    ["entry 1 of topology spread", { spread: [{ ...SPREAD, maxSkew: 0 }] }],
    ["entry 1 of topology spread", { spread: [{ ...SPREAD, maxSkew: Number.NaN }] }],
    ["entry 1 of topology spread", { spread: [{ ...SPREAD, minDomains: 1.5 }] }],
    ["entry 1 of topology spread", { spread: [{ ...SPREAD, nodeTaintsPolicy: "Maybe" }] }],
    ["entry 1 of host ports", { hostPorts: [{ ip: "", protocol: "TCP", port: Number.NaN }] }],
    ["entry 1 of host ports", { hostPorts: [{ ip: "", protocol: "TCP", port: 65_536 }] }],
    ["entry 1 of volumes", { volumes: [{ kind: "gone", claim: "c" }] }],
    ["entry 1 of volumes", { volumes: [{ kind: "bound", claim: "c", nodeTerms: [7], driver: null }] }],
    ["entry 1 of resource claims", { resourceClaims: [null] }],
    ["its gang", { gang: { id: "g", minimum: 0, source: "PodGroup" } }],
    ["its gang", { gang: { id: "g", minimum: 2, source: "Nobody" } }],
    ["its provisioning request", { provisioningRequest: {} }],
    ["its GPU model", { gpuModel: 100 }],
    ["its local storage", { localStorage: "yes" }],
    ["its readiness", { ready: null }],
    ["its start", { startedAt: -1 }],
    ["its end", { endsAt: Number.POSITIVE_INFINITY }],
    ["the beginning of its end", { endingSince: "now" }],
  ])("names %s: %j", (what, part) => {
    expect(malformedPod(odd(part))).toBe(what);
  });

  test("reads a hundred terms of a kind and not one more", () => {
    const terms = (count: number) => Array.from({ length: count }, () => TERM);
    expect(malformedPod(odd({ podAffinity: terms(MAX_TERMS) }))).toBeNull();
    expect(malformedPod(odd({ podAffinity: terms(1_000) }))).toBe(
      "pod affinity: 1000 entries, at most 100 are read",
    );
  });

  test("never throws, whatever stands in a field", () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(FULL)), fc.anything(), (field, value) => {
        const answer = malformedPod(odd({ [field]: value }));
        expect(answer === null || answer.length > 0).toBe(true);
      }),
      { numRuns: 2_000, verbose: 1 },
    );
  });
});

describe("readableDaemons()", () => {
  const well = daemonSet("well", { nodeTerms: [NODE_TERM], tolerations: [{ operator: "Exists" }] });
  test.each([
    ["no request", { requests: null }],
    ["a negative one", { requests: { cpu: -1 } }],
    ["one that is no number", { requests: { cpu: Number.NaN } }],
    ["no uid", { uid: undefined }],
    ["a selector that is none", { nodeSelector: { gpu: 1 } }],
    ["terms that are none", { nodeTerms: [7] }],
    ["a thousand terms", { nodeTerms: Array.from({ length: 1_000 }, () => NODE_TERM) }],
    ["a toleration that is none", { tolerations: ["all"] }],
  ])("leaves out one with %s", (_, part) => {
    expect(readableDaemons([{ ...well, ...part }, well])).toEqual([well]);
  });

  test("has none where there is no list", () => {
    for (const odd of [null, {}, "all", 7]) expect(readableDaemons(odd)).toEqual([]);
  });
});

describe("sane(), of a pod that cannot be read", () => {
  const hostile = { podAntiAffinity: Array.from({ length: 1_000 }, () => TERM) };

  test("gives one that waits its reason, and decides about the others", () => {
    const made = sane(snapshot({ pods: [{ ...pod("bad"), ...hostile }, pod("good")] }));
    expect(made?.snapshot.pods.map(({ key }) => key)).toEqual(["default/good"]);
    expect(made?.unreadable).toEqual([
      {
        pod: "default/bad",
        because: [{ code: "malformed", what: "pod anti-affinity: 1000 entries, at most 100 are read" }],
      },
    ]);
  });

  test("keeps one that runs in its place, as one that does not move", () => {
    const made = sane(snapshot({ pods: [{ ...pod("bad", { node: "n1" }), ...hostile }] }));
    expect(made?.unreadable).toEqual([]);
    expect(made?.snapshot.pods).toMatchObject([
      {
        node: "n1",
        requests: { "nvidia.com/gpu": 1 },
        annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" },
      },
    ]);
    expect(made?.snapshot.pods[0]).not.toHaveProperty("podAntiAffinity");
  });
});
