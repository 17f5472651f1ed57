// Whether the pods of a node would all find a place on other nodes that are here, and their move once it is decided.
// A trial plays on the decision's own board and is taken back exactly. Pods of one kind share a cursor: what was
// full stays full, since a decision that takes nodes away adds no room. It is the scheduler that places them in the end,
// and it does not pack: where that matters, a second trial plays the way in which it would go wrong.

import { gpusIn } from "../../../shared/model/resources.ts";
import { firstDifference } from "../order.ts";
import { holds } from "../pack/amounts.ts";
import type { Bin } from "../pack/bin.ts";
import { packingOrder } from "../pack/order.ts";
import type { Packing } from "../pack/packing.ts";
import type { Rehousing } from "../rule.ts";
import type { PodInput } from "../snapshot-pod.ts";

export interface Rehouse {
  /** Nothing is changed. `surely`: also when small pods come first and each takes the emptiest node. */
  trial(node: string, pods: readonly PodInput[], surely: boolean): Rehousing;
  /** Closes the node, and moves the pods where they fit. */
  commit(node: string, pods: readonly PodInput[]): void;
  /** Nodes that may go soon are filled last; the first of these names at the very end. */
  prefer(goingNext: readonly string[]): void;
}

/** Comparing amounts is cheap beside a real check. */
const GLANCES = 16;

/** `hasSpare`: some node is empty, and a scheduler that spreads would fill it first. */
export function createRehouse({ board, parts }: Packing, hasSpare = false): Rehouse {
  const { admission, work } = parts;
  const { width } = board.amounts;
  const here = board.bins.slice(0, board.nodes);
  let targets: readonly Bin[] = here;
  /** The emptiest first, as it was when it was first asked. */
  let roomy: readonly Bin[] | null = null;
  /** By kind: targets before it are full, or closed to the kind, for the rest of the decision. */
  let closed: number[] = [];

  const takes = (pod: PodInput, bin: Bin): boolean => {
    const kind = board.kinds.of(pod);
    return (
      bin.usable &&
      holds(board.left, bin.id * width, board.amounts.askOf(kind)) &&
      admission.verdict(kind, bin, pod) === "fits"
    );
  };
  /** The first target at or after `from` that takes the pod. */
  const seek = (pod: PodInput, from: number, among: readonly Bin[] = targets): number => {
    let at = from;
    while (at < among.length && !takes(pod, among[at] as Bin)) at++;
    work.use(1 + (at - from) / GLANCES);
    return at;
  };
  /** While nothing is tried, since what a trial fills is free again after it. */
  const advance = (pods: readonly PodInput[]): void => {
    for (const kind of new Set(pods.map((pod) => board.kinds.of(pod)))) {
      if (kind.plain) closed[kind.id] = seek(kind.pod, closed[kind.id] ?? 0);
    }
  };
  const move = (node: string, pods: readonly PodInput[], among: readonly Bin[] = targets): Rehousing => {
    const cursors: number[] = [];
    const full = among === targets ? closed : [];
    const onto = new Set<string>();
    board.leave(node);
    for (const pod of pods) {
      const planned = board.placed.get(pod.key);
      // It has its place in this decision already, as what is to be replaced has.
      if (planned?.kind === "node") continue;
      if (work.left <= 0) return { kind: "unknown", units: work.used };
      const kind = board.kinds.of(pod);
      const at = seek(pod, kind.plain ? (cursors[kind.id] ?? full[kind.id] ?? 0) : 0, among);
      const target = among[at];
      if (target === undefined) return { kind: "stuck", pod: pod.key };
      if (kind.plain) cursors[kind.id] = at;
      onto.add(target.host);
      board.put(target, pod);
    }
    return { kind: "fits", onto };
  };
  const tried = (node: string, pods: readonly PodInput[], among?: readonly Bin[]): Rehousing => {
    const mark = board.mark();
    const verdict = move(node, pods, among);
    board.rollBack(mark);
    return verdict;
  };
  /** Pods of one kind fill the same room in any order. */
  const isMixed = (pods: readonly PodInput[]): boolean =>
    new Set(pods.map((pod) => board.kinds.of(pod))).size > 1;
  const byRoom = (): readonly Bin[] =>
    (roomy ??= here
      .map((bin) => ({ bin, free: bin.free }))
      .sort((a, b) =>
        firstDifference(
          gpusIn(b.free) - gpusIn(a.free),
          (b.free["cpu"] ?? 0) - (a.free["cpu"] ?? 0),
          a.bin.id - b.bin.id,
        ),
      )
      .map(({ bin }) => bin));

  return {
    trial: (node, pods, surely) => {
      advance(pods);
      const ordered = pods.toSorted(packingOrder);
      const verdict = tried(node, ordered);
      if (verdict.kind !== "fits" || !surely || !(hasSpare || isMixed(pods))) return verdict;
      const worst = tried(node, ordered.toReversed(), byRoom());
      return worst.kind === "fits" ? { kind: "fits", onto: verdict.onto.union(worst.onto) } : worst;
    },
    commit: (node, pods) => {
      advance(pods);
      const mark = board.mark();
      if (move(node, pods.toSorted(packingOrder)).kind === "fits") return;
      // It goes all the same: whoever decided that knows that its pods wait for room to come.
      board.rollBack(mark);
      board.leave(node);
    },
    prefer: (goingNext) => {
      const last = new Map(goingNext.map((name, index) => [name, index]));
      const staying = here.filter(({ host }) => !last.has(host));
      const leaving = here
        .filter(({ host }) => last.has(host))
        .sort((a, b) => (last.get(b.host) ?? 0) - (last.get(a.host) ?? 0));
      targets = [...staying, ...leaving];
      closed = [];
    },
  };
}
