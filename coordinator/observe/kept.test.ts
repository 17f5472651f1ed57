import { describe, expect, test } from "vitest";

import type { DaemonSet, Node, Pod } from "../../shared/model/kube.ts";
import { podObject, unasked, unaskedWatch } from "../../test/build/observed.ts";
import { daemonInput } from "./daemon-input.ts";
import { createGangObjects } from "./gang-objects.ts";
import { createInputs } from "./inputs.ts";
import { keptDaemonSet, keptNode, keptPod } from "./kept.ts";
import { createStorage } from "./storage.ts";

const required = "requiredDuringSchedulingIgnoredDuringExecution";
const term = { topologyKey: "zone", labelSelector: { matchLabels: { app: "a" } }, matchLabelKeys: ["hash"] };
const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "u" };

/** Every field that an input is made of, and some that a server sends beside. */
const FULL_POD = {
  ...podObject({
    labels: { app: "a", hash: "h" },
    annotations: {
      "gpu-autoscaler.io/eviction-priority": "low",
      "gpu-autoscaler.io/reclaim": "false",
      "gpu-autoscaler.io/checkpoint-url": "http://:8080/save",
      "gpu-autoscaler.io/checkpoint-exec": '["save"]',
      "gpu-autoscaler.io/gang": "g",
      "gpu-autoscaler.io/gang-size": "4",
      "gpu-autoscaler.io/gpu-model": "H100",
      "leaderworkerset.sigs.k8s.io/size": "4",
      "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
      "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "tmp",
      "autoscaling.x-k8s.io/consume-provisioning-request": "r",
      "kubernetes.io/config.mirror": "m",
      "kubectl.kubernetes.io/last-applied-configuration": "{}",
    },
    deletionTimestamp: "2026-06-01T02:00:00Z",
    deletionGracePeriodSeconds: 30,
  }),
  spec: {
    nodeName: "n1",
    nodeSelector: { disk: "ssd" },
    tolerations: [{ operator: "Exists" }],
    containers: [
      {
        name: "main",
        image: "training:1",
        env: [{ name: "A", value: "b" }],
        ports: [{ hostPort: 80 }],
        resources: { requests: { cpu: "1" }, limits: { "nvidia.com/gpu": "1" } },
      },
    ],
    initContainers: [{ name: "i", restartPolicy: "Always", resources: { requests: { cpu: "1" } } }],
    overhead: { cpu: "100m" },
    priority: 7,
    priorityClassName: "system-node-critical",
    affinity: {
      nodeAffinity: {
        [required]: { nodeSelectorTerms: [{ matchExpressions: [{ key: "gpu", operator: "Exists" }] }] },
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }],
      },
      podAffinity: { [required]: [term] },
      podAntiAffinity: { [required]: [term] },
    },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
    hostNetwork: true,
    resources: { requests: { memory: "1Gi" } },
    resourceClaims: [{ name: "gpu" }],
    volumes: [
      { name: "data", persistentVolumeClaim: { claimName: "c" } },
      { name: "scratch", ephemeral: { volumeClaimTemplate: { spec: { storageClassName: "s" } } } },
      { name: "tmp", emptyDir: {} },
      { name: "host", hostPath: { path: "/data" } },
      { name: "conf", configMap: { name: "conf" } },
    ],
  },
  status: {
    phase: "Running",
    conditions: [
      { type: "PodScheduled", status: "True", message: "long" },
      { type: "Ready", status: "False" },
      { type: "Initialized", status: "True" },
    ],
    startTime: "2026-06-01T01:00:00Z",
    nominatedNodeName: "n2",
    containerStatuses: [{ name: "main" }],
  },
} as unknown as Pod;

const WITH_OWNERS: Pod = {
  ...FULL_POD,
  metadata: { ...FULL_POD.metadata, ownerReferences: [owner, { ...owner, uid: "c", controller: true }] },
};

const FULL_NODE: Node = {
  metadata: {
    name: "n1",
    creationTimestamp: "2026-06-01T00:00:00Z",
    labels: { zone: "a" },
    annotations: {
      "gpu-autoscaler.io/drain-state": "{",
      "gpu-autoscaler.io/interruption-hint": "{",
      "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true",
      "karpenter.sh/do-not-disrupt": "true",
      "cluster.x-k8s.io/machine": "m1",
    },
  },
  spec: { unschedulable: true, providerID: "x", taints: [{ key: "k", effect: "NoSchedule" }] },
  status: {
    capacity: { cpu: "8" },
    allocatable: { cpu: "7" },
    conditions: [
      { type: "Ready", status: "True", lastTransitionTime: "2026-06-01T01:00:00Z", lastHeartbeatTime: "x" },
      { type: "GpuHealthy", status: "True", reason: "r", message: "m" },
      { type: "DiskPressure", status: "False" },
    ],
  },
};

function inputs() {
  const watch = unaskedWatch();
  return createInputs({
    storage: createStorage(watch, () => {}),
    gangs: createGangObjects({ watch, discover: unasked, onChange: () => {} }),
    volumeLimits: () => undefined,
    onProblem: () => {},
  });
}

describe("what is kept of an object", () => {
  test.each([
    ["all that an input is made of", WITH_OWNERS],
    ["no more than it has", podObject()],
    ["that it was created and nothing else", { metadata: { name: "p" }, spec: { containers: [] } }],
  ])("is, of a pod, %s", (_, pod) => {
    const made = inputs();
    expect(made.pod(keptPod(pod))).toEqual(made.pod(pod));
  });

  test("is, of a node, all that an input is made of", () => {
    const made = inputs();
    expect(made.node(keptNode(FULL_NODE))).toEqual(made.node(FULL_NODE));
    // Members of groups are joined to it by that.
    expect(keptNode(FULL_NODE).spec?.providerID).toBe("x");
  });

  test("is of a node the same when a controller has annotated it", () => {
    const { metadata } = FULL_NODE;
    const annotations = { ...metadata.annotations, "node.alpha.kubernetes.io/ttl": "30" };
    const annotated = { ...FULL_NODE, metadata: { ...metadata, annotations } };
    expect(keptNode(annotated)).toEqual(keptNode(FULL_NODE));
    expect(keptNode(annotated).metadata.annotations).toEqual(metadata.annotations);
  });

  test("is, of a condition that says no times, the rest: a server writes null there", () => {
    const untimed = ["Ready", "GpuHealthy"].map((type) => ({
      type,
      status: "True",
      lastTransitionTime: null,
    }));
    const served = { metadata: FULL_NODE.metadata, status: { conditions: untimed } } as unknown as Node;
    const { ready, readyChangedAt, gpuHealth } = inputs().node(keptNode(served));
    expect({ ready, readyChangedAt }).toEqual({ ready: "ready", readyChangedAt: undefined });
    expect(gpuHealth?.verdict).toBe("unknown");
  });

  test("is, of a DaemonSet, all that an input is made of", () => {
    const { nodeName: _, ...spec } = FULL_POD.spec;
    const daemonSet: DaemonSet = {
      metadata: { name: "d", namespace: "n", uid: "u", resourceVersion: "1" },
      spec: { template: { spec } },
    };
    const problem = () => expect.unreachable("it can be read");
    const input = daemonInput(daemonSet, problem);
    expect(input).not.toBeNull();
    expect(daemonInput(keptDaemonSet(daemonSet), problem)).toEqual(input);
  });

  test("is not what nobody reads", () => {
    const daemonSet = { metadata: { name: "d" }, spec: { template: { spec: FULL_POD.spec } } };
    const text = JSON.stringify([keptPod(WITH_OWNERS), keptNode(FULL_NODE), keptDaemonSet(daemonSet)]);
    for (const word of ["env", "image", "configMap", "containerStatuses", "last-applied", "Initialized"])
      expect(text).not.toContain(word);
    for (const word of ["preferred", "long", "DiskPressure", "lastHeartbeatTime"])
      expect(text).not.toContain(word);
  });
});
