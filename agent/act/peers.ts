// The coordinator's word that a gang loses a node somewhere else: the pods here that are of that gang save their state now
// and stay where they are. Whoever speaks for another node, or in no words that we know, is counted and not heard.

import { decode } from "../../shared/contract/codec.ts";
import type { PeerMessage } from "../../shared/contract/peer.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { after, epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import type { HookTarget, Hooks } from "./hooks/hooks.ts";

export interface PeersOptions {
  readonly nats: Pick<Nats, "subscribe">;
  readonly node: string;
  readonly subjectRoot: string;
  readonly hooks: Pick<Hooks, "call">;
  /** Pods of this node that want to be told. */
  readonly targets: () => readonly HookTarget[];
  readonly now: () => EpochMs;
  /** `pods`: how many of those that were named are here and are told. */
  readonly onTold: (message: PeerMessage, pods: number) => void;
  readonly onRefused: (code: string, detail: string) => void;
  readonly signal: AbortSignal;
}

/** Where nobody knows when the other node goes, a pod's own time-out is what ends the wait. */
const LONGEST_SAVE = millis(3_600_000);

/** Ends with the signal. */
export async function hearPeers(options: PeersOptions): Promise<void> {
  const { nats, node, subjectRoot, signal } = options;
  for await (const { subject, data } of nats.subscribe(subjectFor("tell", node, subjectRoot), { signal })) {
    const decoded = decode("tell", subject, data, subjectRoot);
    if (decoded.kind === "refused") options.onRefused(decoded.code, decoded.detail);
    else tell(decoded.message, options);
  }
}

function tell(message: PeerMessage, { hooks, targets, now, onTold }: PeersOptions): void {
  const { id, kind, drill } = message;
  const deadline = message.deadline === null ? null : epochMs(message.deadline);
  const named = new Set(message.pods);
  const here = targets().filter(({ namespace, name }) => named.has(`${namespace}/${name}`));
  for (const target of here)
    hooks.call(
      target,
      { eventId: id, kind, deadline, drill, peerInterrupted: true },
      deadline ?? after(now(), LONGEST_SAVE),
    );
  onTold(message, here.length);
}
