// What has to be looked at before a drill is asked for: the node, the others, the policies; and the judgement whether it may
// be asked for at all. The node's own agent has the last word: it looks again before it begins.

import { drillPermit } from "../../../shared/contract/drill-permit.ts";
import type { PermitPolicy } from "../../../shared/contract/drill-permit.ts";
import type { Node } from "../../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import { readiness } from "../../../shared/model/node.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { agentDoubt, standingOf } from "./standing.ts";
import type { Standing } from "./standing.ts";

export interface Survey {
  readonly node: Node;
  readonly standing: Standing;
  /** Null: it may begin. Else why not, as its agent would say. */
  readonly refusal: string | null;
  /** What is no reason not to ask and should be known. */
  readonly doubts: readonly string[];
}

/** @throws AppError not-found when there is no such node, denied with the rights that are missing. */
export async function survey(
  client: Pick<KubeClient, "list">,
  name: string,
  now: EpochMs,
  limits: CallOptions,
): Promise<Survey> {
  const nodes = await readNodes(client, limits);
  const node = nodes.find(({ metadata }) => metadata.name === name);
  if (node === undefined) throw noSuchNode(name, nodes);
  const policies = await readPolicies(client, limits);
  const permit = drillPermit({ node: name, nodes, policies: policies ?? [], now });
  const agent = agentDoubt(node, now);
  return {
    node,
    standing: standingOf(node),
    refusal: permit.kind === "allowed" ? null : permit.detail,
    doubts: [
      ...(agent === null ? [] : [agent]),
      ...(readiness(node) === "ready" ? [] : ["the node is not ready: its agent may not hear of the drill"]),
      ...(policies === null
        ? [
            "policies cannot be read (you need list on autoscalingpolicies): its agent looks whether one forbids drills",
          ]
        : []),
    ],
  };
}

async function readNodes(client: Pick<KubeClient, "list">, limits: CallOptions): Promise<readonly Node[]> {
  try {
    return (await client.list(RESOURCE.nodes, {}, limits)).items;
  } catch (error) {
    if (kindOf(error) !== "denied") throw error;
    throw new AppError("denied", `${describe(error)}\nyou need get, list, watch and patch on nodes`, {
      cause: error,
    });
  }
}

async function readPolicies(
  client: Pick<KubeClient, "list">,
  limits: CallOptions,
): Promise<readonly PermitPolicy[] | null> {
  try {
    const { items } = await client.list(RESOURCE.policies, {}, limits);
    return items.map(({ metadata, spec }) => ({ name: metadata.name, spec }));
  } catch (error) {
    if (kindOf(error) === "not-found") return [];
    if (kindOf(error) === "denied") return null;
    throw error;
  }
}

const NAMED_AT_MOST = 8;

function noSuchNode(name: string, nodes: readonly Node[]): AppError {
  const names = nodes.map(({ metadata }) => metadata.name).sort();
  const some = names.filter((each) => each.includes(name)).concat(names);
  const shown = [...new Set(some)].slice(0, NAMED_AT_MOST);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : "";
  return new AppError(
    "not-found",
    `there is no node ${name}; ${names.length === 0 ? "the cluster has none" : `there are ${shown.join(", ")}${more}`}`,
  );
}

/** @throws AppError conflict or refused that says what is in the way, unless a drill may be asked for. */
export function refuseUnlessFree(name: string, standing: Standing): void {
  switch (standing.kind) {
    case "free":
    case "refused":
      return;
    case "real":
      throw new AppError(
        "refused",
        `node ${name} is under a notice of ${standing.source}: that is no drill; gpuasctl status shows how far it is`,
      );
    case "request":
      throw new AppError(
        "conflict",
        `node ${name} is being emptied for the coordinator: gpuasctl explain node ${name} says why; take another node`,
      );
    case "drill":
      throw new AppError(
        "conflict",
        `a drill of node ${name} stands already: gpuasctl drill ${name} --follow looks on, gpuasctl drill ${name} --cancel ends it`,
      );
    case "ending":
      throw new AppError(
        "conflict",
        `the marks of the last drill of node ${name} are still on it (${NODE_ANNOTATION.drainState}): gpuasctl drill ${name} --cancel waits until they are gone`,
      );
  }
}
