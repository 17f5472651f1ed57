// `gpuasctl status`: policies with their pools, what was decided and why, from the Kubernetes API alone: it needs
// neither NATS nor the coordinator to be up.

import { readDrainState } from "../../shared/contract/node-marks.ts";
import { parsePolicy } from "../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { statusText } from "../report/status-text.ts";
import type { NoticeLine, PolicyLines } from "../report/status-text.ts";

/** @throws AppError not-found when there is no such policy. */
export async function status(
  client: Pick<KubeClient, "list">,
  { policy, json }: { readonly policy: string | undefined; readonly json: boolean },
  now: EpochMs,
): Promise<string> {
  const [policies, nodes] = await Promise.all([readPolicies(client, policy), client.list(RESOURCE.nodes)]);
  const notices = nodes.items.flatMap((node) => noticeOf(node) ?? []);
  return json ? JSON.stringify({ policies, notices }, null, 2) : statusText(policies, notices, now);
}

async function readPolicies(
  client: Pick<KubeClient, "list">,
  name: string | undefined,
): Promise<readonly PolicyLines[]> {
  const { items } = await client.list(RESOURCE.policies);
  const wanted = name === undefined ? items : items.filter(({ metadata }) => metadata.name === name);
  if (name !== undefined && wanted.length === 0) {
    const known = items.map(({ metadata }) => metadata.name).join(", ");
    throw new AppError(
      "not-found",
      `there is no AutoscalingPolicy ${name}; ${known === "" ? "the cluster has none" : `known are ${known}`}`,
    );
  }
  return wanted.map(({ metadata, spec, status: written }) => ({
    name: metadata.name,
    generation: metadata.generation ?? null,
    pools: poolLimits(spec),
    status: parsePolicyStatus(written),
  }));
}

/** Minima and maxima with the defaults that apply; of a spec that is not valid, none. */
function poolLimits(spec: unknown): PolicyLines["pools"] {
  const parsed = parsePolicy(spec);
  return parsed.kind === "valid"
    ? parsed.spec.nodePools.map(({ name, minSize, maxSize }) => ({ name, minSize, maxSize }))
    : [];
}

function noticeOf({ metadata }: Node): NoticeLine | null {
  const mark = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind !== "value") return null;
  const { cause, source, phase, deadline } = mark.value;
  return { node: metadata.name, cause, source, phase, deadline: new Date(deadline).toISOString() };
}
