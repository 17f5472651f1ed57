// What `gpuasctl doctor` reads of a cluster in which all is well: two nodes with GPUs, an agent on each, a coordinator that
// leads, one policy. A test changes what it is about.

import type { Facts } from "../../coordinator/ctl/doctor/facts.ts";
import type { Read } from "../../coordinator/ctl/doctor/finding.ts";
import { SHIPPED } from "../../coordinator/ctl/doctor/shipped.ts";
import { admission } from "../../deploy/admission/admission.ts";
import type { AdmissionObject } from "../../deploy/admission/cel.ts";
import { policyDefinition } from "../../deploy/crd/crd.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import {
  CONDITION,
  GPU_RESOURCE,
  LEASE_NAME,
  NODE_CONDITION,
  NODE_LABEL,
  SERVICE_ACCOUNT,
} from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { NOW } from "./now.ts";

export function read<T>(value: T): Read<T> {
  return { kind: "read", value };
}

/** RFC 3339, so many milliseconds before the present of the tests. */
export function ago(ms: number): string {
  return new Date(NOW - ms).toISOString();
}

const { namespace } = SERVICE_ACCOUNT;
const DAY = 86_400_000;

export function gpuNode(name: string, change: Partial<Node["metadata"]> = {}): Node {
  return {
    metadata: {
      name,
      creationTimestamp: ago(DAY),
      ...change,
      labels: { [NODE_LABEL.pool]: "gpus", ...change.labels },
    },
    spec: {},
    status: {
      capacity: { [GPU_RESOURCE]: "8" },
      allocatable: { [GPU_RESOURCE]: "8" },
      conditions: [
        { type: "Ready", status: "True" },
        { type: NODE_CONDITION.gpuHealthy, status: "True", lastHeartbeatTime: ago(60_000) },
      ],
    },
  };
}

export function agentPod(node: string, image = "registry.example/agent:0.1.0"): Pod {
  const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: SERVICE_ACCOUNT.agent, uid: "ds" };
  return {
    metadata: {
      name: `agent-${node}`,
      namespace,
      creationTimestamp: ago(DAY),
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: { nodeName: node, containers: [{ name: "agent", image }] },
    status: { phase: "Running" },
  };
}

/** A policy that is valid, with what its coordinator wrote. */
export function policy(change: { readonly spec?: object; readonly status?: object } = {}): UnreadObject {
  const condition = (type: string, status: "True" | "False") => ({
    type,
    status,
    reason: "Tested",
    message: "as it should be",
    lastTransitionTime: ago(DAY),
  });
  return {
    metadata: { name: "training", generation: 2 },
    spec: {
      provider: "custom",
      nodePools: [{ name: "gpus", maxSize: 3, capacityType: "on-demand", price: { usdPerHour: 1 } }],
      ...change.spec,
    },
    status: {
      observedGeneration: 2,
      currentNodes: 2,
      desiredNodes: 2,
      spotNodes: 0,
      onDemandNodes: 2,
      reservedNodes: 0,
      pendingPods: 0,
      spotInterruptions: 0,
      conditions: [
        condition(CONDITION.valid, "True"),
        condition(CONDITION.noGroup, "False"),
        condition(CONDITION.groupsMatch, "True"),
        condition(CONDITION.overlap, "False"),
      ],
      pools: [{ name: "gpus", size: 2, ready: 2, booting: 0 }],
      moves: [],
      additions: [],
      interruptions: [],
      ...change.status,
    },
  };
}

export function healthyFacts(change: Partial<Facts> = {}): Facts {
  const objects = Object.values(admission()).flat() as readonly AdmissionObject[];
  const ofKind = (kind: string) => objects.filter((object) => object.kind === kind);
  const shown = policyDefinition();
  return {
    now: epochMs(NOW),
    namespace,
    version: read({ major: "1", minor: "34+", gitVersion: "v1.34.1" }),
    space: read({ metadata: { name: namespace } }),
    definition: read({
      metadata: shown.metadata,
      spec: shown.spec,
      status: { conditions: [{ type: "Established", status: "True" }] },
    }),
    policies: read([policy()]),
    nodes: read([gpuNode("n1"), gpuNode("n2")]),
    pods: read([
      agentPod("n1"),
      agentPod("n2"),
      {
        metadata: { name: "coordinator-1", namespace },
        spec: { nodeName: "n0", containers: [{ name: "coordinator" }] },
        status: { phase: "Running" },
      },
    ]),
    budgets: read([]),
    nodeLeases: read(["n1", "n2"].map((name) => ({ metadata: { name }, spec: { renewTime: ago(4_000) } }))),
    slices: read([]),
    agents: read({
      metadata: { name: SERVICE_ACCOUNT.agent, namespace },
      spec: {
        template: {
          spec: {
            volumes: [
              {
                name: "nats-token",
                projected: { sources: [{ serviceAccountToken: { audience: "gpu-autoscaler-nats" } }] },
              },
            ],
          },
        },
      },
      status: { desiredNumberScheduled: 2, numberReady: 2 },
    }),
    coordinator: read({
      metadata: { name: SERVICE_ACCOUNT.coordinator, namespace },
      spec: {
        replicas: 2,
        template: {
          spec: {
            containers: [{ name: "coordinator", env: [{ name: "GPUAS_NATS_CALLOUT", value: "true" }] }],
          },
        },
      },
      status: { readyReplicas: 2 },
    }),
    nats: { kind: "absent", why: "not there" },
    lease: read({
      metadata: { name: LEASE_NAME, namespace },
      spec: { holderIdentity: "coordinator-1_abc", leaseDurationSeconds: 10, renewTime: ago(2_000) },
    }),
    page: read({}),
    probe: read({ checks: [{ name: "nats", ok: true, detail: "connected to nats://n:4222" }] }),
    admissionPolicies: read(
      ofKind("ValidatingAdmissionPolicy").map(({ metadata, spec }) => ({ metadata, spec: spec as object })),
    ),
    admissionBindings: read(
      ofKind("ValidatingAdmissionPolicyBinding").map(({ metadata, spec }) => ({
        metadata,
        spec: spec as object,
      })),
    ),
    agentRights: read([{ verb: "patch", resource: "nodes", purpose: "marks", allowed: true }]),
    coordinatorRights: read([{ verb: "list", resource: "pods", purpose: "demand", allowed: true }]),
    certificates: read([]),
    cloudRights: read({ accounts: [] }),
    coordinatorMetrics: read(metricsPage("coordinator")),
    agentMetrics: read(["n1", "n2"].map((node) => ({ node, text: read(metricsPage("agent")) }))),
    ...change,
  };
}

/** A page with everything that dashboards and alerts ask of a program, but for the series that are named. */
export function metricsPage(program: "agent" | "coordinator", without: readonly string[] = []): string {
  const names = Object.keys(SHIPPED.queried[program]).filter((name) => !without.includes(name));
  const lines = names.map((name) =>
    name.endsWith("_bucket")
      ? `# TYPE ${name.slice(0, -"_bucket".length)} histogram`
      : `# TYPE ${name} gauge\n${name}{gpu="0"} 1`,
  );
  return `${lines.join("\n")}\n`;
}
