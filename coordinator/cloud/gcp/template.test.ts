import { describe, expect, test } from "vitest";

import type { TemplateAnswer } from "./answers.ts";
import { factsOf, gpusOf, templateOf } from "./template.ts";

const GIB = 2 ** 30;

const KUBE_ENV = [
  'ALLOCATE_NODE_CIDRS: "true"',
  "AUTOSCALER_ENV_VARS: family_label=n1;kube_reserved=cpu=80m,memory=1843Mi,ephemeral-storage=41Gi;node_labels=cloud.google.com/gke-nodepool=spot-t4,team=ml;node_taints=nvidia.com/gpu=present:NoSchedule,spot=:NoExecute;os=linux",
  "KUBELET_CERT: a-secret",
].join("\n");

function template(properties: Partial<TemplateAnswer["properties"]>): TemplateAnswer {
  return { properties: { machineType: "n1-standard-8", ...properties } };
}

const ON_GKE = template({
  guestAccelerators: [{ acceleratorType: "nvidia-tesla-t4", acceleratorCount: 2 }],
  metadata: {
    items: [
      { key: "kube-env", value: KUBE_ENV },
      { key: "cluster-name", value: "prod" },
      { key: "cluster-location", value: "us-central1" },
    ],
  },
});

describe("an instance template of a GKE node pool", () => {
  test("says what the kubelet is told, and nothing of the secrets beside it", () => {
    const facts = factsOf(ON_GKE);
    expect(facts).toMatchObject({
      machineType: "n1-standard-8",
      accelerators: 2,
      labels: { "cloud.google.com/gke-nodepool": "spot-t4", team: "ml" },
      taints: [
        { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" },
        { key: "spot", effect: "NoExecute" },
      ],
      nodePool: { cluster: "prod", location: "us-central1", pool: "spot-t4" },
      problems: [],
    });
    expect(JSON.stringify(facts)).not.toContain("secret");
  });

  test("with the machine's size is what a node offers, less what is kept", () => {
    const sizes = new Map([["n1-standard-8", { cpuMillis: 8_000, memoryBytes: 30 * GIB }]]);
    const { allocatable } = templateOf(factsOf(ON_GKE), ["n1-standard-8"], sizes);
    expect(allocatable).toEqual({
      cpu: 7_920,
      memory: Math.floor(30 * GIB * 0.925 - (1_843 + 100) * 2 ** 20),
      pods: 110,
      "nvidia.com/gpu": 2,
    });
  });

  test("without the machine's size says no resources, which is not none", () => {
    const made = templateOf(factsOf(ON_GKE), ["n1-standard-8"], new Map());
    expect(made).not.toHaveProperty("allocatable");
    expect(made.instanceTypes).toEqual(["n1-standard-8"]);
  });
});

test("of a type in the catalogue the resources are the catalogue's", () => {
  const facts = factsOf(template({ machineType: "zones/us-central1-a/machineTypes/a2-highgpu-1g" }));
  expect(gpusOf("a2-highgpu-1g", facts)).toBe(1);
  expect(templateOf(facts, ["a2-highgpu-1g"], new Map())).toEqual({ instanceTypes: ["a2-highgpu-1g"] });
});

test("of a type that nobody knows without added cards the number of GPUs is not known", () => {
  expect(gpusOf("n1-standard-8", factsOf(template({})))).toBeNull();
});

test("what is written wrongly is said, and the rest holds", () => {
  const value = "AUTOSCALER_ENV_VARS: node_taints=a=b,c=d:NoSchedule;kube_reserved=cpu=much,memory=1Gi";
  const facts = factsOf(template({ metadata: { items: [{ key: "kube-env", value }] } }));
  expect(facts.taints).toEqual([{ key: "c", value: "d", effect: "NoSchedule" }]);
  expect(facts.reserved).toEqual({ memory: GIB });
  expect(facts.problems).toHaveLength(2);
  expect(facts.problems[0]).toMatch(/taint a=b/);
});

test("labels stand in kube-labels where GKE hands none to autoscalers", () => {
  const items = [{ key: "kube-labels", value: "a=b,cloud.google.com/gke-nodepool=p" }];
  expect(factsOf(template({ metadata: { items } })).labels).toEqual({
    a: "b",
    "cloud.google.com/gke-nodepool": "p",
  });
});
