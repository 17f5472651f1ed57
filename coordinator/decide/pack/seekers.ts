// What the exact search has to know of each pod: what it asks for, and from which ranges a node may be opened for it.
// Ranges that differ in nothing that matters to these pods are tried as one. The tiers stay as the quick plan chose
// them, since shares are settled before cost.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import type { PodKind } from "../fit/kind.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Ask } from "./amounts.ts";
import type { Parts } from "./parts.ts";
import type { Range } from "./ranges.ts";

export interface Seeker {
  readonly pod: PodInput;
  readonly kind: PodKind;
  readonly ask: Ask;
  /** Each entry: ranges that are the same to all of the pods. */
  readonly ranges: readonly (readonly Range[])[];
  /** Whether the order in which pods of the kind are placed makes no difference to what is possible. */
  readonly orderless: boolean;
}

/** With the quick plan on the board. */
export function seekersOf(pods: readonly PodInput[], parts: Parts): readonly Seeker[] {
  const { board, openings, patience } = parts;
  const kinds = pods.map((pod) => board.kinds.of(pod));
  const asked = new Set(
    kinds.flatMap(({ affinity, antiAffinity, spread }) =>
      [...affinity, ...antiAffinity, ...spread].map(({ topologyKey }) => topologyKey),
    ),
  );
  asked.delete(NODE_LABEL.hostname);
  const groups = [
    ...Map.groupBy(parts.ranges.all, (range) =>
      asked.size > 0 ? String(range.id) : lookOf(range, kinds, parts),
    ).values(),
  ];
  const tiers = tiersInUse(pods, parts);
  return pods.map((pod) => {
    const kind = board.kinds.of(pod);
    const ask = board.amounts.askOf(kind);
    const { allows } = patience(pod);
    const own = tierOf(pod, parts);
    const ranges = groups
      .map((group) =>
        group.filter((range) => {
          const tier = `${range.policy} ${range.tier}`;
          const isItsTier = own === null ? tiers.size === 0 || tiers.has(tier) : own === tier;
          return (ask.gpus === 0 || isItsTier) && openings.holds([range], kind, allows);
        }),
      )
      .filter((group) => group.length > 0);
    return { pod, kind, ask, ranges, orderless: kind.spread.length === 0 && kind.affinity.length === 0 };
  });
}

function lookOf(range: Range, kinds: readonly PodKind[], { openings }: Parts): string {
  const { class: grade, policy, tier, options } = range;
  const takes = kinds.map((kind) => openings.wants(range, kind));
  return JSON.stringify([grade, policy, tier, takes, options.map(({ cost, row }) => [cost, ...row])]);
}

/** Null: the pod is on no new node. */
function tierOf({ key }: PodInput, { board }: Parts): string | null {
  const pool = board.placed.get(key)?.kind === "new" ? (board.placed.get(key)?.pool ?? null) : null;
  return pool === null ? null : `${pool.policy} ${pool.pool.capacityType}`;
}

function tiersInUse(pods: readonly PodInput[], parts: Parts): ReadonlySet<string> {
  const withGpus = pods.filter((pod) => parts.board.amounts.askOf(parts.board.kinds.of(pod)).gpus > 0);
  return new Set(withGpus.flatMap((pod) => tierOf(pod, parts) ?? []));
}
