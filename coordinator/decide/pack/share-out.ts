// Which pods go to which tier before they are packed: the shares of a policy are targets in GPUs, and each tier gets
// pods until its part is full. Pods without GPUs have no share and go wherever it is cheapest. A pod that several
// policies would take goes to the one that the market asks first.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { PodKind } from "../fit/kind.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Parts } from "./parts.ts";
import type { Range } from "./ranges.ts";

export interface Portion {
  readonly pods: readonly PodInput[];
  readonly among: readonly Range[];
}

/** `ranges` of one class. Pods that none of them takes are in no portion. */
export function shareOut(
  pods: readonly PodInput[],
  ranges: readonly Range[],
  parts: Parts,
): readonly Portion[] {
  const policies = Map.groupBy(ranges, (range) => range.policy);
  const policyOf = policyChooser(policies, parts);
  const byPolicy = Map.groupBy(pods, policyOf);
  return [...policies].flatMap(([policy, own]) => {
    const mine = byPolicy.get(policy) ?? [];
    const withGpus = mine.filter((pod) => gpusOf(pod, parts) > 0);
    const without = mine.filter((pod) => gpusOf(pod, parts) === 0);
    return [...byTier(policy, withGpus, own, parts), { pods: without, among: own }].filter(
      (portion) => portion.pods.length > 0,
    );
  });
}

function gpusOf(pod: PodInput, { board }: Parts): number {
  return board.amounts.askOf(board.kinds.of(pod)).gpus;
}

/** Worked out once for each kind; null: no policy takes it. */
function policyChooser(
  policies: ReadonlyMap<string, readonly Range[]>,
  parts: Parts,
): (pod: PodInput) => string | null {
  const known = new Map<string, string | null>();
  const choose = (pod: PodInput, kind: PodKind): string | null => {
    const { allows } = parts.patience(pod);
    const able = [...policies].filter(([, own]) => parts.openings.holds(own, kind, allows));
    const [only] = able;
    if (able.length < 2) return only?.[0] ?? null;
    return parts.openings.best(kind, 1, allows)?.pool.policy ?? only?.[0] ?? null;
  };
  return (pod) => {
    const kind = parts.board.kinds.of(pod);
    const text = `${kind.id} ${parts.patience(pod).text}`;
    const before = known.get(text);
    if (before !== undefined) return before;
    const policy = choose(pod, kind);
    known.set(text, policy);
    return policy;
  };
}

function byTier(
  policy: string,
  pods: readonly PodInput[],
  ranges: readonly Range[],
  parts: Parts,
): readonly Portion[] {
  const wanted = pods.reduce((sum, pod) => sum + gpusOf(pod, parts), 0);
  if (wanted === 0) return [];
  const pools = ranges.flatMap(({ options }) => options.map(({ pool }) => pool));
  const steps = parts.market.tiers(policy, wanted, pools);
  const portions = steps.map(({ tier, gpus }) => ({
    among: ranges.filter((range) => tier === null || range.tier === tier),
    due: gpus,
    given: 0,
    pods: [] as PodInput[],
  }));
  const able = new Map<string, boolean>();
  const takes = (kind: PodKind, portion: number, tier: CapacityType | null): boolean => {
    const text = `${kind.id} ${tier}`;
    const known = able.get(text) ?? parts.openings.holds(portions[portion]?.among ?? [], kind, () => true);
    able.set(text, known);
    return known;
  };
  for (const pod of pods) {
    const kind = parts.board.kinds.of(pod);
    const gpus = gpusOf(pod, parts);
    const open = portions.filter((_, index) => takes(kind, index, steps[index]?.tier ?? null));
    const [portion] = open.toSorted((a, b) => openShare(b) - openShare(a));
    if (portion === undefined) continue;
    portion.given += gpus;
    portion.pods.push(pod);
  }
  return portions;
}

/** How much of what a tier is due it still lacks: in turn, so that each gets pods of all sizes, which fill nodes well. */
function openShare({ due, given }: { readonly due: number; readonly given: number }): number {
  return due > 0 ? 1 - given / due : -1 - given;
}
