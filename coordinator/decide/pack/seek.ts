// The first bin that takes a pod, in the order of the board: here, coming, opened before. Pods of one kind remember how
// far the bins before are closed to them for good, since room on nodes of a fixed size only ever shrinks; what may
// change with the next pod, as spread and affinity do, is asked again each time.

import type { PodKind } from "../fit/kind.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Admission } from "./admission.ts";
import { holds } from "./amounts.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";
import type { Work } from "./work.ts";

export interface Seek {
  first(pod: PodInput): Bin | null;
  /** Bins before it are closed to the kind for good. */
  closedBefore(kind: PodKind): number;
  /** Room was given back: what was closed may be open again. */
  forget(): void;
}

/** Comparing amounts is cheap: so many bins cost as much as one real check. */
const GLANCES = 16;

export function createSeek(board: Board, admission: Admission, work: Work): Seek {
  /** By kind: bins before it are closed to the kind, as long as nothing is taken back. */
  const cursors: number[] = [];
  /** The same whatever is requested: by what else makes a kind, so that pods of many sizes learn from each other. */
  const shared = new Map<string, number>();
  const looks: string[] = [];
  const { width } = board.amounts;

  const closedToAll = (kind: PodKind): number => {
    // A free pod is kept out by amounts alone, and one that names a model by how many GPUs it asks for.
    if (kind.plain || kind.pod.gpuModel !== undefined) return 0;
    const look = (looks[kind.id] ??= lookOf(kind, board.amounts.askOf(kind).gpus > 0));
    let closed = shared.get(look) ?? 0;
    while (
      closed < board.bins.length &&
      admission.verdict(kind, board.bins[closed] as Bin, kind.pod) === "never"
    )
      closed += 1;
    shared.set(look, closed);
    return closed;
  };

  return {
    first: (pod) => {
      const kind = board.kinds.of(pod);
      const ask = board.amounts.askOf(kind);
      const { left, bins, fixed } = board;
      const from = Math.max(cursors[kind.id] ?? 0, closedToAll(kind));
      let closed = from;
      let at = from;
      for (; at < bins.length; at++) {
        // A new node may still become a larger one.
        let forGood = at < fixed;
        if (holds(left, at * width, ask)) {
          work.use(1);
          const verdict = admission.verdict(kind, bins[at] as Bin, pod);
          if (verdict === "fits") break;
          forGood = verdict === "never";
        }
        if (forGood && closed === at) closed = at + 1;
      }
      work.use(1 + (at - from) / GLANCES);
      cursors[kind.id] = closed;
      return bins[at] ?? null;
    },
    closedBefore: (kind) => cursors[kind.id] ?? 0,
    forget: () => {
      cursors.length = 0;
      shared.clear();
    },
  };
}

function lookOf(
  { where, affinity, antiAffinity, spread, selectedBy, pod }: PodKind,
  withGpus: boolean,
): string {
  const uses = [affinity, antiAffinity, spread].map((all) =>
    all.map(({ term, topologyKey }) => `${term} ${topologyKey}`),
  );
  return JSON.stringify([where, withGpus, ...uses, [...selectedBy], pod.hostPorts]);
}
