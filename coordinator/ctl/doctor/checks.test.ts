import { describe, expect, test } from "vitest";

import { admission } from "../../../deploy/admission/admission.ts";
import type { AdmissionObject } from "../../../deploy/admission/cel.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import {
  CONDITION,
  GPU_RESOURCE,
  NODE_ANNOTATION,
  NODE_CONDITION,
  POD_SECURITY_LABEL,
  SERVICE_ACCOUNT,
  TAINT,
} from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import {
  ago,
  agentPod,
  gpuNode,
  healthyFacts,
  metricsPage,
  policy,
  read,
} from "../../../test/build/doctor-facts.ts";
import { NOW } from "../../../test/build/now.ts";
import type { ProbeAnswer } from "../../cloud/account.ts";
import { CHECKS, findings, verdictOf } from "./checks.ts";
import type { Facts } from "./facts.ts";
import type { Finding, Read, Verdict } from "./finding.ts";
import { TOPIC_PARTS } from "./topics.ts";
import { doctorText, rowsText } from "./words.ts";

type Check = keyof typeof CHECKS;

const { namespace } = SERVICE_ACCOUNT;
const failed: Read<never> = { kind: "failed", why: "no answer", way: "try again" };
const absent: Read<never> = { kind: "absent", why: "404" };

function found(check: Check, change: Partial<Facts>): Finding {
  const finding = findings(healthyFacts(change)).find((each) => each.check === check);
  if (finding === undefined) throw new Error(check);
  return finding;
}

const node = gpuNode("n1");
const cpuNode = { metadata: { name: "cpu-1" }, status: { capacity: { cpu: "4" } } };
const withCondition = (status: string, message: string, heard = ago(1_000)) => ({
  ...node,
  status: {
    ...node.status,
    conditions: [
      { type: "Ready", status: "True" },
      { type: NODE_CONDITION.gpuHealthy, status, message, lastHeartbeatTime: heard },
    ],
  },
});
const drain = (state: object) =>
  gpuNode("n1", {
    annotations: {
      [NODE_ANNOTATION.drainState]: JSON.stringify({
        v: 1,
        id: "d-1",
        cause: "notice",
        source: "drill",
        phase: "started",
        seenAt: NOW - 2 * 3_600_000,
        deadline: NOW - 3_600_000,
        replace: false,
        cordonedByUs: true,
        ...state,
      }),
    },
  });
const saying = (type: string, status: string) =>
  policy({
    status: {
      conditions: [
        { type, status, reason: "Tested", message: "pool gpus: it is so", lastTransitionTime: ago(1_000) },
      ],
    },
  });
const retired = {
  ...node,
  spec: {
    unschedulable: true,
    taints: [{ key: TAINT.scaleDown, value: "empty-0123456789ab", effect: "NoSchedule" as const }],
  },
};
const cordoned = {
  ...node,
  spec: {
    unschedulable: true,
    taints: [{ key: TAINT.spotInterruption, value: "aws-1", effect: "NoSchedule" as const }],
  },
};
const gpuPod: Pod = {
  metadata: { name: "train-0", namespace: "team-a", labels: { app: "train" } },
  spec: { nodeName: "n1", containers: [{ name: "c", resources: { requests: { [GPU_RESOURCE]: "8" } } }] },
  status: { phase: "Running" },
};
const budget = (spec: object) =>
  read([
    {
      metadata: { name: "hold", namespace: "team-a" },
      spec: { selector: { matchLabels: { app: "train" } }, ...spec },
    },
  ]);
const policiesOf = (objects: readonly AdmissionObject[]) =>
  read(
    objects
      .filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
      .map(({ metadata, spec }) => ({ metadata, spec: spec as object })),
  );
const rules = Object.values(admission()).flat() as readonly AdmissionObject[];
const elsewhere = Object.values(
  admission({ namespace: "ops", agent: SERVICE_ACCOUNT.agent, coordinator: SERVICE_ACCOUNT.coordinator }),
).flat() as readonly AdmissionObject[];
const { coordinator, definition, agents } = healthyFacts();
const deployment = coordinator.kind === "read" ? coordinator.value : { metadata: { name: "" } };
const defined = definition.kind === "read" ? definition.value : { metadata: { name: "" } };
const daemonSet = agents.kind === "read" ? agents.value : { metadata: { name: "" } };

const onAws = policy({
  spec: {
    provider: "aws",
    nodePools: [
      {
        name: "gpus",
        maxSize: 3,
        capacityType: "on-demand",
        price: { usdPerHour: 1 },
        group: { aws: { region: "us-west-2", autoScalingGroup: "gpus" } },
      },
    ],
  },
});
const rightsAt = (answers: readonly ProbeAnswer[]): Partial<Facts> => ({
  policies: read([onAws]),
  cloudRights: read({ accounts: [{ account: "aws us-west-2", backEnd: "aws", groups: 1, answers }] }),
});
const agentsServing = (without: readonly string[]): Partial<Facts> => ({
  agentMetrics: read([{ node: "n1", text: read(metricsPage("agent", without)) }]),
});

/** One broken thing, the check that has to name it, and words of what it says. */
const BROKEN: readonly (readonly [Check, Verdict, Partial<Facts>, RegExp])[] = [
  ["api-version", "fail", { version: read({ major: "1", minor: "29", gitVersion: "v1.29.4" }) }, /v1\.29\.4/],
  ["api-version", "unknown", { version: failed }, /no answer/],
  ["definition", "fail", { definition: absent }, /no definition/],
  ["definition", "fail", { definition: read({ ...defined, status: {} }) }, /not established/],
  ["definition", "fail", { definition: read({ ...defined, spec: { versions: [] } }) }, /does not serve/],
  [
    "definition",
    "warn",
    {
      definition: read({ ...defined, spec: { versions: [{ name: "v1alpha1", served: true, schema: {} }] } }),
    },
    /another version/,
  ],
  [
    "pod-security",
    "fail",
    { space: read({ metadata: { name: namespace, labels: { [POD_SECURITY_LABEL]: "restricted" } } }) },
    /"restricted".*no agent can start/,
  ],
  ["pod-security", "fail", { space: absent }, /no namespace/],
  [
    "clocks",
    "warn",
    {
      nodeLeases: read([
        { metadata: { name: "n1" }, spec: { renewTime: ago(-60_000) } },
        { metadata: { name: "n2" }, spec: { renewTime: ago(3_000) } },
      ]),
    },
    /1 node \(n1\) run ahead, by 1 min/,
  ],
  [
    "clocks",
    "warn",
    { nodeLeases: read([{ metadata: { name: "n1" }, spec: { renewTime: ago(-9_000) } }]) },
    /probably behind/,
  ],
  [
    "clocks",
    "warn",
    { nodeLeases: read([{ metadata: { name: "n1" }, spec: { renewTime: ago(90_000) } }]) },
    /silent/,
  ],
  ["clocks", "unknown", { nodeLeases: read([]) }, /cannot be compared/],
  [
    "certificates",
    "fail",
    { certificates: read([{ place: "Secret a, tls.crt", expires: epochMs(NOW - 1) }]) },
    /ended on/,
  ],
  [
    "certificates",
    "warn",
    { certificates: read([{ place: "Secret a, tls.crt", expires: epochMs(NOW + 86_400_000) }]) },
    /ends on/,
  ],
  [
    "certificates",
    "fail",
    { certificates: read([{ place: "Secret a, tls.crt", expires: null }]) },
    /cannot be read/,
  ],
  ["coordinator", "fail", { coordinator: absent }, /no coordinator/],
  ["coordinator", "warn", { coordinator: read({ ...deployment, status: { readyReplicas: 1 } }) }, /1 of 2/],
  ["coordinator", "fail", { coordinator: read({ ...deployment, status: {} }) }, /0 of 2/],
  ["coordinator", "fail", { coordinator: read({ ...deployment, spec: { replicas: 0 } }) }, /scaled to 0/],
  ["leader", "fail", { lease: absent }, /ever led/],
  ["leader", "warn", { lease: read({ metadata: { name: "l" }, spec: {} }) }, /nobody holds/],
  [
    "leader",
    "fail",
    {
      lease: read({
        metadata: { name: "l" },
        spec: { holderIdentity: "coordinator-1_a", renewTime: ago(60_000) },
      }),
    },
    /not renewed it for 1 min/,
  ],
  [
    "leader",
    "fail",
    { lease: read({ metadata: { name: "l" }, spec: { holderIdentity: "gone_a", renewTime: ago(1_000) } }) },
    /no pod/,
  ],
  ["leader-page", "fail", { page: absent }, /404/],
  [
    "leader-page",
    "fail",
    { page: { ...failed, why: "503 ServiceUnavailable: no endpoints" } },
    /no endpoints/,
  ],
  ["leader-page", "unknown", { page: { ...failed, why: "403 Forbidden" } }, /403/],
  [
    "nats",
    "fail",
    { probe: read({ checks: [{ name: "nats", ok: false, detail: "away: refused" }] }) },
    /away: refused/,
  ],
  ["nats", "unknown", { probe: failed }, /no answer/],
  ["nats-tokens", "fail", { agents: read({ ...daemonSet, spec: {} }) }, /mount no token/],
  [
    "nats-tokens",
    "fail",
    {
      coordinator: read({
        ...deployment,
        spec: {
          template: {
            spec: {
              containers: [
                {
                  name: "coordinator",
                  env: [
                    { name: "GPUAS_NATS_CALLOUT", value: "true" },
                    { name: "GPUAS_NATS_AUDIENCE", value: "other" },
                  ],
                },
              ],
            },
          },
        },
      }),
    },
    /takes other/,
  ],
  [
    "agent-rights",
    "fail",
    { agentRights: read([{ verb: "patch", resource: "nodes", purpose: "marks", allowed: false }]) },
    /lacks patch on nodes for marks/,
  ],
  [
    "coordinator-rights",
    "unknown",
    { coordinatorRights: { ...failed, way: "you need the right" } },
    /no answer/,
  ],
  ["admission", "fail", { admissionPolicies: absent }, /knows no/],
  ["admission", "warn", { admissionPolicies: read([]) }, /not installed: 7 admission policies \(/],
  ["admission", "warn", { admissionBindings: read([]) }, /not bound to deny/],
  ["admission", "fail", { admissionPolicies: policiesOf(elsewhere) }, /another account/],
  [
    "admission",
    "warn",
    {
      admissionPolicies: policiesOf(
        rules.map((rule, index) =>
          index > 0 ? rule : { ...rule, spec: { ...(rule["spec"] as object), validations: [] } },
        ),
      ),
    },
    /another version/,
  ],
  [
    "eviction-rule",
    "warn",
    {
      pods: read(
        Array.from({ length: 501 }, (_, index) => ({
          ...gpuPod,
          metadata: { name: `p${index}`, namespace: "big" },
        })),
      ),
    },
    /big with 501 pods/,
  ],
  ["agents", "fail", { agents: absent }, /no DaemonSet/],
  [
    "agents",
    "warn",
    { agents: read({ ...daemonSet, status: { desiredNumberScheduled: 2, numberReady: 1 } }) },
    /1 of 2/,
  ],
  ["agent-coverage", "fail", { pods: read([agentPod("n1")]) }, /1 node with GPUs \(n2\)/],
  ["agent-coverage", "unknown", { pods: failed }, /no answer/],
  ["agent-reports", "fail", { nodes: read([withCondition("True", "", ago(3_600_000))]) }, /1 node \(n1\)/],
  ["gpus", "fail", { nodes: read([withCondition("False", "GPU-0: fell off the bus")]) }, /fell off the bus/],
  [
    "gpus",
    "warn",
    { nodes: read([withCondition("Unknown", "not answered for 5 minutes")]) },
    /which is not idle/,
  ],
  [
    "versions",
    "warn",
    { pods: read([agentPod("n1"), agentPod("n2", "registry.example/agent:0.2.0")]) },
    /2 versions/,
  ],
  [
    "device-plugin",
    "fail",
    { nodes: read([{ ...node, status: { ...node.status, allocatable: {} } }]) },
    /no device plugin/,
  ],
  ["coordinator-metrics", "fail", { coordinatorMetrics: read("<html>no metrics</html>") }, /has none/],
  [
    "coordinator-metrics",
    "warn",
    { coordinatorMetrics: read(metricsPage("coordinator", ["gpu_autoscaler_leader"])) },
    /serves none of 1 series \(gpu_autoscaler_leader\), such as for the (dashboard|alert) /,
  ],
  ["coordinator-metrics", "unknown", { coordinatorMetrics: absent }, /404/],
  ["agent-metrics", "unknown", { agentMetrics: read([]) }, /no agent runs/],
  ["agent-metrics", "warn", agentsServing(["gpu_autoscaler_node_gpus"]), /node_gpus/],
  ["agent-metrics", "warn", agentsServing(["gpu_autoscaler_gpu_utilization_ratio"]), /no use of a GPU/],
  [
    "agent-metrics",
    "unknown",
    { agentMetrics: read([{ node: "n1", text: { ...failed, why: "401 Unauthorized" } }]) },
    /1 node \(n1\) cannot be read: 401/,
  ],
  [
    "agent-metrics",
    "unknown",
    {
      agentMetrics: read([{ node: "n1", text: { ...failed, why: "401 Unauthorized" } }]),
      agents: read({
        ...daemonSet,
        spec: {
          template: {
            spec: { containers: [{ name: "agent", env: [{ name: "GPUAS_METRICS_TOKENS", value: "true" }] }] },
          },
        },
      }),
    },
    /proxy shows them no token, so that 1 page \(n1\) cannot be read from here/,
  ],
  [
    "cloud-rights",
    "fail",
    rightsAt([{ call: "autoscaling:DetachInstances", outcome: "denied", detail: "not authorized" }]),
    /aws us-west-2: autoscaling:DetachInstances: not authorized/,
  ],
  [
    "cloud-rights",
    "unknown",
    rightsAt([{ call: "autoscaling:DetachInstances", outcome: "unknown", detail: "no such host" }]),
    /cannot be found out: no such host/,
  ],
  [
    "cloud-rights",
    "warn",
    rightsAt([
      { call: "autoscaling:DetachInstances", outcome: "allowed" },
      { call: "ec2:DescribeSpotPriceHistory", outcome: "denied", detail: "not authorized", optional: true },
    ]),
    /can do without: aws us-west-2: ec2:DescribeSpotPriceHistory/,
  ],
  ["cloud-rights", "unknown", { ...rightsAt([]), cloudRights: absent }, /no page about its rights/],
  ["policies", "fail", { policies: read([policy({ spec: { provider: "moon" } })]) }, /training: .*provider/],
  ["policies", "warn", { policies: read([policy({ status: { observedGeneration: 1 } })]) }, /last change/],
  ["policies", "unknown", { policies: absent }, /definition/],
  ["policy-groups", "fail", { policies: read([saying(CONDITION.noGroup, "True")]) }, /training: pool gpus/],
  [
    "policy-groups",
    "unknown",
    { policies: read([policy({ status: { conditions: [] } })]) },
    /no coordinator has said/,
  ],
  ["rivals", "warn", { policies: read([saying(CONDITION.groupsMatch, "False")]) }, /do not fit/],
  ["rivals", "warn", { policies: read([saying(CONDITION.rival, "True")]) }, /something else sizes/],
  ["rivals", "warn", { policies: read([saying(CONDITION.overlap, "True")]) }, /same nodes/],
  [
    "scaling",
    "warn",
    {
      policies: read([
        policy({
          status: {
            pendingPods: 3,
            pools: [
              {
                name: "gpus",
                ready: 2,
                booting: 0,
                decision: "hold",
                because: [{ code: "at-maximum", sentence: "maxNodes is reached" }],
              },
            ],
          },
        }),
      ]),
    },
    /training\/gpus: maxNodes is reached/,
  ],
  [
    "scaling",
    "warn",
    {
      policies: read([
        policy({
          status: {
            offerings: [
              {
                offering: "pool/gpus",
                kind: "denied",
                failures: 1,
                lastAt: ago(1),
                until: ago(-1),
                detail: "no rights",
              },
            ],
          },
        }),
      ]),
    },
    /pool\/gpus failed \(denied\): no rights/,
  ],
  [
    "pool-taints",
    "warn",
    {
      policies: read([
        policy({
          spec: {
            nodePools: [
              {
                name: "gpus",
                maxSize: 3,
                capacityType: "on-demand",
                taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }],
              },
            ],
          },
        }),
      ]),
    },
    /n1 lacks gpu:NoSchedule/,
  ],
  [
    "marks",
    "warn",
    { nodes: read([drain({})]), pods: read([]) },
    /1 node \(n1\): the cordon|1 node \(n1\): annotation/,
  ],
  ["drains", "warn", { nodes: read([drain({})]) }, /a drill since 2 h/],
  ["drains", "warn", { nodes: read([drain({ source: "aws" })]) }, /still here after 1 h/],
  [
    "drains",
    "warn",
    { nodes: read([gpuNode("n1", { annotations: { [NODE_ANNOTATION.drainState]: "{" } })]) },
    /cannot be read/,
  ],
  ["cordons", "warn", { nodes: read([retired]) }, /no policy knows/],
  ["cordons", "unknown", { nodes: read([retired]), policies: failed }, /not known/],
  ["versions", "unknown", { pods: read([]), agents: absent, coordinator: absent }, /no program of ours/],
  ["cordons", "warn", { nodes: read([cordoned]) }, /no state that says why/],
  [
    "budgets",
    "warn",
    { pods: read([gpuPod]), budgets: budget({ maxUnavailable: 0 }) },
    /team-a\/hold holds 1/,
  ],
  [
    "budgets",
    "warn",
    { pods: read([gpuPod]), budgets: budget({ minAvailable: "100%" }) },
    /team-a\/hold holds 1/,
  ],
];

describe("findings()", () => {
  test("says that all is well where all is well", () => {
    const all = findings(healthyFacts());
    expect(all.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(verdictOf(all)).toBe("ok");
  });

  test.each(BROKEN)("%s: %s", (check, verdict, change, words) => {
    const finding = found(check, change);
    expect(finding).toMatchObject({ verdict });
    expect(finding.evidence).toMatch(words);
    expect(finding.way).not.toBeNull();
  });

  test("has a broken cluster for every check", () => {
    const covered = new Set(BROKEN.map(([check]) => check));
    expect(Object.keys(CHECKS).filter((check) => !covered.has(check as Check))).toEqual([]);
  });

  test("knows nothing, and fails nothing, when nothing can be read", () => {
    const healthy = healthyFacts();
    const nothing = Object.fromEntries(
      Object.entries(healthy).map(([name, value]) => [name, typeof value === "object" ? failed : value]),
    );
    const all = findings({ ...healthy, ...nothing });
    expect([...new Set(all.map(({ verdict }) => verdict))]).toEqual(["unknown"]);
    expect(verdictOf(all)).toBe("unknown");
  });

  test("goes on past objects of another form", () => {
    const all = findings(
      healthyFacts({ nodes: read([JSON.parse('{"metadata":{"name":"n"},"status":{"conditions":7}}')]) }),
    );
    expect(all).toHaveLength(Object.keys(CHECKS).length);
    expect(all.find(({ check }) => check === "gpus")).toMatchObject({ verdict: "unknown" });
  });

  test("leaves in peace what is none of ours", () => {
    const foreign = { ...node, spec: { unschedulable: true } };
    const own = { ...gpuPod, metadata: { ...gpuPod.metadata, namespace: "team-b" } };
    expect(found("cordons", { nodes: read([foreign]) }).verdict).toBe("ok");
    expect(found("budgets", { pods: read([own]), budgets: budget({ maxUnavailable: 0 }) }).verdict).toBe(
      "ok",
    );
    expect(found("budgets", { pods: read([gpuPod]), budgets: budget({ maxUnavailable: 1 }) }).verdict).toBe(
      "ok",
    );
  });

  test("has nothing against a fleet at zero", () => {
    const none = healthyFacts({
      nodes: read([]),
      agentMetrics: read([]),
      nodeLeases: read([{ metadata: { name: "n0" }, spec: { renewTime: ago(1) } }]),
    });
    const told = findings(none).filter(({ check }) => check !== "clocks" && check !== "agents");
    expect(told.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
  });

  test("takes GPUs that are asked for by claims", () => {
    const slices = read([{ metadata: { name: "s" }, spec: { driver: "gpu.nvidia.com", nodeName: "n1" } }]);
    const claimed = { ...node, status: { ...node.status, allocatable: {} } };
    expect(found("device-plugin", { nodes: read([claimed]), slices }).verdict).toBe("ok");
  });
});

describe("doctorText()", () => {
  test("fits into 100 columns", () => {
    const all = BROKEN.map(([check, , change]) => found(check, change));
    const long = doctorText(all)
      .split("\n")
      .filter((line) => line.length > 100 && line.trim().includes(" "))
      // A word that is longer than its place stays whole.
      .filter((line) =>
        line
          .trim()
          .split(" ")
          .every((word) => word.length < 60),
      );
    expect(long).toEqual([]);
    expect(doctorText(findings(healthyFacts()))).toMatch(
      new RegExp(`checks: ${Object.keys(CHECKS).length} ok$`),
    );
  });
});

describe("a topic", () => {
  test("gpu has a row for each node with GPUs, with what its agent and the device plugin say", () => {
    const facts = healthyFacts({
      nodes: read([withCondition("False", "GPU-0: fell off the bus"), { metadata: { name: "n2" } }, cpuNode]),
      pods: read([agentPod("n2")]),
    });
    expect(TOPIC_PARTS.gpu.rows(facts)).toEqual([
      {
        node: "n1",
        ready: "ready",
        "GPUs there": "8",
        "for pods": "8",
        agent: "none",
        healthy: "False",
        heard: "1 s ago",
        says: "GPU-0: fell off the bus",
      },
      // Its kubelet has said nothing of it yet: not known is no 0.
      expect.objectContaining({ node: "n2", "GPUs there": "-", agent: "Running", healthy: "-", heard: "-" }),
    ]);
  });

  test("metrics has a row for each page, and names what is lacking there", () => {
    const pages = read([
      { node: "n1", text: read(metricsPage("agent", ["gpu_autoscaler_node_gpus"])) },
      { node: "n2", text: failed },
    ]);
    const rows = TOPIC_PARTS.metrics.rows(healthyFacts({ agentMetrics: pages }));
    expect(rows.map(({ page, lacking }) => [page, lacking])).toEqual([
      ["coordinator", "none"],
      ["agent on n1", "gpu_autoscaler_node_gpus"],
      ["agent on n2", "no answer"],
    ]);
  });

  test("clouds has a row for each call, and one for an account that could not be asked", () => {
    const accounts = [
      {
        account: "aws us-west-2",
        backEnd: "aws" as const,
        groups: 1,
        answers: [{ call: "autoscaling:DetachInstances", outcome: "allowed" as const }],
      },
      { account: "gcp p", backEnd: "gcp" as const, groups: 1, answers: null, problem: "no such host" },
    ];
    expect(TOPIC_PARTS.clouds.rows(healthyFacts({ cloudRights: read({ accounts }) }))).toEqual([
      { account: "aws us-west-2", call: "autoscaling:DetachInstances", outcome: "allowed", why: "-" },
      { account: "gcp p", call: "-", outcome: "unknown", why: "no such host" },
    ]);
  });

  test("has nothing to show and does not fail when nothing can be read", () => {
    const none = healthyFacts({ nodes: failed, pods: failed, cloudRights: failed, agentMetrics: failed });
    expect(TOPIC_PARTS.gpu.rows(none)).toEqual([]);
    expect(TOPIC_PARTS.clouds.rows(none)).toEqual([]);
    expect(rowsText(TOPIC_PARTS.metrics.rows(none))).toContain("coordinator");
  });
});
