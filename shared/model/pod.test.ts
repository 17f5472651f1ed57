import { describe, expect, test } from "vitest";

import type { Pod } from "./kube.ts";
import {
  evictionClass,
  isDaemonPod,
  isFinished,
  isMirrorPod,
  mayExtendGrace,
  ownGrace,
  podRequests,
} from "./pod.ts";

function pod(change: {
  metadata?: Partial<Pod["metadata"]>;
  spec?: Partial<Pod["spec"]>;
  status?: Pod["status"];
}): Pod {
  return {
    metadata: { name: "p", namespace: "team", ...change.metadata },
    spec: { containers: [], ...change.spec },
    ...(change.status === undefined ? {} : { status: change.status }),
  };
}

const uses = (requests: Record<string, string>, limits?: Record<string, string>) => ({
  name: "c",
  resources: { requests, ...(limits === undefined ? {} : { limits }) },
});

describe("podRequests()", () => {
  test("adds containers, overhead and one pod slot", () => {
    const requests = podRequests(
      pod({
        spec: {
          containers: [uses({ cpu: "500m", memory: "1Gi" }), uses({ cpu: "1" })],
          overhead: { memory: "1Mi" },
        },
      }),
    );
    expect(requests).toEqual({ cpu: 1500, memory: 1024 ** 3 + 1024 ** 2, pods: 1 });
  });

  test("takes a limit without a request as the request", () => {
    expect(podRequests(pod({ spec: { containers: [uses({}, { "nvidia.com/gpu": "2" })] } }))).toEqual({
      "nvidia.com/gpu": 2,
      pods: 1,
    });
  });

  test("reserves the larger of start and run, with sidecars beside both", () => {
    const sidecar = { ...uses({ cpu: "100m" }), restartPolicy: "Always" };
    const requests = podRequests(
      pod({ spec: { containers: [uses({ cpu: "1" })], initContainers: [sidecar, uses({ cpu: "3" })] } }),
    );
    expect(requests).toEqual({ cpu: 3100, pods: 1 });
  });

  test("counts what the whole pod asks for instead of what its containers do, and devices by container", () => {
    const containers = [uses({ cpu: "1", memory: "1Gi", "nvidia.com/gpu": "2" })];
    const resources = { requests: { cpu: "4", "nvidia.com/gpu": "8", "hugepages-2Mi": "4Mi" } };
    expect(podRequests(pod({ spec: { containers, resources, overhead: { cpu: "100m" } } }))).toEqual({
      cpu: 4_100,
      memory: 1024 ** 3,
      "nvidia.com/gpu": 2,
      "hugepages-2Mi": 4 * 1024 ** 2,
      pods: 1,
    });
  });

  test("takes a limit of the whole pod for a request only where no container asks", () => {
    const resources = { limits: { cpu: "8", memory: "8Gi" } };
    expect(podRequests(pod({ spec: { containers: [uses({ cpu: "1" })], resources } }))).toEqual({
      cpu: 1_000,
      memory: 8 * 1024 ** 3,
      pods: 1,
    });
  });

  test("names the resource whose amount is malformed", () => {
    expect(() => podRequests(pod({ spec: { containers: [uses({ cpu: "many" })] } }))).toThrow(
      "resource cpu: many is not a quantity",
    );
  });
});

describe("evictionClass()", () => {
  const annotated = (value: string) =>
    pod({ metadata: { annotations: { "gpu-autoscaler.io/eviction-priority": value } } });

  test.each(["low", "medium", "high"] as const)("is %s when the pod says so", (value) => {
    expect(evictionClass(annotated(value))).toEqual({ class: value, unknown: null });
  });

  test("is medium when nothing is said", () => {
    expect(evictionClass(pod({}))).toEqual({ class: "medium", unknown: null });
  });

  test("is medium, and reported, when the value is none of ours", () => {
    expect(evictionClass(annotated("hihg"))).toEqual({ class: "medium", unknown: "hihg" });
  });

  test("is system for critical pods and kube-system, whatever they say", () => {
    expect(evictionClass(pod({ spec: { priorityClassName: "system-cluster-critical" } })).class).toBe(
      "system",
    );
    expect(evictionClass(pod({ metadata: { namespace: "kube-system" } })).class).toBe("system");
  });
});

describe("questions on a pod", () => {
  test("a pod of a DaemonSet is a daemon pod only through its controller", () => {
    const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "1" };
    expect(isDaemonPod(pod({ metadata: { ownerReferences: [{ ...owner, controller: true }] } }))).toBe(true);
    expect(isDaemonPod(pod({ metadata: { ownerReferences: [owner] } }))).toBe(false);
  });

  test("mirror, finished, grace and its extension", () => {
    expect(isMirrorPod(pod({ metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } }))).toBe(
      true,
    );
    expect(isFinished(pod({ status: { phase: "Failed" } }))).toBe(true);
    expect(isFinished(pod({ status: { phase: "Running" } }))).toBe(false);
    expect(ownGrace(pod({}))).toBe(30);
    expect(ownGrace(pod({ spec: { terminationGracePeriodSeconds: 0 } }))).toBe(0);
    // The largest that the API takes: a way to write "never" that no unit here can hold.
    expect(ownGrace(pod({ spec: { terminationGracePeriodSeconds: 2 ** 63 } }))).toBe(365 * 86_400);
    expect(
      mayExtendGrace(pod({ metadata: { annotations: { "gpu-autoscaler.io/extend-grace": "false" } } })),
    ).toBe(false);
  });
});
