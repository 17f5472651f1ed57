// Which of the back end's calls Azure would let through, by Azure's own list of what this identity may do at a resource:
// nothing is tried. A right is allowed where a statement grants it and does not take it out again; statements are patterns.

import type * as z from "zod";

import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { ProbeAnswer } from "../account.ts";
import type { CallOptions } from "../group.ts";
import { cluster as clusterBody, permission, readAs } from "./bodies.ts";
import { AZURE_CALLS } from "./calls.ts";
import type { AzureCall, AzureCalls } from "./calls.ts";
import { clusterPath, parseKey, resourceGroupPath, scaleSetPath } from "./keys.ts";
import type { AgentPoolKey } from "./keys.ts";

type Permissions = readonly z.infer<typeof permission>[];
type Asked =
  | { readonly scope: string; readonly permissions: Permissions }
  | { readonly scope: string; readonly why: string };
type Outcome = Omit<ProbeAnswer, "call">;

/** At the subscription: for all groups, for scale sets and for pools. */
const OF_ALL: readonly AzureCall[] = ["ListAutoscaleSettings"];
const OF_SETS_AT_TOP: readonly AzureCall[] = ["GetComputeOperation"];
const OF_POOLS_AT_TOP: readonly AzureCall[] = ["GetAgentPoolOperation"];
const OF_SETS: readonly AzureCall[] = ["GetScaleSet", "ListMachines", "SetCapacity", "DeleteInstances"];
const OF_CLUSTERS: readonly AzureCall[] = ["GetCluster", "GetAgentPool", "PutAgentPool", "DeleteMachines"];
/** In the resource group where AKS keeps a cluster's machines. */
const OF_NODE_GROUPS: readonly AzureCall[] = ["ListScaleSets", "ListMachines"];
const SCOPES_MAX = 10;

/** One answer for each right of the calls that these groups need. Rejects by the signal alone. */
export async function probeAzure(
  calls: Pick<AzureCalls, "listPermissions" | "getCluster">,
  keys: readonly string[],
  options: CallOptions,
): Promise<readonly ProbeAnswer[]> {
  const places = keys.map(parseKey);
  const sets = places.flatMap((key) => (key.kind === "scale-set" ? [scaleSetPath(key)] : []));
  const pools = places.filter((key) => key.kind === "agent-pool");
  const clusters = [...new Map(pools.map((key) => [clusterPath(key), key])).values()].slice(0, SCOPES_MAX);
  const at = async (scopes: readonly string[]): Promise<readonly Asked[]> =>
    await Promise.all(
      [...new Set(scopes)]
        .slice(0, SCOPES_MAX)
        .map(async (scope) => await permissionsAt(calls, scope, options)),
    );
  const [ofSubscription, ofSets, ofClusters, ofNodeGroups] = await Promise.all([
    at([""]),
    at(sets),
    at(clusters.map(clusterPath)),
    Promise.all(clusters.map(async (key) => await permissionsBelow(calls, key, options))),
  ]);
  options.signal.throwIfAborted();
  const scopesOf = new Map<string, Asked[]>();
  for (const [names, scopes] of [
    [OF_ALL, ofSubscription],
    [OF_SETS_AT_TOP, sets.length === 0 ? [] : ofSubscription],
    [OF_POOLS_AT_TOP, pools.length === 0 ? [] : ofSubscription],
    [OF_SETS, ofSets],
    [OF_CLUSTERS, ofClusters],
    [OF_NODE_GROUPS, ofNodeGroups],
  ] as const)
    for (const right of scopes.length === 0 ? [] : names.flatMap((name) => AZURE_CALLS[name].rights))
      scopesOf.set(right, [...(scopesOf.get(right) ?? []), ...scopes]);
  return [...scopesOf].map(([call, scopes]) => ({ call, ...outcomeAt(call, scopes) }));
}

async function permissionsBelow(
  calls: Pick<AzureCalls, "listPermissions" | "getCluster">,
  place: AgentPoolKey,
  options: CallOptions,
): Promise<Asked> {
  try {
    const { properties } = readAs(clusterBody, await calls.getCluster(place, options), place.words);
    return await permissionsAt(calls, resourceGroupPath(properties.nodeResourceGroup), options);
  } catch (error) {
    options.signal.throwIfAborted();
    return {
      scope: clusterPath(place),
      why: `the resource group of the cluster's nodes is not known: ${describe(error)}`,
    };
  }
}

async function permissionsAt(
  calls: Pick<AzureCalls, "listPermissions">,
  scope: string,
  options: CallOptions,
): Promise<Asked> {
  try {
    const listed = await calls.listPermissions(scope, options);
    const permissions = listed.flatMap((body) => {
      const read = permission.safeParse(body);
      return read.success ? [read.data] : [];
    });
    return { scope, permissions };
  } catch (error) {
    options.signal.throwIfAborted();
    const what =
      kindOf(error) === "denied" ? "Azure does not say what this identity may do there" : "nobody answered";
    return { scope, why: `${what}: ${error instanceof AppError ? error.message : describe(error)}` };
  }
}

/** One resource where it is refused is one too many. */
function outcomeAt(right: string, scopes: readonly Asked[]): Outcome {
  const outcomes = scopes.map((asked): Outcome => {
    if ("why" in asked) return { outcome: "unknown", detail: asked.why };
    if (asked.permissions.some((one) => grants(one, right))) return { outcome: "allowed" };
    return {
      outcome: "denied",
      detail: `no role of this identity grants it at ${asked.scope || "the subscription"}`,
    };
  });
  return (
    outcomes.find(({ outcome }) => outcome === "denied") ??
    outcomes.find(({ outcome }) => outcome === "unknown") ?? { outcome: "allowed" }
  );
}

function grants({ actions, notActions }: Permissions[number], right: string): boolean {
  const matches = (patterns: readonly string[] | null | undefined): boolean =>
    (patterns ?? []).some((pattern) => patternOf(pattern).test(right));
  return matches(actions) && !matches(notActions);
}

/** `Microsoft.Compute/*` and the like, without regard to case. */
function patternOf(text: string): RegExp {
  const parts = text.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`, "i");
}
