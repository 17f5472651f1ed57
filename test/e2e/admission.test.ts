// The policies of deploy/admission on a real API server, asked with the tokens of real service accounts: what each rule
// refuses, with which words, and that what it is not about goes through. Nothing is stored by asking.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { Node, Pod, Taint } from "../../shared/model/kube.ts";
import {
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_LABEL,
  POD_ANNOTATION,
  TAINT,
} from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import {
  asKubelet,
  createNode,
  deletePod,
  evict,
  installAdmission,
  patchNode,
  patchNodeStatus,
  patchPod,
  runIn,
  saidBy,
} from "../control-plane/admission.ts";
import type { Ask } from "../control-plane/admission.ts";
import { AGENT, agentOn, createAgentAccount } from "../control-plane/agent-rights.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { putPod } from "../control-plane/nodes.ts";
import { bindRole, createAccount } from "../control-plane/rights.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane, RawAnswer } from "../control-plane/start.ts";

const missing = await whyNoControlPlane();

const {
  drainState,
  drainRequest,
  interruptionSource,
  interruptionHint,
  interruptionWarning,
  terminationTime,
  drillReplace,
  drillUnmanaged,
  drillAutoUncordon,
} = NODE_ANNOTATION;
const BALANCERS = NODE_LABEL.excludeFromLoadBalancers;
const FOREIGN: Taint = { key: "dedicated", value: "gpu", effect: "NoSchedule" };
const OURS: Taint = { key: TAINT.spotInterruption, value: "aws-1", effect: "NoSchedule" };
const SCALE_DOWN: Taint = { key: TAINT.scaleDown, effect: "NoSchedule" };
const RETIRED: Taint = { key: TAINT.scaleDown, value: "walk-0123456789ab", effect: "NoSchedule" };

const MARKS = {
  [drainState]: "{}",
  [interruptionSource]: "aws",
  [interruptionHint]: "{}",
  [interruptionWarning]: "true",
  [terminationTime]: "2026-01-31T12:00:00Z",
};
const OPTIONS = { [drillReplace]: "true", [drillUnmanaged]: "true", [drillAutoUncordon]: "true" };

/** Untouched, marked by its agent for a drill with everything, and touched by the coordinator and by a person. */
const NODES: readonly Node[] = [
  {
    metadata: { name: "bare", labels: { team: "a" }, annotations: { other: "x" } },
    spec: { taints: [FOREIGN] },
  },
  {
    metadata: {
      name: "marked",
      labels: { [BALANCERS]: EXCLUDED_BY_US },
      annotations: { ...MARKS, ...OPTIONS },
    },
    spec: { unschedulable: true, taints: [FOREIGN, OURS, SCALE_DOWN] },
  },
  {
    metadata: {
      name: "retired",
      labels: { [BALANCERS]: "true" },
      annotations: { [drainRequest]: "{}" },
      finalizers: ["example.test/stay"],
    },
    spec: { unschedulable: true, taints: [RETIRED] },
  },
].map(
  (node) =>
    ({
      ...node,
      status: { capacity: { cpu: "16" }, conditions: [{ type: "Ready", status: "True" }] },
    }) as Node,
);

const annotations = (values: Readonly<Record<string, string | null>>): object => ({
  metadata: { annotations: values },
});
const labels = (values: Readonly<Record<string, string | null>>): object => ({
  metadata: { labels: values },
});
const taints = (...list: readonly Taint[]): object => ({ spec: { taints: list } });
const condition = (type: string, status = "True") => ({ status: { conditions: [{ type, status }] } });
const without = (type: string): object => ({ status: { conditions: [{ type, $patch: "delete" }] } });
const gone = (values: object): Readonly<Record<string, null>> =>
  Object.fromEntries(Object.keys(values).map((name) => [name, null]));

/** Who asks. Agents are named by their node; `unbound` is an agent's account with a token that is of no pod. */
type Who =
  | "bare"
  | "marked"
  | "retired"
  | "unbound"
  | "coordinator"
  | "operator"
  | "driller"
  | "driller-of-bare"
  | "admin";
type Request = readonly [Who, Ask];

interface Rule {
  readonly refused: readonly Request[];
  /** Part of the server's answer to each. */
  readonly says: string;
  readonly accepted: readonly Request[];
}

const AGENT_RULES: Readonly<Record<string, Rule>> = {
  "its own node only": {
    refused: [
      ["marked", patchNode("bare", { spec: { unschedulable: true } })],
      ["unbound", patchNode("bare", { spec: { unschedulable: true } })],
    ],
    says: "an agent changes its own node only, and this one is of node",
    accepted: [
      ["bare", patchNode("bare", { spec: { unschedulable: true } })],
      ["marked", patchNode("marked", { spec: { unschedulable: null } })],
    ],
  },
  "nothing else of its spec": {
    refused: [["bare", patchNode("bare", { spec: { unschedulable: true, providerID: "aws:///a/i-1" } })]],
    says: "of a node's spec an agent changes unschedulable and its own taints and nothing else",
    accepted: [["bare", patchNode("bare", { spec: { unschedulable: true, taints: [FOREIGN, OURS] } })]],
  },
  "its own taints only": {
    refused: [
      ["bare", patchNode("bare", taints(OURS))],
      ["bare", patchNode("bare", taints({ ...FOREIGN, value: "cpu" }))],
      ["bare", patchNode("bare", taints(FOREIGN, { ...FOREIGN, key: "more" }))],
      // The coordinator's note that it retires the node.
      ["bare", patchNode("bare", taints(FOREIGN, RETIRED))],
      ["retired", patchNode("retired", taints(OURS))],
    ],
    says: `an agent sets and removes the taints ${TAINT.spotInterruption}, and ${TAINT.scaleDown} without a value`,
    accepted: [
      ["bare", patchNode("bare", taints(OURS, FOREIGN))],
      ["bare", patchNode("bare", taints(FOREIGN, SCALE_DOWN))],
      ["marked", patchNode("marked", taints(FOREIGN))],
      ["retired", patchNode("retired", taints(RETIRED, OURS))],
    ],
  },
  "no taint that deletes pods": {
    refused: [["bare", patchNode("bare", taints(FOREIGN, { ...OURS, effect: "NoExecute" }))]],
    says: "an agent's taints have the effect NoSchedule",
    accepted: [["bare", patchNode("bare", taints(FOREIGN, OURS))]],
  },
  "of its labels the load balancers' only": {
    refused: [
      ["bare", patchNode("bare", labels({ team: "b" }))],
      ["bare", patchNode("bare", labels({ team: null }))],
      ["bare", patchNode("bare", labels({ new: "1" }))],
      ["bare", patchNode("bare", labels({ [BALANCERS]: "true" }))],
      ["marked", patchNode("marked", labels({ [BALANCERS]: "true" }))],
      ["retired", patchNode("retired", labels({ [BALANCERS]: EXCLUDED_BY_US }))],
      ["retired", patchNode("retired", labels({ [BALANCERS]: null }))],
    ],
    says: `of a node's labels an agent sets ${BALANCERS}=${EXCLUDED_BY_US} where there is none`,
    accepted: [
      ["bare", patchNode("bare", labels({ [BALANCERS]: EXCLUDED_BY_US }))],
      ["marked", patchNode("marked", labels({ [BALANCERS]: null }))],
      [
        "retired",
        patchNode("retired", { ...labels({ [BALANCERS]: "true" }), spec: { unschedulable: null } }),
      ],
    ],
  },
  "its own annotations only": {
    refused: [
      ["bare", patchNode("bare", annotations({ other: "y" }))],
      ["bare", patchNode("bare", annotations({ other: null, [drainState]: "{}" }))],
      ["bare", patchNode("bare", annotations({ [`${drainState}-2`]: "{}" }))],
      ["bare", patchNode("bare", annotations({ [drillReplace]: "true" }))],
      ["marked", patchNode("marked", annotations({ [drillUnmanaged]: "yes" }))],
    ],
    says: "of a node's annotations an agent writes",
    accepted: [
      ["bare", patchNode("bare", annotations(MARKS))],
      ["marked", patchNode("marked", annotations(gone({ ...MARKS, ...OPTIONS })))],
    ],
  },
  "no owners and no finalizers of its node": {
    refused: [
      ["bare", patchNode("bare", { metadata: { finalizers: ["example.test/stay"] } })],
      ["retired", patchNode("retired", { metadata: { finalizers: null } })],
    ],
    says: "an agent changes no owner and no finalizer of a node",
    accepted: [["bare", patchNode("bare", { metadata: { annotations: MARKS } })]],
  },
  "the status of its own node only": {
    refused: [
      ["marked", patchNodeStatus("bare", condition("GpuHealthy"))],
      ["unbound", patchNodeStatus("bare", condition("GpuHealthy"))],
    ],
    says: "an agent changes its own node only, and this one is of node",
    accepted: [["bare", patchNodeStatus("bare", condition("GpuHealthy", "False"))]],
  },
  "one condition of its node": {
    refused: [
      ["bare", patchNodeStatus("bare", condition("Ready", "False"))],
      ["bare", patchNodeStatus("bare", condition("DiskPressure"))],
      ["bare", patchNodeStatus("bare", without("Ready"))],
      ["bare", patchNodeStatus("bare", { status: { capacity: { "nvidia.com/gpu": "0" } } })],
      ["bare", patchNodeStatus("bare", { status: { capacity: null } })],
    ],
    says: "of the status of a node an agent writes the condition GpuHealthy and nothing else",
    accepted: [
      ["bare", patchNodeStatus("bare", condition("GpuHealthy", "Unknown"))],
      [
        "bare",
        {
          ...patchNodeStatus("bare", {
            apiVersion: "v1",
            kind: "Node",
            metadata: { name: "bare" },
            ...condition("GpuHealthy"),
          }),
          path: "/api/v1/nodes/bare/status?dryRun=All&fieldManager=test&force=true",
          contentType: "application/apply-patch+yaml",
        },
      ],
    ],
  },
  "no labels and annotations by way of its node's status": {
    refused: [
      ["bare", patchNodeStatus("bare", labels({ team: "b" }))],
      // The last one, so that the whole field goes.
      ["bare", patchNodeStatus("bare", labels({ team: null }))],
      ["bare", patchNodeStatus("bare", annotations(MARKS))],
    ],
    says: "with the status of a node an agent changes no metadata",
    accepted: [["bare", patchNodeStatus("bare", condition("GpuHealthy"))]],
  },
  "pods of its own node only": {
    refused: [
      ["marked", deletePod("train")],
      ["unbound", deletePod("train")],
      ["bare", deletePod("pending")],
      ["unbound", deletePod("pending")],
      ["marked", patchPod("train", annotations({ [POD_ANNOTATION.terminationDeadline]: "now" }))],
      ["marked", patchPod("train", condition("DisruptionTarget"), "/status")],
    ],
    says: "an agent touches pods of its own node only, and this one is of node",
    accepted: [["bare", deletePod("train")]],
  },
  "of pods the deadline only": {
    refused: [
      ["bare", patchPod("train", annotations({ [POD_ANNOTATION.evictionMode]: "keep" }))],
      ["bare", patchPod("train", labels({ app: "other" }))],
      ["bare", patchPod("train", labels({ app: null }))],
      ["bare", patchPod("train", { metadata: { finalizers: ["example.test/stay"] } })],
      ["bare", patchPod("train", { spec: { containers: [{ name: "main", image: "example.test/bad" }] } })],
    ],
    says: `of a pod an agent changes the annotation ${POD_ANNOTATION.terminationDeadline} and nothing else`,
    accepted: [["bare", patchPod("train", annotations({ [POD_ANNOTATION.terminationDeadline]: "now" }))]],
  },
  "one condition of pods": {
    refused: [
      ["bare", patchPod("train", condition("Ready", "False"), "/status")],
      ["bare", patchPod("train", without("Ready"), "/status")],
      ["bare", patchPod("train", { status: { phase: "Failed" } }, "/status")],
      ["bare", patchPod("train", { status: { message: null } }, "/status")],
    ],
    says: "of the status of a pod an agent writes the condition DisruptionTarget and nothing else",
    accepted: [["bare", patchPod("train", condition("DisruptionTarget"), "/status")]],
  },
  "no labels and annotations by way of a pod's status": {
    refused: [
      ["bare", patchPod("train", labels({ app: "other" }), "/status")],
      ["bare", patchPod("train", labels({ app: null }), "/status")],
    ],
    says: "with the status of a pod an agent changes no metadata",
    accepted: [["bare", patchPod("train", condition("DisruptionTarget"), "/status")]],
  },
  "evictions on its own node only": {
    refused: [
      ["marked", evict("train")],
      ["unbound", evict("train")],
      ["bare", evict("pending")],
      ["unbound", evict("pending")],
    ],
    says: "an agent evicts pods of its own node only; the agent of that node has to do it",
    accepted: [
      ["bare", evict("train")],
      ["operator", evict("train")],
    ],
  },
};

const MARK_RULES: Readonly<Record<string, Rule>> = {
  "an agent's marks are its own": {
    refused: [
      ...[drainState, interruptionSource, interruptionHint].map((name): Request => [
        "operator",
        patchNode("bare", annotations({ [name]: "{}" })),
      ]),
      ["driller", patchNode("bare", annotations({ [drainState]: "{}" }))],
      ["coordinator", patchNode("bare", annotations({ [drainState]: "{}" }))],
      ["admin", patchNode("marked", annotations({ [drainState]: '{"v":1}' }))],
      ["operator", patchNode("marked", annotations({ [drainState]: null }))],
      ["driller", patchNode("marked", annotations({ [drainState]: null }))],
      ["operator", patchNodeStatus("bare", annotations({ [drainState]: "{}" }))],
      ["operator", createNode("new", { [drainState]: "{}" })],
      ["admin", asKubelet(createNode("new", { [interruptionSource]: "aws" }), "new")],
      ["admin", asKubelet(patchNodeStatus("bare", annotations({ [interruptionHint]: "{}" })), "bare")],
    ],
    says: "is written by the agent of that node alone",
    accepted: [
      ["bare", patchNode("bare", annotations(MARKS))],
      ["operator", patchNode("marked", { ...annotations({ other: "y" }), spec: { unschedulable: null } })],
      // Of an agent that is gone.
      ["admin", patchNode("marked", annotations(gone(MARKS)))],
    ],
  },
  "the coordinator alone asks for drains": {
    refused: [
      ["operator", patchNode("bare", annotations({ [drainRequest]: "{}" }))],
      ["driller", patchNode("bare", annotations({ [drainRequest]: "{}" }))],
      ["admin", patchNode("bare", annotations({ [drainRequest]: "{}" }))],
      ["operator", patchNode("retired", annotations({ [drainRequest]: null }))],
      ["operator", createNode("new", { [drainRequest]: "{}" })],
    ],
    says: `${drainRequest} is written by the coordinator alone (system:serviceaccount:gpu-autoscaler-system:gpu-autoscaler-coordinator)`,
    accepted: [
      ["coordinator", patchNode("bare", annotations({ [drainRequest]: "{}" }))],
      ["coordinator", patchNode("retired", annotations({ [drainRequest]: null }))],
      ["admin", patchNode("retired", annotations({ [drainRequest]: null }))],
    ],
  },
  "drills are for those who may create drills": {
    refused: [
      ...[interruptionWarning, terminationTime, ...Object.keys(OPTIONS)].map((name): Request => [
        "operator",
        patchNode("bare", annotations({ [name]: "true" })),
      ]),
      ["operator", patchNode("marked", annotations({ [interruptionWarning]: null }))],
      ["coordinator", patchNode("bare", annotations({ [interruptionWarning]: "true" }))],
      ["driller-of-bare", patchNode("marked", annotations({ [drillReplace]: null }))],
      ["operator", patchNodeStatus("bare", annotations({ [interruptionWarning]: "true" }))],
      ["operator", createNode("new", { [interruptionWarning]: "true" })],
      ["admin", asKubelet(createNode("new", { [drillReplace]: "true" }), "new")],
    ],
    says: "is for those who may create drills.gpu-autoscaler.io; ask for the ClusterRole gpu-autoscaler-drills",
    accepted: [
      ["driller", patchNode("bare", annotations({ [interruptionWarning]: "true", ...OPTIONS }))],
      ["driller", patchNode("marked", annotations(gone(OPTIONS)))],
      ["driller-of-bare", patchNode("bare", annotations({ [interruptionWarning]: "true" }))],
      ["driller", createNode("new", { [interruptionWarning]: "true" })],
      ["admin", patchNode("bare", annotations({ [interruptionWarning]: "true" }))],
    ],
  },
};

/** What those who run a cluster do to nodes under way, as long as they leave the marks alone. */
const UNHINDERED: Readonly<Record<string, Request>> = {
  "a kubelet that registers its node": [
    "admin",
    asKubelet(createNode("new", { "volumes.kubernetes.io/x": "true" }), "new"),
  ],
  "a kubelet's heartbeat on a node that is emptied": [
    "admin",
    asKubelet(
      patchNodeStatus("marked", {
        metadata: {
          annotations: { "volumes.kubernetes.io/x": "true" },
          labels: { "kubernetes.io/os": "linux" },
        },
        status: {
          capacity: { cpu: "16" },
          conditions: [{ type: "Ready", status: "False", reason: "KubeletNotReady" }],
        },
      }),
      "marked",
    ),
  ],
  "a cloud controller that gives it an address, a zone and an identity": [
    "operator",
    patchNode("marked", {
      metadata: { labels: { "topology.kubernetes.io/zone": "z" } },
      spec: { providerID: "aws:///z/i-1", taints: [FOREIGN, OURS] },
    }),
  ],
  "a person who cordons and takes a taint off": [
    "operator",
    patchNode("retired", { spec: { unschedulable: null, taints: null } }),
  ],
};

describe.skipIf(missing !== null)("the admission policies on a real API server", () => {
  let plane: ControlPlane;
  const tokens: Partial<Record<Who, string>> = {};

  beforeAll(async () => {
    plane = await startControlPlane();
    const { client } = plane;
    await installAdmission(plane, ["marks"]);
    // What stands on nodes now came before the policies did.
    await createAgentAccount(plane);
    const namespace = AGENT.namespace;
    const onNodes = [
      { apiGroups: [""], resources: ["nodes", "nodes/status"], verbs: ["get", "create", "update", "patch"] },
      { apiGroups: [""], resources: ["pods/eviction"], verbs: ["create"] },
    ];
    const account = async (who: Who, name: string): Promise<void> => {
      await createAccount(plane, { namespace, name }, onNodes);
      tokens[who] = await plane.createToken({ namespace, name });
    };
    await account("operator", "operator");
    await account("coordinator", "gpu-autoscaler-coordinator");
    await account("driller", "driller");
    await bindRole(plane, "gpu-autoscaler-drills", { namespace, name: "driller" });
    await createAccount(plane, { namespace, name: "driller-of-bare" }, [
      ...onNodes,
      { apiGroups: ["gpu-autoscaler.io"], resources: ["drills"], resourceNames: ["bare"], verbs: ["create"] },
    ]);
    tokens["driller-of-bare"] = await plane.createToken({ namespace, name: "driller-of-bare" });
    tokens.admin = plane.adminToken;
    tokens.unbound = await plane.createToken(AGENT);
    for (const node of NODES) {
      await client.create(RESOURCE.nodes, node);
      // The server itself taints a node that comes.
      await client.mergePatch(RESOURCE.nodes, node.metadata, { spec: { taints: node.spec?.taints } });
      tokens[node.metadata.name as Who] = (await agentOn(plane, node.metadata.name)).token;
    }
    await putPod(client, "train", "bare");
    const train = { namespace: "default", name: "train" };
    await client.mergePatch(RESOURCE.pods, train, labels({ app: "train" }));
    await client.patchStatus(RESOURCE.pods, train, {
      status: { ...condition("Ready").status, message: "serving" },
    });
    const metadata = { namespace: "default", name: "pending" };
    const spec = { containers: [{ name: "main", image: "example.test/main" }] };
    await client.create(RESOURCE.pods, { metadata, spec } as Pod);
    await installAdmission(plane, ["agents", "evictions"]);
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  const answer = async ([who, ask]: Request): Promise<RawAnswer> =>
    await plane.send({ ...ask, token: tokens[who] ?? "" });
  const told = ([who, ask]: Request, { status, text }: RawAnswer): string =>
    `${who}: ${ask.method} ${ask.path} ${JSON.stringify(ask.json)}: ${status} ${text}`;

  const holds = async ({ refused, says, accepted }: Rule): Promise<void> => {
    for (const request of refused) {
      let last: RawAnswer = { status: 0, text: "" };
      // A policy is in force a moment after it was taken; so is a role.
      await eventually(
        async () => {
          last = await answer(request);
          return last.status === 422;
        },
        { withinMs: 10_000, describe: () => told(request, last) },
      );
      if (!saidBy(last).includes(says)) throw new Error(told(request, last));
    }
    for (const request of accepted) {
      const taken = await answer(request);
      if (taken.status !== 200 && taken.status !== 201) throw new Error(told(request, taken));
    }
  };

  test.each(Object.entries(AGENT_RULES))("leave an agent %s", async (_, rule) => await holds(rule));
  test.each(Object.entries(MARK_RULES))("see to it that %s", async (_, rule) => await holds(rule));

  test("keep an agent from calling off what the coordinator asks", async () => {
    // Both policies refuse it, and the server tells of one.
    for (const value of [null, '{"v":1}']) {
      const refused = await answer(["retired", patchNode("retired", annotations({ [drainRequest]: value }))]);
      expect(refused.status).toBe(422);
      expect(saidBy(refused)).toMatch(/written by the coordinator alone|an agent writes/);
    }
  });

  test("leave an agent commands in pods of its own node only", async () => {
    await holds({
      refused: [
        ["marked", runIn("train")],
        ["unbound", runIn("train")],
      ],
      says: "an agent runs commands in pods of its own node only",
      accepted: [],
    });
    // It gets as far as anybody can without a kubelet.
    const mine = await answer(["bare", runIn("train")]);
    const administrators = await answer(["admin", runIn("train")]);
    expect(saidBy(mine)).toBe(saidBy(administrators));
    expect(mine.status).not.toBe(422);
  });

  test.each(Object.entries(UNHINDERED))("do not hinder %s", async (_, request) => {
    const taken = await answer(request);
    if (taken.status !== 200 && taken.status !== 201) throw new Error(told(request, taken));
  });
});
