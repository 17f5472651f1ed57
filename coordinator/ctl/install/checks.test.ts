import { describe, expect, test } from "vitest";

import { policyDefinition } from "../../../deploy/crd/crd.ts";
import { LEASE_NAME, POD_SECURITY_LABEL, SERVICE_ACCOUNT } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { ago, read } from "../../../test/build/doctor-facts.ts";
import { NOW } from "../../../test/build/now.ts";
import type { Read, Verdict } from "../doctor/finding.ts";
import type { Workload } from "../doctor/kinds.ts";
import { PRE_FLIGHT, preFlight } from "./checks.ts";
import type { PreFlight } from "./facts.ts";
import type { Rendered } from "./helm.ts";

const { namespace } = SERVICE_ACCOUNT;
const RELEASE = "gpu-autoscaler";
const failed: Read<never> = { kind: "failed", why: "no answer", way: "try again" };
const absent: Read<never> = { kind: "absent", why: "404" };

const ours = { "meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": namespace };
const theirs = { "meta.helm.sh/release-name": "gpus", "meta.helm.sh/release-namespace": "ops" };
const defined = policyDefinition();
const nats = (storageClassName?: string): Rendered =>
  ({
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "gpu-autoscaler-nats" },
    spec: { volumeClaimTemplates: [{ spec: storageClassName === undefined ? {} : { storageClassName } }] },
  }) as Rendered;
const spec = {
  provider: "custom",
  nodePools: [{ name: "gpus", maxSize: 3, capacityType: "on-demand", price: { usdPerHour: 1 } }],
};
const policyOf = (of: object): Rendered =>
  ({
    apiVersion: "gpu-autoscaler.io/v1alpha1",
    kind: "AutoscalingPolicy",
    metadata: { name: "training" },
    spec: of,
  }) as Rendered;
const runs = (name: string, image: string, more: object = {}): Workload => ({
  metadata: { namespace: "kube-system", name },
  spec: { template: { spec: { containers: [{ name: "main", image }] } }, ...more },
});
const lease = (at: string, renewTime: string) =>
  read([
    {
      metadata: { namespace: at, name: LEASE_NAME },
      spec: { holderIdentity: "c", leaseDurationSeconds: 10, renewTime },
    },
  ]);

function fit(change: Partial<PreFlight> = {}): PreFlight {
  return {
    now: epochMs(NOW),
    namespace,
    release: RELEASE,
    helm: read("v3.18.4+gd80839c"),
    rendered: read([nats()]),
    version: read({ major: "1", minor: "34", gitVersion: "v1.34.1" }),
    space: absent,
    definition: absent,
    unserved: read([]),
    standing: read([]),
    rights: read([
      { verb: "create", resource: "clusterroles", purpose: "what the chart makes", allowed: true },
    ]),
    trial: read([{ object: "ClusterRole a", refusal: null }]),
    storageClasses: read([
      {
        metadata: { name: "gp3", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
        provisioner: "ebs",
      },
    ]),
    servers: read([]),
    certificates: read([]),
    secrets: read([]),
    leases: read([]),
    workloads: read([runs("coredns", "registry.k8s.io/coredns/coredns:v1.12")]),
    ...change,
  };
}

type Check = keyof typeof PRE_FLIGHT;
function found(check: Check, change: Partial<PreFlight>) {
  const finding = preFlight(fit(change)).find((each) => each.check === check);
  if (finding === undefined) throw new Error(check);
  return finding;
}

/** One thing that does not fit, the check that has to name it, and words of what it says. */
const UNFIT: readonly (readonly [Check, Verdict, Partial<PreFlight>, RegExp])[] = [
  ["helm", "fail", { helm: absent }, /no helm in PATH/],
  ["helm", "fail", { helm: read("v3.9.0") }, /v3\.9\.0/],
  ["values", "fail", { rendered: { ...failed, why: "replicaCuont is not allowed" } }, /replicaCuont/],
  [
    "api-version",
    "fail",
    { version: read({ major: "1", minor: "29+", gitVersion: "v1.29.4" }) },
    /v1\.29\.4/,
  ],
  [
    "namespace",
    "fail",
    { space: read({ metadata: { name: namespace, labels: { [POD_SECURITY_LABEL]: "restricted" } } }) },
    /"restricted".*no agent could start/,
  ],
  ["kinds", "fail", { unserved: read(["PodMonitor in monitoring.coreos.com/v1"]) }, /PodMonitor/],
  [
    "definition",
    "warn",
    { definition: read({ metadata: { name: "d" }, spec: { versions: [] } }) },
    /v1alpha1/,
  ],
  [
    "definition",
    "warn",
    {
      definition: read({
        metadata: { name: "d" },
        spec: { versions: [{ name: "v1alpha1", served: true, schema: {} }] },
      }),
    },
    /another version/,
  ],
  [
    "definition",
    "fail",
    { definition: read({ metadata: { ...defined.metadata, annotations: theirs }, spec: defined.spec }) },
    /release ops\/gpus/,
  ],
  [
    "ownership",
    "fail",
    { standing: read([{ metadata: { name: "gpu-autoscaler-agent", annotations: theirs } }]) },
    /gpu-autoscaler-agent \(release ops\/gpus's\)/,
  ],
  ["ownership", "fail", { standing: read([{ metadata: { name: "a" } }]) }, /no Helm release's/],
  [
    "rights",
    "fail",
    { rights: read([{ verb: "create", resource: "clusterroles", purpose: "the chart", allowed: false }]) },
    /create clusterroles for the chart/,
  ],
  [
    "objects",
    "fail",
    { trial: read([{ object: "ClusterRole a", refusal: "403 escalation" }]) },
    /403 escalation/,
  ],
  ["policies", "fail", { rendered: read([policyOf({ ...spec, provider: "moon" })]) }, /training: .*provider/],
  ["nats", "fail", { storageClasses: read([]) }, /no StorageClass is the default/],
  ["nats", "fail", { rendered: read([nats("fast")]) }, /no StorageClass fast, of 1 class \(gp3\)/],
  ["nats", "fail", { rendered: read([]) }, /no NATS is named/],
  [
    "nats",
    "fail",
    { rendered: read([]), servers: read([{ url: "nats://n.m.svc", state: "no-service" }]) },
    /n\.m\.svc \(there is no such service\)/,
  ],
  [
    "nats",
    "warn",
    {
      rendered: read([]),
      servers: read([
        { url: "nats://a.m.svc", state: "ready" },
        { url: "nats://b.m.svc", state: "no-endpoint" },
      ]),
    },
    /b\.m\.svc \(no pod behind it is ready\)/,
  ],
  [
    "nats",
    "unknown",
    { rendered: read([]), servers: read([{ url: "tls://nats.example.com", state: "unseen" }]) },
    /nats\.example\.com/,
  ],
  [
    "certificates",
    "fail",
    { certificates: read([{ place: "Secret a, tls.crt", expires: epochMs(NOW - 1) }]) },
    /ended on/,
  ],
  [
    "secrets",
    "fail",
    { secrets: read(["gpu-autoscaler-nats-keys"]) },
    /wait for 1 Secret \(gpu-autoscaler-nats-keys\)/,
  ],
  ["secrets", "unknown", { secrets: failed }, /no answer/],
  ["second-coordinator", "fail", { leases: lease("ops", ago(2_000)) }, /already in 1 namespace \(ops\)/],
  [
    "second-coordinator",
    "fail",
    { workloads: read([{ metadata: { namespace: "ops", name: SERVICE_ACCOUNT.coordinator } }]) },
    /ops/,
  ],
  // Neither its name nor its lease is ours.
  [
    "second-coordinator",
    "fail",
    {
      workloads: read([
        {
          metadata: { namespace: "ops", name: "gpus" },
          spec: {
            template: {
              spec: {
                containers: [{ name: "main", env: [{ name: "GPUAS_LEASE_NAME", value: "gpus" }] }],
              },
            },
          },
        },
      ]),
    },
    /already in 1 namespace \(ops\)/,
  ],
  [
    "other-autoscalers",
    "warn",
    { workloads: read([runs("ca", "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.0")]) },
    /Cluster Autoscaler \(kube-system\/ca\)/,
  ],
  [
    "other-autoscalers",
    "warn",
    { workloads: read([runs("karpenter", "public.ecr.aws/karpenter/controller:1.8.1@sha256:0")]) },
    /Karpenter/,
  ],
];

describe("preFlight()", () => {
  test("has nothing against a cluster that is fit, and none against an upgrade", () => {
    expect(preFlight(fit()).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    const upgraded = fit({
      space: read({ metadata: { name: namespace, labels: { [POD_SECURITY_LABEL]: "privileged" } } }),
      definition: read({ metadata: defined.metadata, spec: defined.spec }),
      standing: read([{ metadata: { name: "gpu-autoscaler-agent", annotations: ours } }]),
      leases: lease(namespace, ago(1_000)),
      rendered: read([nats("gp3"), policyOf(spec)]),
    });
    expect(preFlight(upgraded).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
  });

  test.each(UNFIT)("%s: %s", (check, verdict, change, words) => {
    const finding = found(check, change);
    expect(finding).toMatchObject({ verdict });
    expect(finding.evidence).toMatch(words);
    expect(finding.way).not.toBeNull();
  });

  test("has something unfit for every check", () => {
    const covered = new Set(UNFIT.map(([check]) => check));
    expect(Object.keys(PRE_FLIGHT).filter((check) => !covered.has(check as Check))).toEqual([]);
  });

  test("knows nothing when nothing can be read, and takes values that cannot be rendered for wrong ones", () => {
    const nothing = Object.fromEntries(
      Object.entries(fit()).map(([name, value]) => [name, typeof value === "object" ? failed : value]),
    );
    const all = preFlight({ ...fit(), ...nothing });
    expect(all.filter(({ verdict }) => verdict !== "unknown").map(({ check }) => check)).toEqual(["values"]);
  });

  test("takes no coordinator for a second one that is gone, or scaled to nothing", () => {
    const gone = fit({
      leases: lease("ops", ago(600_000)),
      workloads: read([
        { metadata: { namespace: "ops", name: SERVICE_ACCOUNT.coordinator }, spec: { replicas: 0 } },
        runs("cluster-autoscaler", "registry.k8s.io/autoscaling/cluster-autoscaler:v1", { replicas: 0 }),
        runs("karpenter-docs", "example.com/karpenter-docs:1"),
      ]),
    });
    expect(preFlight(gone).filter(({ verdict }) => verdict !== "ok")).toEqual([]);
  });
});
