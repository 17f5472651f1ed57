// The first bin that takes a pod, in the order of the board: here, coming, opened before. Pods of one kind remember how
// far the bins before are closed to them for good, since room on nodes of a fixed size only ever shrinks; what may
// change with the next pod, as spread and affinity do, is asked again each time.

import type { PodKind } from "../fit/kind.ts";
import type { Admission } from "./admission.ts";
import { holds } from "./amounts.ts";
import type { Bin, Board } from "./board.ts";
import type { Work } from "./work.ts";

export interface Seek {
  first(kind: PodKind, options?: SeekOptions): Bin | null;
  /** Bins before it are closed to the kind for good. */
  closedBefore(kind: PodKind): number;
  /** Room was given back: what was closed may be open again. */
  forget(): void;
}

export interface SeekOptions {
  /** No bin from there on. */
  readonly end?: number;
  /** Bins that the caller keeps out. */
  readonly refuse?: (bin: Bin) => boolean;
  /** True: what is found now will be taken back, so nothing is to be learnt from it. */
  readonly trial?: boolean;
}

/** Comparing amounts is cheap: so many bins cost as much as one real check. */
const GLANCES = 16;

export function createSeek(board: Board, admission: Admission, work: Work): Seek {
  /** By kind: bins before it are closed to the kind, as long as nothing is taken back. */
  const cursors: number[] = [];
  const { width } = board.amounts;

  return {
    closedBefore: (kind) => cursors[kind.id] ?? 0,
    forget: () => {
      cursors.length = 0;
    },
    first: (kind, { end = board.bins.length, refuse, trial = false } = {}) => {
      const ask = board.amounts.askOf(kind);
      const { left, bins, fixed } = board;
      const from = cursors[kind.id] ?? 0;
      let closed = from;
      let checks = 0;
      let found: Bin | null = null;
      for (let at = from; at < end; at++) {
        let forGood = false;
        if (holds(left, at * width, ask)) {
          const bin = bins[at] as Bin;
          checks += 1;
          const verdict = admission.verdict(kind, bin);
          if (verdict === "fits" && refuse?.(bin) !== true) {
            found = bin;
            break;
          }
          forGood = verdict === "never";
        } else {
          // A new node may still become a larger one.
          forGood = at < fixed;
        }
        if (forGood && closed === at) closed = at + 1;
      }
      work.use(1 + checks + (Math.max(closed, found?.id ?? end) - from) / GLANCES);
      if (!trial) cursors[kind.id] = closed;
      return found;
    },
  };
}
