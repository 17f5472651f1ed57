// What there is to take back in a cluster, found by looking at all of it: one removal for each object, in the order in which
// they are carried out. It changes nothing. What cannot be read is told and stops nothing else.

import { readDrainState } from "../../../shared/contract/node-marks.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import {
  CLUSTER_API,
  COORDINATOR_SERVICE,
  GROUP_ANNOTATION,
  LEASE_NAME,
  NODE_ANNOTATION,
  POD_ANNOTATION,
  SERVICE_ACCOUNT,
} from "../../../shared/model/names.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";
import { notesOf } from "../../cloud/scale/lowering.ts";
import { DEFINITION_NAME, KIND, environmentOf } from "../doctor/kinds.ts";
import type { Workload } from "../doctor/kinds.ts";
import { leftoversOf } from "./node-leftovers.ts";

export interface Removal {
  readonly kind:
    | "Deployment"
    | "DaemonSet"
    | "Node"
    | "Pod"
    | "Lease"
    | "NodePool"
    | "NodeClaim"
    | "Machine"
    | "AutoscalingPolicy"
    | "CustomResourceDefinition";
  readonly namespace?: string | undefined;
  readonly name: string;
  /** In words: what of it goes. */
  readonly what: readonly string[];
}

export interface Plan {
  readonly removals: readonly Removal[];
  /** What stays although it looks like ours, and why. */
  readonly doubts: readonly string[];
  /** What people should know before. */
  readonly warnings: readonly string[];
  /** What could not be looked at. */
  readonly unread: readonly string[];
  /** Policies that stay, since nobody asked for their end. */
  readonly policiesLeft: number;
}

export interface PlanOptions {
  readonly client: Pick<KubeClient, "get" | "list">;
  readonly namespace: string;
  readonly policies: boolean;
}

export async function planRemoval({ client, namespace, policies }: PlanOptions): Promise<Plan> {
  const unread: string[] = [];
  const doubts: string[] = [];
  const warnings: string[] = [];
  const all = async <T extends KubeObject>(resource: Resource<T>): Promise<readonly T[]> => {
    try {
      return (await client.list(resource)).items;
    } catch (error) {
      // A kind that nobody has installed has no objects.
      if (kindOf(error) !== "not-found") unread.push(whyUnread(resource.plural, "list", error));
      return [];
    }
  };
  const one = async <T extends KubeObject>(
    resource: Resource<T>,
    ref: { readonly namespace?: string; readonly name: string },
  ): Promise<T | null> => {
    try {
      return await client.get(resource, ref);
    } catch (error) {
      if (kindOf(error) !== "not-found")
        unread.push(whyUnread(`${resource.plural} ${ref.name}`, "get", error));
      return null;
    }
  };

  const deployment = await one<Workload>(KIND.deployments, { namespace, name: COORDINATOR_SERVICE.name });
  const daemonSet = await one<Workload>(KIND.daemonSets, { namespace, name: SERVICE_ACCOUNT.agent });
  const leaseName = environmentOf(deployment)["GPUAS_LEASE_NAME"] ?? LEASE_NAME;
  const lease = await one(RESOURCE.leases, { namespace, name: leaseName });
  const [nodes, pods, pools, claims, machines, found] = await Promise.all([
    all(RESOURCE.nodes),
    all(RESOURCE.pods),
    all(RESOURCE.nodePools),
    all(RESOURCE.nodeClaims),
    all(RESOURCE.machines),
    all(RESOURCE.policies),
  ]);
  const definition = policies ? await one(KIND.definitions, { name: DEFINITION_NAME }) : null;

  const removals: Removal[] = [];
  // Whoever still runs would write his marks again.
  if (deployment !== null)
    removals.push({ ...refOf(deployment), kind: "Deployment", what: ["stops the coordinator"] });
  if (daemonSet !== null)
    removals.push({ ...refOf(daemonSet), kind: "DaemonSet", what: ["stops the agents"] });
  for (const node of nodes) {
    const { marks, doubts: unsure } = leftoversOf(node);
    doubts.push(...unsure);
    const { drainState } = NODE_ANNOTATION;
    const state = readDrainState(node.metadata.annotations?.[drainState]);
    if (state.kind === "value" && (state.value.phase === "started" || state.value.phase === "wave"))
      warnings.push(
        `node ${node.metadata.name} is being emptied (${state.value.source}): an agent that is stopped goes on with it for two minutes at most`,
      );
    if (marks.length > 0) removals.push({ kind: "Node", name: node.metadata.name, what: marks });
  }
  const annotated = (
    kind: Removal["kind"],
    objects: readonly KubeObject[],
    names: readonly string[],
  ): void => {
    for (const object of objects) {
      const what = names.filter((name) => isOurs(object, name)).map((name) => `annotation ${name}`);
      if (what.length > 0) removals.push({ ...refOf(object), kind, what });
    }
  };
  annotated("Pod", pods, [POD_ANNOTATION.terminationDeadline]);
  annotated("NodePool", pools, [GROUP_ANNOTATION.lowering, GROUP_ANNOTATION.limitBefore]);
  annotated("NodeClaim", claims, [GROUP_ANNOTATION.kept]);
  annotated(
    "Machine",
    machines.filter(({ metadata }) => metadata.deletionTimestamp === undefined),
    [CLUSTER_API.deleteMachine],
  );
  if (lease !== null) removals.push({ ...refOf(lease), kind: "Lease", what: ["the election of the leader"] });
  if (policies) {
    for (const policy of found)
      removals.push({ name: policy.metadata.name, kind: "AutoscalingPolicy", what: ["the policy"] });
    if (definition !== null)
      removals.push({
        name: definition.metadata.name,
        kind: "CustomResourceDefinition",
        what: ["the definition of policies"],
      });
  }
  for (const pool of pools)
    if (notesOf(pool).length > 0)
      warnings.push(
        `NodePool ${pool.metadata.name}: NodeClaims of it are on their way out, and its replicas has not fallen yet: lower it, or Karpenter makes them again`,
      );
  return { removals, doubts, warnings, unread, policiesLeft: policies ? 0 : found.length };
}

function whyUnread(what: string, verb: string, error: unknown): string {
  return `${what}: ${kindOf(error) === "denied" ? `you need the right to ${verb} them` : describe(error)}`;
}

function refOf({ metadata: { namespace, name } }: KubeObject) {
  return { ...(namespace === undefined ? {} : { namespace }), name };
}

/** The mark of Cluster API is for everybody; ours bears our name. */
const OUR_DELETE_MARK = "gpu-autoscaler";

function isOurs({ metadata }: KubeObject, annotation: string): boolean {
  const value = metadata.annotations?.[annotation];
  return annotation === CLUSTER_API.deleteMachine ? value === OUR_DELETE_MARK : value !== undefined;
}

export function removalName({ kind, namespace, name }: Removal): string {
  return `${kind} ${namespace === undefined ? name : `${namespace}/${name}`}`;
}
