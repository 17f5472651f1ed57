// Puts together what all sources know at one moment, frozen, and says what is missing instead of guessing. It
// reads memory only: a snapshot costs no call.

import type { EpochMs } from "../../shared/model/units.ts";
import type { Journal, Memory } from "../decide/snapshot-memory.ts";
import type { NodeInput, PolicyInput, PoolInput, Snapshot } from "../decide/snapshot.ts";
import type { Cluster } from "./cluster.ts";
import type { Fleet } from "./fleet.ts";
import { deepFreeze } from "./freeze.ts";
import type { Groups } from "./groups.ts";
import type { BareNode } from "./inputs.ts";
import type { Notices } from "./notices.ts";
import type { Policies, Policy } from "./policies.ts";
import type { Prices } from "./prices.ts";
import type { Rivals } from "./rivals.ts";
import { incompleteness } from "./watched.ts";

export interface Sources {
  readonly cluster: Cluster;
  readonly policies: Policies;
  readonly fleet: Fleet;
  readonly notices: Notices;
  readonly groups: Groups;
  /** Absent: nobody looks for what else sizes groups. */
  readonly rivals?: Pick<Rivals, "of">;
  readonly journalOf: (policy: string) => Journal;
  /** What clouds say of prices. Absent: nobody asks them. */
  readonly prices?: Pick<Prices, "points">;
}

/** Of the last snapshot. */
interface KnownNode {
  readonly bare: BareNode;
  readonly input: NodeInput;
}

export interface Observer {
  /** Whether every watch has brought its first list. Before that, half a list would look like half a cluster. */
  listed(): boolean;
  /** What keeps the picture from being complete; empty: complete. */
  missing(now: EpochMs): readonly string[];
  /** `workUnits`: how much packing the decision may do. */
  snapshot(now: EpochMs, memory: Memory, workUnits: number): Snapshot;
  /** Begins to look at the groups that policies name, so that a replica that only follows knows them when it leads. */
  follow(): void;
}

export function createObserver(sources: Sources): Observer {
  const { cluster, policies, fleet, notices, groups, rivals, journalOf, prices } = sources;
  const watches = [...cluster.watches, policies.watch];
  let before: readonly KnownNode[] = [];
  /** Since when every watch has been complete at each look. */
  let completeSince: EpochMs | null = null;

  function missing(now: EpochMs): readonly string[] {
    return watches.flatMap((watched) => incompleteness(watched, now) ?? []);
  }

  function policyInput({ name, parsed, pools }: Policy): PolicyInput {
    if (parsed.kind === "invalid") return { kind: "invalid", name, problems: parsed.problems, pools };
    const inputs = parsed.spec.nodePools.map((pool): PoolInput => {
      const { name: own, capacityType } = pool;
      const of = { pool: own, capacityType, nodeSelector: parsed.spec.nodeSelector };
      const reading = groups.reading(pool.group, of);
      // What the group shows itself, then what shows in the cluster.
      const seen = [...(reading.rivals ?? []), ...(rivals?.of(name, pool.group) ?? [])];
      return { name: pool.name, ...reading, ...(seen.length === 0 ? {} : { rivals: seen }) };
    });
    return { kind: "valid", name, spec: parsed.spec, pools: inputs, journal: journalOf(name) };
  }

  /** A node of which nothing is new stays the object that it was, and so do its parts. */
  function nodeInputs(nodes: readonly BareNode[]): readonly NodeInput[] {
    before = nodes.map((bare, index) => {
      const telemetry = fleet.telemetry(bare.name);
      const known = before[index];
      return known?.bare === bare && known.input.telemetry === telemetry
        ? known
        : { bare, input: Object.freeze({ ...bare, telemetry }) };
    });
    return Object.freeze(before.map(({ input }) => input));
  }

  return {
    follow: () => {
      const all = policies.list();
      const named = all.flatMap(({ parsed }) => (parsed.kind === "valid" ? parsed.spec.nodePools : []));
      for (const { group } of named) groups.reading(group);
      // What a policy names that cannot be read at the moment is not known.
      if (all.every(({ parsed }) => parsed.kind === "valid"))
        groups.keepOnly(named.map(({ group }) => group));
    },
    listed: () => watches.every(({ store }) => store.synced),
    missing,
    snapshot: (now, memory, workUnits) => {
      const lacking = missing(now);
      if (lacking.length > 0) completeSince = null;
      else completeSince ??= now;

      const nodes = cluster.nodes();
      fleet.keepOnly(new Set(nodes.map(({ name }) => name)));
      return deepFreeze({
        v: 1,
        at: now,
        sync:
          completeSince === null
            ? { kind: "unsynced", missing: lacking }
            : { kind: "synced", since: completeSince },
        policies: policies.list().map(policyInput),
        nodes: nodeInputs(nodes),
        pods: cluster.pods(),
        budgets: cluster.budgets(),
        notices: notices.current(nodes, now),
        memory,
        namespaces: cluster.namespaces(),
        daemons: cluster.daemons(),
        ...pricesOf(prices),
        workUnits,
      } satisfies Snapshot);
    },
  };
}

function pricesOf(prices: Sources["prices"]): Pick<Snapshot, "prices"> {
  const points = prices?.points() ?? [];
  return points.length === 0 ? {} : { prices: points };
}
