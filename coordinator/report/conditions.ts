// The conditions of a policy: whether it is valid and what of it nobody knows, whether it acts, which pools have no
// group, what does not fit together between groups, cluster and spec, and which nodes two policies want. A transition is
// a change of status, not of words; conditions of types that are not ours stay.

import type { NodePoolSpec } from "../../shared/contract/policy/pool.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { instanceTypesOf, machineOf } from "../../shared/model/instance-types.ts";
import type { MachineLookup } from "../../shared/model/instance-types.ts";
import { CONDITION } from "../../shared/model/names.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { PolicyInput, PoolInput } from "../decide/snapshot.ts";
import { sentence } from "./explain.ts";
import { shortened } from "./sentences/words.ts";

type Condition = PolicyStatus["conditions"][number];
export type Verdict = Pick<Condition, "type" | "status" | "reason" | "message">;
type ValidPolicy = Extract<PolicyInput, { kind: "valid" }>;
type InvalidPolicy = Extract<PolicyInput, { kind: "invalid" }>;

/** Overlaps or machines named in a message; more would make it unreadable. */
const MAX_NAMED = 5;
const LONGEST_MESSAGE = 4_000;
const LONGEST_MISMATCH = 600;

const OVERLAPS: ReadonlySet<string> = new Set<Reason["code"]>(["overlap", "group-shared", "instance-shared"]);

/** `because`: every reason that this cycle gives for the policy's pools. */
export function verdictsOf(policy: PolicyInput, because: readonly Reason[]): readonly Verdict[] {
  if (policy.kind === "invalid") return verdictsOfInvalid(policy);
  return [
    validity(policy),
    activity(policy),
    groups(policy),
    matching(policy),
    overlap(because.filter(({ code }) => OVERLAPS.has(code))),
  ];
}

/** An instance type that the catalogue lacks makes no policy invalid: its nodes may come all the same. */
function validity({ spec }: ValidPolicy): Verdict {
  const { provider, nodePools } = spec;
  const isListed = instanceTypesOf(provider).length > 0;
  const strange = (isListed ? nodePools : [])
    .values()
    .flatMap(({ name, instanceTypes }) => instanceTypes.map((instanceType) => ({ name, instanceType })))
    .flatMap(({ name, instanceType }) => {
      const found = machineOf(provider, instanceType);
      return found.kind === "known" ? [] : [`pool ${name}: ${strangeText(found)}`];
    })
    .take(MAX_NAMED)
    .toArray();
  const type = CONDITION.valid;
  if (strange.length === 0) return { type, status: "True", reason: "Accepted", message: "the spec is valid" };
  return {
    type,
    status: "True",
    reason: "UnknownInstanceType",
    message: `the spec is valid; ${strange.join("; ")}: correct the name, or say in the pool's template and price what such a node has and costs`,
  };
}

function strangeText({ because, nearest }: Extract<MachineLookup, { kind: "unknown" }>): string {
  return nearest.length === 0 ? because : `${because}, near it are ${nearest.join(", ")}`;
}

function verdictsOfInvalid({ problems }: InvalidPolicy): readonly Verdict[] {
  return [
    { type: CONDITION.valid, status: "False", reason: "InvalidSpec", message: problems.join("; ") },
    {
      type: CONDITION.active,
      status: "False",
      reason: "InvalidSpec",
      message: "nothing is done until the policy is valid",
    },
  ];
}

function activity({ spec }: ValidPolicy): Verdict {
  const type = CONDITION.active;
  if (!spec.enabled) return { type, status: "False", reason: "Disabled", message: "enabled is false" };
  if (spec.mode === "Act")
    return { type, status: "True", reason: "Acting", message: "moves are carried out" };
  return {
    type,
    status: "False",
    reason: "Recommend",
    message: "mode is Recommend: decided and reported, nothing touched",
  };
}

function groups({ pools }: ValidPolicy): Verdict {
  const without = pools.filter(({ group }) => group.kind === "none").map(({ name }) => name);
  const missing = pools.flatMap(({ name, group }) =>
    group.kind === "missing" ? [`${name}: ${group.detail}`] : [],
  );
  const type = CONDITION.noGroup;
  if (without.length === 0 && missing.length === 0) {
    return { type, status: "False", reason: "GroupsFound", message: "every pool has its group" };
  }
  const problems = [
    ...(without.length === 0 ? [] : [`nodePools without group: ${without.join(", ")}`]),
    ...missing,
  ];
  return {
    type,
    status: "True",
    reason: without.length > 0 ? "PoolWithoutGroup" : "GroupMissing",
    message: problems.join("; "),
  };
}

/** Also while it hinders nothing yet: an operator should know before a growth or a removal is refused. */
function matching({ spec, pools }: ValidPolicy): Verdict {
  const type = CONDITION.groupsMatch;
  const problems = pools.flatMap((pool) => {
    const asked = spec.nodePools.find(({ name }) => name === pool.name);
    const said = [...(asked === undefined ? [] : boundsText(pool, asked)), ...(pool.mismatches ?? [])];
    return said.map((text) => `pool ${pool.name}: ${shortened(text, LONGEST_MISMATCH)}`);
  });
  if (problems.length === 0)
    return {
      type,
      status: "True",
      reason: "GroupsMatch",
      message: "no group says anything that does not fit the policy or the cluster",
    };
  const shown = problems.slice(0, MAX_NAMED);
  const left = problems.length - shown.length;
  return {
    type,
    status: "False",
    reason: "GroupMismatch",
    message: [...shown, ...(left > 0 ? [`${left} more`] : [])].join("; "),
  };
}

function boundsText({ group }: PoolInput, { minSize, maxSize }: NodePoolSpec): readonly string[] {
  if (group.kind !== "known") return [];
  const { min, max } = group;
  return [
    ...(max !== undefined && max < maxSize
      ? [`its group allows ${max} at most, its maxSize is ${maxSize}: raise the one or lower the other`]
      : []),
    ...(min !== undefined && min > minSize
      ? [`its group keeps ${min} at least, its minSize is ${minSize}: lower the one or raise the other`]
      : []),
  ];
}

function overlap(reasons: readonly Reason[]): Verdict {
  const type = CONDITION.overlap;
  if (reasons.length === 0)
    return {
      type,
      status: "False",
      reason: "NoOverlap",
      message: "no node or group belongs to two policies",
    };
  const named = [...new Set(reasons.map((reason) => sentence(reason)))].slice(0, MAX_NAMED);
  return { type, status: "True", reason: "TwoPoliciesOwnNode", message: named.join("; ") };
}

export function withVerdicts(
  conditions: readonly Condition[],
  verdicts: readonly Verdict[],
  { at, generation }: { readonly at: EpochMs; readonly generation: number | undefined },
): Condition[] {
  const ours = verdicts.map((verdict) => {
    const before = conditions.find(({ type }) => type === verdict.type);
    const lastTransitionTime =
      before?.status === verdict.status ? before.lastTransitionTime : new Date(at).toISOString();
    return {
      ...verdict,
      message: shortened(verdict.message, LONGEST_MESSAGE),
      lastTransitionTime,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
  const known: ReadonlySet<string> = new Set(Object.values(CONDITION));
  return [...conditions.filter(({ type }) => !known.has(type)), ...ours];
}
