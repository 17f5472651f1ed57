// What pods answered to the call to save their state, kept for each interruption, so that whoever starts them again can
// be told where they stood. The newest answer of a pod counts; nothing here is believed to be more than a pod's word.

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import { printable } from "./strangers-text.ts";

/** Interruptions whose answers are kept; the oldest go first. */
const MAX_KEPT = 1_000;
/** As many as one report may bring. */
const MAX_OF_ONE = 64;
/** As the contract has them. */
const LONGEST = { pod: 512, uri: 512, detail: 300 };

export interface Checkpoints {
  /** True: an answer is new. */
  accept(report: Pick<DrainReport, "id" | "checkpoints">): boolean;
  /** In the order of their first answer; empty: none has answered. */
  of(id: string): readonly Checkpoint[];
}

export function createCheckpoints(): Checkpoints {
  const kept = new Map<string, readonly Checkpoint[]>();
  return {
    accept: ({ id, checkpoints = [] }) => {
      if (checkpoints.length === 0) return false;
      const before = kept.get(id) ?? [];
      const byPod = new Map(before.map((one) => [one.pod, one]));
      for (const one of checkpoints.map(readable)) {
        // What is saved stays so, whatever comes of a call after it.
        if (one.result === "saved" || byPod.get(one.pod)?.result !== "saved") byPod.set(one.pod, one);
      }
      const after = [...byPod.values()].slice(0, MAX_OF_ONE);
      kept.set(id, after);
      if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value ?? id);
      return JSON.stringify(after) !== JSON.stringify(before);
    },
    of: (id) => kept.get(id) ?? [],
  };
}

function readable({ uri, detail, ...one }: Checkpoint): Checkpoint {
  return {
    ...one,
    pod: printable(one.pod, LONGEST.pod),
    ...(uri === undefined ? {} : { uri: printable(uri, LONGEST.uri) }),
    ...(detail === undefined ? {} : { detail: printable(detail, LONGEST.detail) }),
  };
}
