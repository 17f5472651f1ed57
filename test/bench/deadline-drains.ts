// Three ways to empty a node that goes: the shipped drain with its shipped marks, everything at once as handlers of spot
// notices do that know no classes, and one class after the other. All three get the same node and the same API server.

import { createDrainer } from "../../agent/act/drain.ts";
import { createMarker } from "../../agent/act/marker.ts";
import { createRemover } from "../../agent/act/remove.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { evictionClass } from "../../shared/model/pod.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import type { VirtualNode } from "./deadline-node.ts";
import { CLASSES, shuffled } from "./deadline-pods.ts";

/** Begins at the instant at which the notice is seen; ends by itself, or with the machine. */
export type Drain = (node: VirtualNode, seenAt: EpochMs, seed: number) => void;

/** The agent's own code between the notice and the API server. */
export const ours: Drain = (node, seenAt, seed) => {
  const { clock, client } = node;
  const random = seededRandom(seed);
  const { log, lines } = createLogSink("error");
  const drainer = createDrainer({
    marker: createMarker({
      client,
      node: node.name,
      known: node.current,
      leaveLoadBalancers: true,
      clock,
      random,
      log,
      signal: new AbortController().signal,
    }),
    news: {
      notice: nothing,
      drain: nothing,
      pod: nothing,
      severalBudgets: nothing,
      unknownPriority: nothing,
      marked: nothing,
    },
    pods: { synced: true, staleSince: null, values: node.watched },
    self: null,
    evict: client.evict,
    remove: createRemover({ client, clock, log }),
    clock,
    random,
    log,
  });
  node.onPods(drainer.podsChanged);
  node.onEnd(() => {
    drainer.leave();
    if (lines[0] !== undefined) throw new Error(`the drain met an error: ${JSON.stringify(lines[0])}`);
  });
  drainer.follow({
    id: "aws-bench",
    cause: "notice",
    source: "aws",
    seenAt,
    deadline: node.powerOffAt,
    replace: true,
    confirmed: true,
  });
};

/** The client's limiter of such a handler, and what it asks before it evicts: 7 calls and one for each daemon pod. */
const LIMIT = { perSecond: 5, burst: 10 } as const;
const CALLS_BEFORE = 7 + 12;
const ASKS_AGAIN = millis(5_000);

/** Every pod at once, in no order of classes, with its own grace; a refusal is asked again each 5 s and never forced. */
export const everythingAtOnce: Drain = (node, _seenAt, seed) => {
  const limited = createLimiter(node);
  node.work(async () => {
    for (let call = 1; call < CALLS_BEFORE; call++) {
      await limited();
      await node.client.get(RESOURCE.nodes, { name: node.name });
    }
    await limited();
    await cordon(node);
    const pods = shuffled(node.watched(), seededRandom(seed));
    await Promise.all(pods.map((pod) => leave(node, pod, { limited, again: ASKS_AGAIN })));
  });
};

/** A class is asked when the one before is gone; own grace, refusals asked again each second, no limiter, no force. */
export const serial: Drain = (node) => {
  node.work(async () => {
    await cordon(node);
    const pods = node.watched();
    for (const name of CLASSES) {
      const wave = pods.filter((pod) => evictionClass(pod).class === name);
      await Promise.all(wave.map((pod) => leave(node, pod, { again: millis(1_000) })));
      await node.until((watched) => !wave.some((pod) => watched.has(pod.metadata.uid ?? "")));
    }
  });
};

async function leave(
  { clock, client }: VirtualNode,
  { metadata: { name, namespace = "default", uid = "" } }: Pod,
  { limited, again }: { readonly limited?: () => Promise<void>; readonly again: Millis },
): Promise<void> {
  for (;;) {
    await limited?.();
    const { kind } = await client.evict({ namespace, name, uid });
    if (kind !== "budget-blocked") return;
    await clock.sleep(again);
  }
}

async function cordon({ client, name }: VirtualNode): Promise<void> {
  await client.mergePatch(RESOURCE.nodes, { name }, { spec: { unschedulable: true } });
}

/** Resolves when the caller may send: a bucket of `burst` that is filled again at its rate, first come, first served. */
function createLimiter({ clock }: VirtualNode): () => Promise<void> {
  const gapMs = 1_000 / LIMIT.perSecond;
  let freeAt = clock.monotonic() - LIMIT.burst * gapMs;
  return async () => {
    freeAt = Math.max(freeAt, clock.monotonic() - LIMIT.burst * gapMs) + gapMs;
    await clock.sleep(millis(Math.max(0, freeAt - clock.monotonic())));
  };
}

function nothing(): void {}
