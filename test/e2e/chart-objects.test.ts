// The chart's objects, as helm renders them with the value sets that are shipped, by their properties: what runs as whom,
// with which rights, what it mounts, how it is probed, who may reach it. No cluster.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { beforeAll, describe, expect, test } from "vitest";

import { GPU_MODEL_LABELS, NODE_LABEL, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { templateOf } from "../build/workload.ts";
import type { RenderedPod } from "../build/workload.ts";
import { AGENT_RULES } from "../control-plane/agent-rights.ts";
import {
  CHART,
  example,
  EXAMPLES,
  helm,
  objectsOf,
  one,
  RELEASE,
  render,
  whyNoHelm,
} from "../control-plane/helm.ts";
import type { Rendered } from "../control-plane/helm.ts";
import { GROUP_RULES } from "../control-plane/rights.ts";
import type { Rule } from "../control-plane/rights.ts";

const missing = await whyNoHelm();

const { agent: AGENT, coordinator: COORDINATOR } = SERVICE_ACCOUNT;
const NATS = "gpu-autoscaler-nats";
const READER = "gpu-autoscaler-metrics-reader";
const CLUSTER_WIDE = [
  "ClusterRole",
  "ClusterRoleBinding",
  "AutoscalingPolicy",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionPolicyBinding",
];
const POD_MAKERS = ["DaemonSet", "Deployment", "StatefulSet"];

/** "group/resource verb" for each right. */
function rightsOf(rules: readonly Rule[]): ReadonlySet<string> {
  return new Set(
    // A rule for an address that is no object has no groups.
    rules
      .filter((rule) => Object.hasOwn(rule, "apiGroups"))
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) =>
          resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource} ${verb}`)),
        ),
      ),
  );
}

function rulesOf(objects: readonly Rendered[], program: string): readonly Rule[] {
  return objects
    .filter(({ kind, metadata }) => kind.endsWith("Role") && metadata.name.startsWith(program))
    .flatMap(({ rules }) => rules as readonly Rule[]);
}

function podOf(objects: readonly Rendered[], kind: string, name: string): RenderedPod {
  return templateOf(one(objects, kind, name)).spec;
}

describe.skipIf(missing !== null)("the chart", () => {
  const sets = new Map<string, readonly Rendered[]>();
  const set = (name: (typeof EXAMPLES)[number]): readonly Rendered[] => sets.get(name) ?? [];
  beforeAll(async () => {
    for (const name of EXAMPLES) sets.set(name, await render([example(name)]));
  });

  test.each(EXAMPLES)("passes helm lint with the values of %s", async (name) => {
    const said = await helm(["lint", CHART, "--strict", "--values", example(name)]);
    expect(said).toContain("0 chart(s) failed");
    expect(said).not.toMatch(/WARNING|ERROR/);
  });

  test.each(EXAMPLES)("labels every object of %s, and puts it into the release's namespace", (name) => {
    expect(set(name).length).toBeGreaterThan(20);
    for (const { kind, metadata } of set(name)) {
      expect(metadata.labels, `${kind} ${metadata.name}`).toMatchObject({
        "app.kubernetes.io/name": "gpu-autoscaler",
        "app.kubernetes.io/instance": RELEASE.name,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/version": expect.stringMatching(/^\d/) as unknown,
      });
      const elsewhere: Readonly<Record<string, string>> = {
        [`${COORDINATOR}-events`]: "default",
        [`${COORDINATOR}-rivals`]: "kube-system",
      };
      const namespace = CLUSTER_WIDE.includes(kind)
        ? undefined
        : (elsewhere[metadata.name] ?? RELEASE.namespace);
      expect(metadata.namespace, `${kind} ${metadata.name}`).toBe(namespace);
    }
    const names = set(name).map(({ kind, metadata }) => `${kind} ${metadata.namespace} ${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(EXAMPLES)("probes, sizes and confines each container of %s", (name) => {
    const makers = set(name).filter(({ kind }) => POD_MAKERS.includes(kind));
    expect(makers.length).toBeGreaterThan(1);
    for (const object of makers) {
      const { spec } = templateOf(object);
      expect(spec.securityContext?.seccompProfile).toEqual({ type: "RuntimeDefault" });
      expect(spec.hostIPC).toBeUndefined();
      for (const container of spec.containers) {
        expect(container.image).toMatch(/^[\w.:/-]+:[\w.-]+$/);
        expect(container.livenessProbe?.httpGet?.path).toMatch(/^\/healthz/);
        expect(container.readinessProbe?.httpGet?.path).toMatch(/^\/(readyz|healthz)/);
        expect(container.resources?.requests).toHaveProperty("memory");
        expect(container.resources?.requests).toHaveProperty("cpu");
        expect(container.resources?.limits).toHaveProperty("memory");
        // A limit would slow a drain, or a decision.
        expect(container.resources?.limits).not.toHaveProperty("cpu");
        expect(container.securityContext?.readOnlyRootFilesystem).toBe(true);
        expect(container.securityContext?.capabilities?.add).toBeUndefined();
        const privileged = object.kind === "DaemonSet" && name === "gke";
        expect(container.securityContext?.privileged).toBe(privileged);
        if (privileged) continue;
        expect(container.securityContext?.allowPrivilegeEscalation).toBe(false);
        expect(container.securityContext?.capabilities?.drop).toEqual(["ALL"]);
      }
    }
  });

  test("the agent is on its node's network, stays through drains, and is the last to leave", () => {
    const daemons = one(set("minimal"), "DaemonSet", AGENT);
    expect(templateOf(daemons).spec).toMatchObject({
      hostNetwork: true,
      dnsPolicy: "ClusterFirstWithHostNet",
      hostPID: false,
      priorityClassName: "system-node-critical",
      terminationGracePeriodSeconds: 130,
      tolerations: [{ operator: "Exists" }],
      serviceAccountName: AGENT,
      securityContext: { runAsUser: 0 },
    });
    expect(daemons["spec"]).toMatchObject({
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
    });
    // Ten seconds above agent.settings.shutdownGrace, which is 5m there.
    expect(podOf(set("bare-metal"), "DaemonSet", AGENT).terminationGracePeriodSeconds).toBe(310);
  });

  test("the agent mounts four folders of its node, of which it writes to its own alone", () => {
    const { containers, volumes = [] } = podOf(set("minimal"), "DaemonSet", AGENT);
    expect(volumes.map(({ hostPath }) => hostPath?.path)).toEqual([
      "/var/lib/kubelet/pod-resources",
      "/run/nvidia/driver",
      "/var/log",
      "/var/lib/gpu-autoscaler",
    ]);
    const written = (containers[0].volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true);
    expect(written.map(({ mountPath }) => mountPath)).toEqual(["/var/lib/gpu-autoscaler"]);
  });

  test("privileged agents see the node's devices, and ask no runtime for them", () => {
    const { containers, volumes = [] } = podOf(set("gke"), "DaemonSet", AGENT);
    expect(volumes.some(({ hostPath }) => hostPath?.path === "/dev")).toBe(true);
    const names = (containers[0].env ?? []).map(({ name }) => name);
    expect(names).not.toContain("NVIDIA_VISIBLE_DEVICES");
    const others = (podOf(set("eks"), "DaemonSet", AGENT).containers[0].env ?? []).map(({ name }) => name);
    expect(others).toContain("NVIDIA_VISIBLE_DEVICES");
  });

  test("the agent runs wherever any label or the type of machine says GPU, or our pool is", async () => {
    const terms =
      podOf(set("minimal"), "DaemonSet", AGENT).affinity?.nodeAffinity
        ?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
    const keys = terms.map(({ matchExpressions }) => matchExpressions.map(({ key }) => key).join());
    for (const label of [...GPU_MODEL_LABELS, NODE_LABEL.pool, NODE_LABEL.instanceType])
      expect(keys).toContain(label);
    const own = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: "gpu", operator: "Exists" }] }],
      },
    };
    const replaced = await render([example("minimal")], { agent: { nodeAffinity: own } });
    expect(podOf(replaced, "DaemonSet", AGENT).affinity?.nodeAffinity).toEqual(own);
  });

  test("coordinators are two, spread, not root, and never on a node that they could remove", () => {
    const deployment = one(set("minimal"), "Deployment", COORDINATOR);
    expect(deployment["spec"]).toMatchObject({ replicas: 2 });
    const { spec } = templateOf(deployment);
    expect(spec).toMatchObject({
      serviceAccountName: COORDINATOR,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532 },
    });
    expect(spec.hostNetwork).toBeUndefined();
    expect((spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined)).toEqual([]);
    expect(spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toEqual([
      NODE_LABEL.hostname,
      NODE_LABEL.zone,
    ]);
    for (const pod of [spec, podOf(set("minimal"), "StatefulSet", NATS)]) {
      expect(pod.affinity?.nodeAffinity).toMatchObject({
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: NODE_LABEL.pool, operator: "DoesNotExist" },
                { key: NODE_LABEL.nodePool, operator: "DoesNotExist" },
              ],
            },
          ],
        },
        // Not every node of a pool has its label. Where all nodes have GPUs, it has to run all the same.
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            preference: {
              matchExpressions: expect.arrayContaining([
                { key: NODE_LABEL.gpuProduct, operator: "DoesNotExist" },
                expect.objectContaining({ key: NODE_LABEL.instanceType, operator: "NotIn" }),
              ]) as unknown,
            },
          },
        ],
      });
    }
    for (const name of [COORDINATOR, NATS])
      expect(one(set("minimal"), "PodDisruptionBudget", name)["spec"]).toMatchObject({ maxUnavailable: 1 });
  });

  test("the chart's NATS has no token of the API, keeps its data on a volume, and there is none with another", () => {
    const stateful = one(set("eks"), "StatefulSet", NATS);
    expect(templateOf(stateful).spec.automountServiceAccountToken).toBe(false);
    expect(stateful["spec"]).toMatchObject({
      replicas: 3,
      volumeClaimTemplates: [
        { spec: { storageClassName: "gp3", resources: { requests: { storage: "4Gi" } } } },
      ],
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" },
    });
    expect(set("bare-metal").filter(({ metadata }) => metadata.name.startsWith(NATS))).toEqual([]);
  });

  test("agents show NATS a token of their pod, coordinators a key that no agent has", () => {
    const agent = podOf(set("eks"), "DaemonSet", AGENT).volumes ?? [];
    const audiences = agent.flatMap(({ projected }) =>
      (projected?.sources ?? []).map((source) => source.serviceAccountToken?.audience),
    );
    expect(audiences).toEqual(["gpu-autoscaler-nats"]);
    const secrets = agent.flatMap(({ secret }) => (secret === undefined ? [] : [secret]));
    expect(secrets).toEqual([
      { secretName: "gpu-autoscaler-web" },
      { secretName: "gpu-autoscaler-nats-tls", items: [{ key: "ca.crt", path: "ca.crt" }] },
    ]);
    const keys = podOf(set("eks"), "Deployment", COORDINATOR).volumes?.find(
      ({ name }) => name === "nats-keys",
    );
    expect(keys?.secret?.items?.map(({ key }) => key)).toEqual([
      "coordinator.seed",
      "issuer.seed",
      "sealing.seed",
    ]);
  });

  test("network policies let nodes and coordinators to NATS, and to the coordinator whom the values name", () => {
    expect(one(set("eks"), "NetworkPolicy", NATS)["spec"]).toMatchObject({
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          ports: [{ port: "client" }],
          from: [{ podSelector: expect.anything() as unknown }, { ipBlock: { cidr: "10.0.0.0/16" } }],
        },
        { ports: [{ port: "cluster" }] },
      ],
    });
    expect(one(set("bare-metal"), "NetworkPolicy", COORDINATOR)["spec"]).toMatchObject({
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ from: [{ namespaceSelector: {} }] }],
    });
  });

  test("monitors, annotations, alerts and dashboards are there when they are asked for, and else not", () => {
    const kinds = (name: (typeof EXAMPLES)[number]): readonly string[] => set(name).map(({ kind }) => kind);
    for (const kind of ["PodMonitor", "ServiceMonitor", "PrometheusRule"])
      expect(kinds("minimal")).not.toContain(kind);
    expect(kinds("eks").filter((kind) => /^(Pod|Service)Monitor$/.test(kind))).toEqual([
      "ServiceMonitor",
      "ServiceMonitor",
    ]);
    expect(kinds("bare-metal")).toEqual(expect.arrayContaining(["PodMonitor", "PrometheusRule"]));
    const dashboards = set("bare-metal").filter(
      ({ metadata }) => metadata.labels?.["grafana_dashboard"] === "1",
    );
    expect(dashboards.length).toBeGreaterThan(4);
    for (const { data } of dashboards)
      for (const json of Object.values(data as Readonly<Record<string, string>>)) JSON.parse(json);
    expect(templateOf(one(set("gke"), "DaemonSet", AGENT)).metadata.annotations).toMatchObject({
      "prometheus.io/scrape": "true",
      "prometheus.io/port": "9402",
      "prometheus.io/scheme": "http",
    });
    expect(JSON.stringify(set("eks"))).not.toContain("prometheus.io/scrape");
  });

  test("metrics that want a token are scraped with Prometheus' own, by TLS, and it may", async () => {
    const ofAgents = {
      port: "metrics",
      scheme: "https",
      honorLabels: true,
      relabelings: [{ targetLabel: "job", replacement: AGENT }],
    };
    const { endpoints } = one(set("eks"), "ServiceMonitor", AGENT)["spec"] as { readonly endpoints: unknown };
    expect(endpoints).toMatchObject([
      {
        ...ofAgents,
        bearerTokenFile: "/var/run/secrets/kubernetes.io/serviceaccount/token",
        tlsConfig: { serverName: AGENT },
      },
    ]);
    expect(one(set("eks"), "ClusterRole", READER)["rules"]).toEqual([
      { nonResourceURLs: ["/metrics"], verbs: ["get"] },
    ]);
    expect(one(set("eks"), "ClusterRoleBinding", READER)["subjects"]).toEqual([
      { kind: "ServiceAccount", name: "kube-prometheus-stack-prometheus", namespace: "monitoring" },
    ]);
    // A token of somebody else, in a secret: a PodMonitor can name that.
    const authorization = { type: "Bearer", credentials: { name: "scrape", key: "token" } };
    const given = await render([example("eks")], { monitoring: { agentEndpoint: { authorization } } });
    const { podMetricsEndpoints } = one(given, "PodMonitor", AGENT)["spec"] as {
      readonly podMetricsEndpoints: readonly object[];
    };
    expect(podMetricsEndpoints).toMatchObject([{ ...ofAgents, authorization }]);
    expect(podMetricsEndpoints[0]).not.toHaveProperty("bearerTokenFile");
    expect(set("minimal").filter(({ metadata }) => metadata.name === READER)).toEqual([]);
  });

  test("metrics by TLS are probed by TLS", () => {
    const [container] = podOf(set("bare-metal"), "DaemonSet", AGENT).containers;
    expect(container.livenessProbe?.httpGet?.scheme).toBe("HTTPS");
    expect(container.ports).toMatchObject([{ name: "metrics", containerPort: 19_402 }]);
  });

  test("each cloud's identity stands on the coordinator's account", () => {
    expect(one(set("eks"), "ServiceAccount", COORDINATOR).metadata.annotations).toEqual({
      "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/gpu-autoscaler",
    });
    expect(one(set("gke"), "ServiceAccount", COORDINATOR).metadata.annotations).toEqual({
      "iam.gke.io/gcp-service-account": "gpu-autoscaler@my-project.iam.gserviceaccount.com",
    });
    expect(one(set("eks"), "ServiceAccount", AGENT).metadata.annotations).toBeUndefined();
  });

  test("the admission rules are for the release's own accounts", async () => {
    const text = await helm([
      "template",
      "other",
      CHART,
      "--namespace=elsewhere",
      `--values=${example("minimal")}`,
      "--show-only=templates/admission.yaml",
    ]);
    expect(text).toContain(`system:serviceaccount:elsewhere:${AGENT}`);
    expect(text).not.toContain(`system:serviceaccount:${RELEASE.namespace}`);
    const evictions = (name: (typeof EXAMPLES)[number]): number =>
      set(name).filter(({ metadata }) => metadata.name === "gpu-autoscaler-agent-evictions").length;
    expect([evictions("minimal"), evictions("bare-metal")]).toEqual([2, 0]);
  });

  test("is the same when it is packed, and takes none of its source along", async () => {
    const folder = await mkdtemp(join(tmpdir(), "chart-"));
    try {
      await helm(["package", CHART, `--destination=${folder}`]);
      const [name = ""] = await readdir(folder);
      const archive = await readFile(join(folder, name));
      expect(archive.length).toBeLessThan(500_000);
      const text = gunzipSync(archive).toString("latin1");
      expect(text).toContain("gpu-autoscaler/crds/autoscalingpolicies.yaml");
      expect(text).not.toMatch(/gpu-autoscaler\/(source|examples)\//);
      const args = [
        "template",
        RELEASE.name,
        `--namespace=${RELEASE.namespace}`,
        `--values=${example("eks")}`,
      ];
      expect(objectsOf(await helm([...args, join(folder, name)]))).toEqual(set("eks"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  describe("rights", () => {
    test("the agent's are those of its README with every opt-in, and fewer without", async () => {
      expect(rightsOf(rulesOf(set("eks"), AGENT))).toEqual(rightsOf(AGENT_RULES));
      const least = await render([example("minimal")], {
        agent: { rights: { disruptionTarget: false, terminationDeadline: false, resourceSlices: false } },
      });
      const taken = rightsOf(AGENT_RULES).difference(rightsOf(rulesOf(least, AGENT)));
      expect([...taken].toSorted()).toEqual([
        "/pods patch",
        "/pods/exec create",
        "/pods/exec get",
        "/pods/status patch",
        "authentication.k8s.io/tokenreviews create",
        "authorization.k8s.io/subjectaccessreviews create",
        "resource.k8s.io/resourceslices list",
      ]);
    });

    test("the coordinator's are those of its README, and hold what tests of groups were run with", async () => {
      const everything = await render([example("minimal")], {
        coordinator: { rights: { clusterApi: true, karpenter: true } },
        nats: { auth: { method: "callout" } },
      });
      const granted = rightsOf(rulesOf(everything, COORDINATOR));
      expect(
        [...rightsOf(GROUP_RULES).difference(granted)].filter((one) => !/^\/events get$/.test(one)),
      ).toEqual([]);
      const written = rowsOf(await readFile(new URL("../../coordinator/README.md", import.meta.url), "utf8"));
      const short = new Set([...granted].map((one) => one.slice(one.indexOf("/") + 1)));
      expect([...short].toSorted()).toEqual([...written].toSorted());
    });

    test("a policy among the values brings the rights for its groups", () => {
      const granted = [...rightsOf(rulesOf(set("bare-metal"), COORDINATOR))];
      expect(granted).toEqual(
        expect.arrayContaining(["cluster.x-k8s.io/machines patch", "machines.example.com/racks/scale patch"]),
      );
      const least = [...rightsOf(rulesOf(set("minimal"), COORDINATOR))].join("\n");
      expect(least).not.toMatch(/cluster\.x-k8s\.io|karpenter|tokenreviews|secrets/);
    });

    test("nobody may read secrets, and nothing is granted by a star", () => {
      for (const name of EXAMPLES)
        // One object by its name may be read: what Cluster Autoscaler writes about itself.
        for (const right of rightsOf(
          set(name)
            .flatMap(({ rules = [] }) => rules as readonly Rule[])
            .filter(({ resourceNames }) => resourceNames?.join() !== "cluster-autoscaler-status"),
        )) {
          expect(right).not.toContain("*");
          expect(right).not.toMatch(/secrets|configmaps|impersonate|escalate|bind/);
        }
    });
  });
});

/** "resource verb" for each row of the coordinator's table of rights. */
function rowsOf(readme: string): ReadonlySet<string> {
  const [, table = ""] = /## What it may do\n[^|]*\|.*\n\|.*\n((?:\|.*\n)+)/.exec(readme) ?? [];
  const rights = table
    .trim()
    .split("\n")
    .flatMap((row) => {
      const [, what = "", verbs = ""] = row.split("|");
      // "`events`, in `default`" names a namespace as well.
      const named = [...what.replace(/, in .*/, "").matchAll(/`([a-z/]+)`/g)].map(([, name = ""]) => name);
      // Of which kinds that is, the values say.
      const resources = what.includes("<scale target>") ? [] : named;
      return resources.flatMap((name) => verbs.split(",").map((verb) => `${name} ${verb.trim()}`));
    });
  // Discovery is granted to everybody by Kubernetes itself.
  return new Set(rights.filter((right) => !right.startsWith("/apis")));
}
