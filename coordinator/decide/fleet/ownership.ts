// Which pool of which policy a node belongs to. The group's own list of members is the truth; the pool label, with
// the policy's node selector, speaks for nodes of groups that list none. A node that two policies claim belongs to
// neither: both say so, and neither removes it.

import { matchesLabels, poolLabelOf } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import type { InstanceInput, PolicyInput, PoolInput, Snapshot } from "../snapshot.ts";
import { accountOf, identityOf } from "./group-identity.ts";

export type ValidPolicy = Extract<PolicyInput, { readonly kind: "valid" }>;

export interface Claim {
  readonly policy: string;
  readonly pool: string;
}

export interface Ownership {
  /** Node → its one pool. Also nodes that are gone and whose instance is still listed. */
  readonly ownerOf: ReadonlyMap<string, Claim>;
  /** Pool id → the nodes that another policy claims as well, or the group that it sizes as well. */
  readonly disputes: ReadonlyMap<string, readonly Reason[]>;
}

export function poolId(policy: string, pool: string): string {
  return `${policy}/${pool}`;
}

export function ownership(snapshot: Snapshot): Ownership {
  const valid = snapshot.policies.filter((policy) => policy.kind === "valid");
  // A policy that is switched off keeps nodes only where no working one wants them.
  const ranks = [
    claimsByInstance(valid.filter(isEnabled)),
    claimsByLabel(valid.filter(isEnabled), snapshot),
    claimsByInstance(valid.filter((policy) => !isEnabled(policy))),
    claimsByLabel(
      valid.filter((policy) => !isEnabled(policy)),
      snapshot,
    ),
  ];
  const ownerOf = new Map<string, Claim>();
  const disputes = sharedGroups(valid.filter(isEnabled));
  addSharedMembers(valid.filter(isEnabled), disputes);
  const names = new Set(ranks.flatMap((claims) => [...claims.keys()]));
  for (const node of [...names].sort()) {
    const claims = ranks.find((rank) => rank.has(node))?.get(node) ?? [];
    const [first] = claims;
    if (first === undefined) continue;
    if (claims.length === 1) {
      ownerOf.set(node, first);
      continue;
    }
    const policies = [...new Set(claims.map((claim) => claim.policy))].sort();
    for (const claim of claims)
      add(disputes, poolId(claim.policy, claim.pool), { code: "overlap", node, policies });
  }
  return { ownerOf, disputes };
}

function isEnabled(policy: ValidPolicy): boolean {
  return policy.spec.enabled;
}

function claimsByInstance(policies: readonly ValidPolicy[]): Map<string, Claim[]> {
  const claims = new Map<string, Claim[]>();
  for (const [policy, pool] of eachPool(policies)) {
    const names = new Set(
      pool.instances.flatMap((instance) => (instance.node === null ? [] : [instance.node])),
    );
    const claim: Claim = { policy: policy.name, pool: pool.name };
    for (const name of names) add(claims, name, claim);
  }
  return claims;
}

function claimsByLabel(policies: readonly ValidPolicy[], snapshot: Snapshot): Map<string, Claim[]> {
  const byPoolName = new Map<string, { readonly policy: ValidPolicy; readonly claim: Claim }[]>();
  for (const [policy, { name }] of eachPool(policies))
    add(byPoolName, name, { policy, claim: { policy: policy.name, pool: name } });
  const claims = new Map<string, Claim[]>();
  for (const node of snapshot.nodes) {
    const pool = poolLabelOf(node.labels);
    if (pool === null) continue;
    for (const { policy, claim } of byPoolName.get(pool) ?? [])
      if (matchesLabels(node.labels, policy.spec.nodeSelector)) add(claims, node.name, claim);
  }
  return claims;
}

/** One group behind two pools: each would undo what the other does, also while the group is empty. */
function sharedGroups(policies: readonly ValidPolicy[]): Map<string, Reason[]> {
  const byGroup = new Map<string, string[]>();
  for (const policy of policies) {
    for (const pool of policy.spec.nodePools) {
      const identity = pool.group === undefined ? null : identityOf(pool.group);
      if (identity !== null) add(byGroup, identity, poolId(policy.name, pool.name));
    }
  }
  const disputes = new Map<string, Reason[]>();
  for (const pools of byGroup.values()) {
    if (pools.length < 2) continue;
    for (const pool of pools) add(disputes, pool, { code: "group-shared", pools: pools.toSorted() });
  }
  return disputes;
}

/**
 * One machine that two groups of an account list, as where one is named and the other found by its tags: nobody knows
 * which of them it would leave, or whether they are one. Members of the cluster's own groups, and of scale sets, are told
 * by their nodes.
 */
function addSharedMembers(policies: readonly ValidPolicy[], disputes: Map<string, Reason[]>): void {
  const byAccount = new Map<string, [id: string, members: readonly InstanceInput[]][]>();
  for (const { name, spec, pools } of policies) {
    for (const { name: pool, group } of spec.nodePools) {
      const account = group === undefined ? null : accountOf(group);
      const id = poolId(name, pool);
      // Pools that name one group are told so already.
      if (account === null || disputes.has(id)) continue;
      add(byAccount, account, [id, pools.find((input) => input.name === pool)?.instances ?? []]);
    }
  }
  for (const pools of byAccount.values()) {
    if (pools.length < 2) continue;
    const ownerOf = new Map<string, string>();
    for (const [pool, members] of pools) {
      for (const { id: instance, placeholder } of members) {
        const other = placeholder === true ? pool : (ownerOf.get(instance) ?? pool);
        ownerOf.set(instance, other);
        if (other === pool) continue;
        const reason: Reason = { code: "instance-shared", instance, pools: [other, pool].toSorted() };
        // One of them is enough to stop a pool.
        for (const both of [other, pool]) if (!disputes.has(both)) disputes.set(both, [reason]);
      }
    }
  }
}

function* eachPool(policies: readonly ValidPolicy[]): Generator<readonly [ValidPolicy, PoolInput]> {
  for (const policy of policies) for (const pool of policy.pools) yield [policy, pool];
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
