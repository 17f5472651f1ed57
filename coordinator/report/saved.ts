// What pods saved before they lost their node: bounded lists for the status of their policy, and one event on it for each
// interruption. Step and place are the pod's own words, and stand here so that whoever starts it again can go on from
// there although the node is gone.

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import { EVENT, POLICY } from "../../shared/model/names.ts";
import type { EventRecord } from "../../shared/runtime/kube/events.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";
import { count, shortened } from "./sentences/words.ts";

/** For each interruption, in the status. */
const MAX_SAVED = 16;
const MAX_NAMED = 5;
const LONGEST_EVENT = 1_000;

export interface Saved {
  readonly pod: string;
  readonly step?: number | undefined;
  readonly uri?: string | undefined;
}

/** Of those that said that they have saved. */
export function savedOf(checkpoints: readonly Checkpoint[] = []): readonly Saved[] {
  return checkpoints
    .filter(({ result }) => result === "saved")
    .slice(0, MAX_SAVED)
    .map(({ pod, step, uri }) => ({
      pod,
      ...(step === undefined ? {} : { step }),
      ...(uri === undefined ? {} : { uri }),
    }));
}

export function savedText({ pod, step, uri }: Saved): string {
  const what = [...(step === undefined ? [] : [`step ${step}`]), ...(uri === undefined ? [] : [`at ${uri}`])];
  return `pod ${pod} saved ${what.length === 0 ? "its state" : what.join(" ")}`;
}

/**
 * Nodes by the groups' own lists, in which a machine stands for a while after its node is gone, and those that we have taken
 * out of a group: a machine under notice leaves it at once where that is possible, before its pods have saved.
 */
export function nodesOfPolicy({
  pools,
  journal,
}: Extract<PolicyInput, { kind: "valid" }>): ReadonlySet<string> {
  return new Set([
    ...pools.flatMap(({ instances }) => instances.flatMap(({ node }) => (node === null ? [] : [node]))),
    ...journal.moves.flatMap(({ kind, phase, node }) =>
      kind === "release" && phase === "applied" && node !== undefined ? [node] : [],
    ),
  ]);
}

/** One for each policy and interruption of which more is saved than was told before; `told` is kept by whoever asks. */
export function savedEvents(
  snapshot: Pick<Snapshot, "notices" | "policies">,
  uidOf: (policy: string) => string | undefined,
  told: Map<string, number>,
): readonly EventRecord[] {
  const news = snapshot.notices.flatMap(({ id, node, checkpoints }) => {
    const saved = savedOf(checkpoints);
    return saved.length > (told.get(id) ?? 0) ? [{ id, node, saved }] : [];
  });
  if (news.length === 0) return [];
  const events = snapshot.policies.flatMap((policy) => {
    if (policy.kind === "invalid") return [];
    const nodes = nodesOfPolicy(policy);
    return news
      .filter(({ node }) => nodes.has(node))
      .map(({ id, node, saved }): EventRecord => {
        const named = saved.slice(0, MAX_NAMED).map(savedText);
        const left = saved.length - named.length;
        const text = [...named, ...(left > 0 ? [`${count(left, "pod")} more`] : [])].join("; ");
        return {
          subject: {
            apiVersion: POLICY.apiVersion,
            kind: POLICY.kind,
            name: policy.name,
            uid: uidOf(policy.name),
          },
          type: "Normal",
          reason: EVENT.checkpoint,
          message: shortened(`before the end of node ${node}: ${text}`, LONGEST_EVENT),
          sameAs: `${id} ${saved.length}`,
        };
      });
  });
  for (const { id, saved } of news) told.set(id, saved.length);
  return events;
}
