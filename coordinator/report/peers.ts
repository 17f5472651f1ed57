// Tells the agents of other nodes that a pod of a gang of theirs is about to lose its node, so that the members that stay
// save their state too. Once for each interruption and node, each pod once in a cycle, and only about pods that can be asked
// to save. Sent as soon as a cycle has seen it, before anything is bought: a purchase takes seconds, and nobody waits for
// an answer to this.

import { encode } from "../../shared/contract/codec.ts";
import type { PeerMessage } from "../../shared/contract/peer.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { takesNode } from "../../shared/model/interruption.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { NoticeInput, Snapshot } from "../decide/snapshot.ts";

/** Interruptions whose peers are remembered as told: more than are ever kept at a time. */
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
  /** Interruption → nodes that were told of it. */
  const told = new Map<string, Set<string>>();

  function isTold({ id, node }: Pick<PeerMessage, "id" | "node">): boolean {
    return told.get(id)?.has(node) === true;
  }

  function remember({ id, node }: PeerMessage): void {
    const known = told.get(id);
    if (known !== undefined) {
      known.add(node);
      return;
    }
    told.set(id, new Set([node]));
    if (told.size > MAX_TOLD) told.delete(told.keys().next().value ?? id);
  }

  return {
    tell: (snapshot) => {
      const news = snapshot.notices.filter(endsItsPods);
      if (news.length === 0) return;
      // Where many nodes of a gang go at once, each pod that stays saves once and not once for each of them.
      const named = new Set<string>();
      for (const message of peersOf(news, snapshot.pods, saves, isTold)) {
        const pods = message.pods.filter((pod) => !named.has(pod));
        const subject = subjectOf(message.node, subjectRoot);
        if (pods.length > 0 && subject !== null) {
          if (!publish(subject, encode<"tell">({ ...message, pods }))) continue;
          onTold();
        }
        for (const pod of pods) named.add(pod);
        remember(message);
      }
    },
  };
}

/** Null: of a node whose name no agent could have, so that nobody listens there. */
function subjectOf(node: string, root: string): string | null {
  try {
    return subjectFor("tell", node, root);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Maintenance may be days away; when it comes near, it is a notice. */
function endsItsPods(notice: NoticeInput): boolean {
  return takesNode(notice) ? !notice.drained : notice.kind === "rebalance";
}

/**
 * What there is to tell, one message for each interruption and each other node that stays: the agent of one that goes has
 * asked its own pods already. What is sure and soon comes first.
 */
export function* peersOf(
  notices: readonly NoticeInput[],
  pods: readonly PodInput[],
  saves: PeersOptions["saves"],
  isTold: (message: Pick<PeerMessage, "id" | "node">) => boolean = () => false,
): Generator<PeerMessage> {
  const noticed = new Set(notices.map(({ node }) => node));
  const going = new Set(notices.flatMap((notice) => (takesNode(notice) ? [notice.node] : [])));
  const gangsOn = new Map<string, Set<string>>();
  /** Gang → node → those that can be asked. */
  const members = new Map<string, Map<string, string[]>>();
  for (const pod of pods) {
    const { node, gang, key } = pod;
    if (node === null || gang === undefined) continue;
    if (noticed.has(node)) {
      const known = gangsOn.get(node) ?? new Set();
      gangsOn.set(node, known.add(gang.id));
    }
    if (pod.terminating || going.has(node) || !saves(pod)) continue;
    const nodes = members.get(gang.id) ?? new Map<string, string[]>();
    members.set(gang.id, nodes.set(node, [...(nodes.get(node) ?? []), key]));
  }
  for (const notice of notices.toSorted(byUrgency)) {
    const { id, source, kind = "termination", deadline } = notice;
    const peers = new Map<string, string[]>();
    for (const gang of gangsOn.get(notice.node) ?? []) {
      for (const [node, keys] of members.get(gang) ?? []) {
        if (node === notice.node || isTold({ id, node })) continue;
        peers.set(node, [...(peers.get(node) ?? []), ...keys]);
      }
    }
    for (const [node, keys] of peers)
      yield {
        v: 1,
        node,
        id,
        interrupted: notice.node,
        kind,
        drill: source === "drill",
        deadline: takesNode(notice) ? deadline : null,
        pods: keys.slice(0, MAX_PODS),
      };
  }
}

function byUrgency(a: NoticeInput, b: NoticeInput): number {
  return (
    Number(a.source === "drill") - Number(b.source === "drill") ||
    Number(!takesNode(a)) - Number(!takesNode(b)) ||
    a.deadline - b.deadline ||
    (a.id < b.id ? -1 : 1)
  );
}
