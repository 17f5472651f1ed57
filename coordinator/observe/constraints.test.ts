import { describe, expect, test } from "vitest";

import type { PodAffinityTerm, TopologySpreadConstraint } from "../../shared/model/kube.ts";
import { podObject } from "../../test/build/observed.ts";
import { constraintsOf } from "./constraints.ts";

const required = "requiredDuringSchedulingIgnoredDuringExecution";
const HOST = "kubernetes.io/hostname";

function apart(term: Partial<PodAffinityTerm>, labels: Readonly<Record<string, string>> = {}) {
  const podAntiAffinity = { [required]: [{ topologyKey: HOST, ...term }] };
  return constraintsOf(podObject({ labels, spec: { affinity: { podAntiAffinity } } })).podAntiAffinity?.[0];
}

function spread(
  constraint: Partial<TopologySpreadConstraint>,
  labels: Readonly<Record<string, string>> = {},
) {
  const whole = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule", ...constraint };
  return constraintsOf(podObject({ labels, spec: { topologySpreadConstraints: [whole] } })).spread?.[0];
}

describe("constraintsOf()", () => {
  test("gives nothing for a pod without any", () => {
    expect(constraintsOf(podObject())).toEqual({});
  });

  test("gives node terms with labels and names apart, and an empty list as one that matches nothing", () => {
    const terms = (nodeSelectorTerms: object[]) =>
      constraintsOf(
        podObject({ spec: { affinity: { nodeAffinity: { [required]: { nodeSelectorTerms } } } } }),
      ).nodeTerms;
    expect(
      terms([
        { matchExpressions: [{ key: "gpu", operator: "Exists" }] },
        { matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] },
        {},
      ]),
    ).toEqual([
      { labels: [{ key: "gpu", operator: "Exists", values: [] }], names: [] },
      { labels: [], names: [{ key: "metadata.name", operator: "In", values: ["n1"] }] },
      { labels: [], names: [] },
    ]);
    expect(terms([])).toEqual([]);
  });

  test("leaves preferences out", () => {
    const preferred: object = { preferredDuringSchedulingIgnoredDuringExecution: [{}] };
    const affinity = { nodeAffinity: preferred, podAffinity: preferred, podAntiAffinity: preferred };
    const anyway = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" };
    expect(constraintsOf(podObject({ spec: { affinity, topologySpreadConstraints: [anyway] } }))).toEqual({});
  });
});

describe("terms about other pods", () => {
  test.each([
    ["its own where the term says nothing", {}, ["team"], null],
    ["those that it names", { namespaces: ["a", "b"] }, ["a", "b"], null],
    ["those that it selects, and not its own", { namespaceSelector: {} }, [], {}],
    [
      "both",
      { namespaces: ["a"], namespaceSelector: { matchLabels: { t: "x" } } },
      ["a"],
      { matchLabels: { t: "x" } },
    ],
  ])("mean the pods of namespaces: %s", (_, term, namespaces, namespaceSelector) => {
    expect(apart({ labelSelector: {}, ...term })).toMatchObject({ namespaces, namespaceSelector });
  });

  test("select no pod without a selector, whatever label keys they name", () => {
    expect(apart({ matchLabelKeys: ["app"] }, { app: "a" })?.selector).toBeNull();
  });

  test("have the pod's own values of its label keys worked in, once", () => {
    const labels = { hash: "h1", tenant: "t1" };
    const term = {
      labelSelector: { matchLabels: { app: "a" } },
      matchLabelKeys: ["hash", "absent"],
      mismatchLabelKeys: ["tenant"],
    };
    const worked = {
      matchLabels: { app: "a" },
      matchExpressions: [
        { key: "hash", operator: "In", values: ["h1"] },
        { key: "tenant", operator: "NotIn", values: ["t1"] },
      ],
    } as const;
    expect(apart(term, labels)?.selector).toEqual(worked);
    // Newer servers store the selector with the keys worked in.
    expect(apart({ ...term, labelSelector: worked }, labels)?.selector).toEqual(worked);
  });
});

describe("spreading", () => {
  test("has the defaults of the API", () => {
    expect(spread({ labelSelector: { matchLabels: { app: "a" } } })).toEqual({
      topologyKey: "zone",
      maxSkew: 1,
      minDomains: 1,
      selector: { matchLabels: { app: "a" } },
      nodeAffinityPolicy: "Honor",
      nodeTaintsPolicy: "Ignore",
    });
  });

  test("keeps what it says, with its label keys worked in", () => {
    const said = { minDomains: 3, nodeAffinityPolicy: "Ignore", nodeTaintsPolicy: "Honor" } as const;
    expect(spread({ ...said, labelSelector: {}, matchLabelKeys: ["hash"] }, { hash: "h1" })).toMatchObject({
      ...said,
      selector: { matchExpressions: [{ key: "hash", operator: "In", values: ["h1"] }] },
    });
  });
});

describe("host ports", () => {
  const ports = (spec: object) => constraintsOf(podObject({ spec })).hostPorts;
  const container = (...list: object[]) => ({ name: "c", ports: list });

  test("have the defaults of the API, and none is one of the pod's own network", () => {
    expect(
      ports({
        containers: [
          container({ containerPort: 80 }, { containerPort: 81, hostPort: 8081 }),
          container({ hostPort: 53, hostIP: "10.0.0.1", protocol: "UDP" }),
        ],
      }),
    ).toEqual([
      { ip: "0.0.0.0", protocol: "TCP", port: 8081 },
      { ip: "10.0.0.1", protocol: "UDP", port: 53 },
    ]);
  });

  test("are all ports in the host's network", () => {
    expect(ports({ hostNetwork: true, containers: [container({ containerPort: 9100 })] })).toEqual([
      { ip: "0.0.0.0", protocol: "TCP", port: 9100 },
    ]);
  });

  test("are those of sidecars too, and not of init containers that end", () => {
    const sidecar = { ...container({ hostPort: 1 }), restartPolicy: "Always" };
    const initContainers = [sidecar, container({ hostPort: 2 })];
    expect(ports({ containers: [container()], initContainers })?.map(({ port }) => port)).toEqual([1]);
  });
});
