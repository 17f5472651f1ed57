// Decides again what is recorded: as it was, which has to give the same plans, or by other policies, which shows where
// decisions part. Each decision is asked of what was seen at its moment: what would have followed from another one is no
// part of a recording, so a parting goes on for as long as the cluster goes the other way.

import type { PolicySpec } from "../../shared/contract/policy.ts";
import type { BUILD } from "../../shared/runtime/build-info.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { decide } from "../decide/decide.ts";
import type { Memory } from "../decide/snapshot-memory.ts";
import type { PolicyInput, PoolInput, Snapshot } from "../decide/snapshot.ts";
import { withoutWords } from "./anonymise.ts";
import { createPartings } from "./partings.ts";
import type { Partings } from "./partings.ts";
import type { Moment } from "./read.ts";

export interface ChangedPolicy {
  readonly name: string;
  readonly spec: PolicySpec;
}

export interface DecidedAgain {
  readonly decisions: number;
  readonly from: number | null;
  readonly to: number | null;
  /** Builds that recorded, other than the one that decides now. */
  readonly otherBuilds: readonly string[];
  /** Plans that are not the same byte for byte. */
  readonly different: number;
  /** The first of them. */
  readonly firstDifferent: { readonly at: number; readonly file: string; readonly line: number } | null;
  readonly partings: Partings;
  /** Pools of the changed policies of which the recording knows nothing: `<policy>/<pool>`. */
  readonly unknownPools: readonly string[];
}

/** @throws AppError bad-input when a changed policy is not in the recording, with those that are. */
export async function decideAgainOver(
  moments: AsyncIterable<Moment>,
  options: { readonly changed: readonly ChangedPolicy[]; readonly build: typeof BUILD },
): Promise<DecidedAgain> {
  const changed = new Map(options.changed.map(({ name, spec }) => [name, spec]));
  const partings = createPartings();
  const seen = new Set<string>();
  const builds = new Set<string>();
  const unknownPools = new Set<string>();
  let decisions = 0;
  let different = 0;
  let firstDifferent: DecidedAgain["firstDifferent"] = null;
  let from: number | null = null;
  let to: number | null = null;
  let carried: { readonly session: string; readonly memory: Memory } | null = null;

  for await (const { at, head, snapshot, plan, file, line } of moments) {
    for (const { name } of snapshot.policies) seen.add(name);
    builds.add(buildText(head.build));
    const memory: Memory =
      carried !== null && carried.session === head.session
        ? withTimersOf(snapshot.memory, carried.memory)
        : snapshot.memory;
    const asked =
      changed.size === 0
        ? snapshot
        : { ...snapshot, memory, policies: snapshot.policies.map((each) => exchanged(each, changed)) };
    for (const key of unknownIn(asked, changed)) unknownPools.add(key);
    const decision = decide(asked);
    const now = head.names === null ? decision.plan : withoutWords(decision.plan);
    const then = head.names === null ? plan : withoutWords(plan);
    if (changed.size > 0) carried = { session: head.session, memory: decision.memory };
    decisions++;
    from ??= at;
    to = at;
    if (JSON.stringify(now) !== JSON.stringify(then)) {
      different++;
      firstDifferent ??= { at, file, line };
    }
    partings.add(at, then, now);
  }
  if (decisions > 0) refuseStrangers(changed, seen);
  const own = buildText(options.build);
  return {
    decisions,
    from,
    to,
    otherBuilds: [...builds].filter((build) => build !== own),
    different,
    firstDifferent,
    partings: partings.end(),
    unknownPools: [...unknownPools],
  };
}

/**
 * Timers are by the policy: another threshold has other idle times. All else that is remembered is of what the cluster
 * did, which is what the recording says.
 */
function withTimersOf(recorded: Memory, own: Memory): Memory {
  return { ...recorded, nodes: own.nodes, hotSince: own.hotSince };
}

function exchanged(policy: PolicyInput, changed: ReadonlyMap<string, PolicySpec>): PolicyInput {
  const spec = changed.get(policy.name);
  if (spec === undefined || policy.kind === "invalid") return policy;
  const recorded = new Map(policy.pools.map((pool) => [pool.name, pool]));
  const pools = spec.nodePools.map(({ name }) => recorded.get(name) ?? unseen(name));
  return { ...policy, spec, pools };
}

const NOT_RECORDED = "the recording knows no such pool";

function unseen(name: string): PoolInput {
  return { name, group: { kind: "unknown", detail: NOT_RECORDED }, instances: [] };
}

function unknownIn(snapshot: Snapshot, changed: ReadonlyMap<string, PolicySpec>): readonly string[] {
  if (changed.size === 0) return [];
  return snapshot.policies.flatMap((policy) =>
    policy.kind === "valid"
      ? policy.pools
          .filter(({ group }) => group.kind === "unknown" && group.detail === NOT_RECORDED)
          .map(({ name }) => `${policy.name}/${name}`)
      : [],
  );
}

function refuseStrangers(changed: ReadonlyMap<string, PolicySpec>, seen: ReadonlySet<string>): void {
  const strangers = [...changed.keys()].filter((name) => !seen.has(name));
  if (strangers.length === 0) return;
  throw new AppError(
    "bad-input",
    `metadata.name: the recording has no policy ${strangers.join(", ")}; it has ${[...seen].join(", ")}. A changed policy needs the name of the one that it stands for`,
  );
}

export function buildText({ version, revision }: typeof BUILD): string {
  return `${version} (revision ${revision})`;
}
