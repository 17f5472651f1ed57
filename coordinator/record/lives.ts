// The lives of pods in a recording: when each was made, got its node, and was seen no more, and whether it was made to go.
// A decision's snapshot holds every pod that has not ended, so one that is missing at the next has ended in between.

import type { EpochMs } from "../../shared/model/units.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { Snapshot } from "../decide/snapshot.ts";

export interface Life {
  /** As it was seen last. */
  readonly pod: PodInput;
  readonly createdAt: EpochMs;
  /** Null: it never had a node while anybody looked. */
  readonly startedAt: EpochMs | null;
  /** Null: it is there at the end. */
  readonly endedAt: EpochMs | null;
  /** It was told to go, or its node was gone when it was: its work was not over. */
  readonly cut: boolean;
  /** It ended while nothing was recorded, so that nobody knows when. */
  readonly inGap: boolean;
}

export interface Lives {
  readonly lives: readonly Life[];
  readonly from: EpochMs | null;
  readonly to: EpochMs | null;
  readonly gaps: number;
}

/** Longer than a cycle may be: something was not recorded. */
const GAP_MS = 120_000;

type Open = { -readonly [Field in "pod" | "startedAt"]: Life[Field] };

export async function livesOf(
  moments: AsyncIterable<{ readonly snapshot: Snapshot }>,
  look: (snapshot: Snapshot) => void = () => {},
): Promise<Lives> {
  const open = new Map<string, Open>();
  const lives: Life[] = [];
  let from: EpochMs | null = null;
  let to: EpochMs | null = null;
  let gaps = 0;

  for await (const { snapshot } of moments) {
    // Half a list of pods would end the other half.
    if (snapshot.sync.kind === "unsynced") continue;
    const { at, pods } = snapshot;
    const isGap = to !== null && at - to > GAP_MS;
    if (isGap) gaps++;
    from ??= at;
    to = at;
    look(snapshot);

    const here = new Set<string>();
    for (const pod of pods) {
      here.add(pod.uid);
      const known = open.get(pod.uid);
      const startedAt = known?.startedAt ?? (pod.node === null ? null : (pod.startedAt ?? at));
      if (known === undefined) open.set(pod.uid, { pod, startedAt });
      else {
        known.pod = pod;
        known.startedAt = startedAt;
      }
    }
    if (open.size === here.size) continue;
    const nodes = new Set(snapshot.nodes.map(({ name }) => name));
    for (const [uid, { pod, startedAt }] of open) {
      if (here.has(uid)) continue;
      open.delete(uid);
      const cut = pod.terminating || (pod.node !== null && !nodes.has(pod.node));
      lives.push({ pod, createdAt: pod.createdAt, startedAt, endedAt: at, cut, inGap: isGap });
    }
  }
  for (const { pod, startedAt } of open.values())
    lives.push({ pod, createdAt: pod.createdAt, startedAt, endedAt: null, cut: false, inGap: false });
  return { lives, from, to, gaps };
}
