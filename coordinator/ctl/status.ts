// `gpuasctl status`: policies with their pools, what was decided and why, nodes that go and agents that are silent or ill, from
// the Kubernetes API alone: it needs neither NATS nor the coordinator to be up, and says so when that is away.

import { parsePolicy } from "../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { LEASE_NAME } from "../../shared/model/names.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError, describe, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { fleetText, leaderText } from "../report/status-fleet-text.ts";
import type { LeaderLine } from "../report/status-fleet-text.ts";
import { statusText } from "../report/status-text.ts";
import type { PolicyLines } from "../report/status-text.ts";
import type { Service } from "./arguments.ts";
import { nodeLines } from "./status-nodes.ts";

type StatusClient = Pick<KubeClient, "list" | "get">;

export interface StatusOptions {
  readonly policy: string | undefined;
  readonly json: boolean;
  readonly service: Pick<Service, "namespace">;
}

/** @throws AppError not-found when there is no such policy; what cannot be read of the rest is said in the answer. */
export async function status(
  client: StatusClient,
  { policy, json, service }: StatusOptions,
  now: EpochMs,
): Promise<string> {
  const [policies, nodes, coordinator] = await Promise.all([
    readPolicies(client, policy),
    readNodes(client),
    readLeader(client, service, now),
  ]);
  const lines = nodeLines(nodes.items, now);
  const { unread } = nodes;
  if (json) return JSON.stringify({ coordinator, policies, ...lines, unread }, null, 2);
  return [
    leaderText(coordinator, now),
    statusText(policies, lines.notices, now),
    ...fleetText(lines, now),
    ...unread,
  ].join("\n\n");
}

async function readNodes(client: StatusClient) {
  try {
    return { items: (await client.list(RESOURCE.nodes)).items, unread: [] };
  } catch (error) {
    const why = `Nodes cannot be read, so nothing is known of notices, drains and agents: ${describe(error)}`;
    return { items: [], unread: [why] };
  }
}

/** A lease that has run out twice is nobody's; clocks may differ by some seconds. */
const RUN_OUT = 2;

async function readLeader(
  client: StatusClient,
  { namespace }: Pick<Service, "namespace">,
  now: EpochMs,
): Promise<LeaderLine> {
  try {
    const { spec } = await client.get(RESOURCE.leases, { namespace, name: LEASE_NAME });
    const holder = spec?.holderIdentity ?? "";
    if (holder === "") return { kind: "none", why: "Nobody holds the lease" };
    const renewed = parseInstant(spec?.renewTime ?? "");
    const lastsMs = (spec?.leaseDurationSeconds ?? 10) * 1000;
    const isFresh = renewed !== null && now - renewed <= RUN_OUT * lastsMs;
    const renewedAt = renewed === null ? null : new Date(renewed).toISOString();
    return { kind: isFresh ? "leads" : "away", holder: holder.split("_")[0] ?? holder, renewedAt };
  } catch (error) {
    return kindOf(error) === "not-found"
      ? { kind: "none", why: `There is no lease ${namespace}/${LEASE_NAME}; --namespace names another place` }
      : { kind: "unknown", why: describe(error) };
  }
}

async function readPolicies(client: StatusClient, name: string | undefined): Promise<readonly PolicyLines[]> {
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
