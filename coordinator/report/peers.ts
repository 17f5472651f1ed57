// Tells the agents of other nodes that a pod of a gang of theirs is about to lose its node, so that the members that stay
// save their state too. Once for each interruption and node, and only about pods that can be asked to save. Sent as soon as
// a cycle has seen it, before anything is bought: a purchase takes seconds, and nobody waits for an answer to this.

import { encode } from "../../shared/contract/codec.ts";
import type { PeerMessage } from "../../shared/contract/peer.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { takesNode } from "../../shared/model/interruption.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { NoticeInput, Snapshot } from "../decide/snapshot.ts";

/** Interruptions whose peers are remembered as told. */
const MAX_TOLD = 10_000;
/** As many names as surely fit into a message. */
const MAX_PODS = 100;

export interface PeerTeller {
  /** Never throws: what cannot be sent now is tried again by the next cycle. */
  tell(snapshot: Pick<Snapshot, "notices" | "pods">): void;
}

export interface PeersOptions {
  /** False: it was not sent. */
  readonly publish: (subject: string, data: Uint8Array) => boolean;
  readonly subjectRoot: string;
  /** Whether the pod can be asked to save its state. */
  readonly saves: (pod: PodInput) => boolean;
  readonly onTold: () => void;
}

export function createPeerTeller({ publish, subjectRoot, saves, onTold }: PeersOptions): PeerTeller {
  const told = new Set<string>();
  return {
    tell: (snapshot) => {
      const news = snapshot.notices.filter(endsItsPods);
      if (news.length === 0) return;
      for (const message of peersOf(news, snapshot.pods, saves)) {
        const key = `${message.id} ${message.node}`;
        if (told.has(key)) continue;
        if (!publish(subjectFor("tell", message.node, subjectRoot), encode<"tell">(message))) continue;
        told.add(key);
        if (told.size > MAX_TOLD) told.delete(told.values().next().value ?? key);
        onTold();
      }
    },
  };
}

/** Maintenance may be days away; when it comes near, it is a notice. */
function endsItsPods(notice: NoticeInput): boolean {
  return takesNode(notice) ? !notice.drained : notice.kind === "rebalance";
}

/** What there is to tell, one message for each interruption and each other node. */
export function peersOf(
  notices: readonly NoticeInput[],
  pods: readonly PodInput[],
  saves: PeersOptions["saves"],
): readonly PeerMessage[] {
  const noticed = new Set(notices.map(({ node }) => node));
  const gangsOn = new Map<string, Set<string>>();
  const members = new Map<string, PodInput[]>();
  for (const pod of pods) {
    const { node, gang } = pod;
    if (node === null || gang === undefined) continue;
    if (noticed.has(node)) {
      const known = gangsOn.get(node) ?? new Set();
      gangsOn.set(node, known.add(gang.id));
    }
    if (pod.terminating || !saves(pod)) continue;
    const known = members.get(gang.id);
    if (known === undefined) members.set(gang.id, [pod]);
    else known.push(pod);
  }
  return notices.flatMap((notice) => {
    const peers = [...(gangsOn.get(notice.node) ?? [])].flatMap((gang) => members.get(gang) ?? []);
    const byNode = Map.groupBy(
      peers.filter(({ node }) => node !== notice.node),
      ({ node }) => node ?? "",
    );
    return [...byNode].map(([node, own]): PeerMessage => ({
      v: 1,
      node,
      id: notice.id,
      interrupted: notice.node,
      kind: notice.kind ?? "termination",
      drill: notice.source === "drill",
      deadline: takesNode(notice) ? notice.deadline : null,
      pods: own.slice(0, MAX_PODS).map(({ key }) => key),
    }));
  });
}
