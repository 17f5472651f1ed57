// Explanations as text for a terminal: what was answered, then each rule that spoke against it with its numbers. Pure;
// what nobody knows is said in words, never shown as 0.

import type { Reason } from "../../shared/model/reasons.ts";
import { table } from "../../shared/runtime/table.ts";
import type {
  LaunchNote,
  MoveNote,
  NodeExplanation,
  PodExplanation,
  PoolExplanation,
  PoolVerdict,
} from "../decide/answer/explanation.ts";
import { sentence } from "./explain.ts";
import { noticeLines, rateText } from "./interruption-text.ts";
import { amount, count, duration, hourly, moment } from "./sentences/words.ts";

const ANSWERS = {
  bound: "it has its node",
  here: "a node is here or on the way",
  asked: "a node is asked for",
  none: "no node is asked for by this decision",
} as const satisfies Record<PodExplanation["answer"], string>;

export function podText(pod: PodExplanation): string {
  return `Pod ${pod.pod}\n${podBody(pod)}`;
}

/** Pods that are answered alike share one block; the first few are named. */
export function podsText(pods: readonly PodExplanation[]): string {
  const blocks = Map.groupBy(pods, podBody);
  return [...blocks].map(([body, alike]) => `${podNames(alike.map(({ pod }) => pod))}\n${body}`).join("\n\n");
}

const NAMED_PODS = 3;

export function podNames(pods: readonly string[]): string {
  const [first = ""] = pods;
  if (pods.length === 1) return `Pod ${first}`;
  const named = pods.slice(0, NAMED_PODS).join(", ");
  return `${count(pods.length, "pod")}: ${named}${pods.length > NAMED_PODS ? ", …" : ""}`;
}

function podBody({ answer, node, move, because, pools }: PodExplanation): string {
  const where = node === null ? "" : ` (node ${node})`;
  return [
    `  ${ANSWERS[answer]}${where}`,
    ...(move === null ? [] : [`  ${moveLine(move)}`]),
    ...beyond(because, pools).map((reason) => `  ${reasonText(reason)}`),
    ...(pools.length === 0 ? [] : ["  pools:", table(pools.map(verdictRow), { indent: "    " })]),
  ].join("\n");
}

/** What the pools have against it stands in their own rows. */
function beyond(because: readonly Reason[], pools: readonly PoolVerdict[]): readonly Reason[] {
  const said = new Set(pools.map(({ refusal }) => JSON.stringify(refusal)));
  return because.filter(
    (reason) =>
      !said.has(JSON.stringify(reason)) && (pools.length === 0 || reason.code !== "pool-not-usable"),
  );
}

function verdictRow({ pool, refusal, usdPerHour }: PoolVerdict): readonly string[] {
  if (refusal !== null) return [pool, "no", withoutPool(reasonText(refusal), pool)];
  return [pool, "yes", usdPerHour === null ? "" : hourly(usdPerHour)];
}

/** The pool's name stands beside the sentence already. */
function withoutPool(text: string, pool: string): string {
  const prefix = `pool ${pool}: `;
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

export function nodeText(node: NodeExplanation): string {
  return [
    `Node ${node.node}`,
    `  ${node.pool === null ? "no policy owns it" : `of pool ${node.pool}`}, ${node.standing}, ${count(node.pods, "pod")} on it`,
    ...node.moves.map((move) => `  ${moveLine(move)}`),
    ...(node.stays === null ? [] : [`  stays: ${reasonText(node.stays)}`]),
    ...(node.notices ?? []).flatMap(noticeLines),
  ].join("\n");
}

export function poolText(pool: PoolExplanation): string {
  const { moves, holds, nodes, refusal, refuses } = pool;
  const textOf = (reason: Reason, others: readonly (Reason | null)[]): string =>
    others.some((other) => JSON.stringify(other) === JSON.stringify(reason))
      ? `[${reason.code}]`
      : reasonText(reason);
  return [
    `Pool ${pool.policy}/${pool.pool}  ${pool.tier}${pool.backEnd === undefined ? "" : `, sized by ${pool.backEnd}`}`,
    `  size ${pool.size ?? "not known"}, ready ${pool.ready}, booting ${pool.booting}, from ${pool.minSize} to ${pool.maxSize}`,
    `  one node: ${offersText(pool.offers)}`,
    `  price: ${priceText(pool.price)}`,
    ...(pool.interruptions === undefined ? [] : [`  interruptions: ${rateText(pool.interruptions)}`]),
    ...(pool.launches ?? []).map((launch) => `  ${launchLine(launch)}`),
    ...moves.map((move) => `  ${moveLine(move)}`),
    ...holds.map((reason) => `  holds: ${reasonText(reason)}`),
    ...(refusal === null ? [] : [`  opens no node for pods: ${textOf(refusal, holds)}`]),
    `  ${count(pool.takes, "pod")} without a node could have one here`,
    ...refuses.map(
      ({ pods, example }) =>
        `  not for ${count(pods, "pod")}, for example: ${textOf(example, [...holds, refusal])}`,
    ),
    ...(nodes.length === 0 ? [] : ["  nodes:", table(nodes.map(nodeRow), { indent: "    " })]),
  ].join("\n");
}

function nodeRow({ node, standing, pods, moves, stays }: NodeExplanation): readonly string[] {
  const said = [...moves.map(moveLine), ...(stays === null ? [] : [reasonText(stays)])];
  return [node, standing, count(pods, "pod"), said.join("; ")];
}

function offersText(offers: PoolExplanation["offers"]): string {
  if (offers === null) return "not known";
  const amounts = Object.entries(offers.allocatable)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([resource, value]) => amount(resource, value));
  return `${amounts.join(", ")} (${SOURCES[offers.source]})`;
}

const SOURCES = {
  node: "as a real node has it",
  template: "as its template says",
  group: "as its group says",
  catalogue: "as the catalogue says",
} as const satisfies Record<NonNullable<PoolExplanation["offers"]>["source"], string>;

function priceText(price: PoolExplanation["price"]): string {
  if (price === null) return "not known";
  if (price.kind === "unknown") return `not known: ${price.because}`;
  const source = price.at === null ? price.source : `${price.source}, ${moment(price.at)}`;
  return `${hourly(price.usdPerHour)} (${source})`;
}

function launchLine({ nodes, machine, stage, forMs, askedMs }: LaunchNote): string {
  const what = machine === null ? count(nodes, "node") : `machine ${machine}`;
  const asked =
    askedMs === null ? "asked for at a time that nobody remembers" : `asked for ${duration(askedMs)} ago`;
  return `launch: ${what} ${asked}, ${STAGES[stage].done} ${duration(forMs)} ago, ${STAGES[stage].next}`;
}

const STAGES = {
  asked: { done: "called", next: "not accepted yet" },
  accepted: { done: "accepted", next: "no machine yet" },
  launched: { done: "launched", next: "no node yet" },
  registered: { done: "registered", next: "not Ready with its GPUs yet" },
  ready: { done: "Ready", next: "none of its pods yet" },
} as const satisfies Record<LaunchNote["stage"], object>;

function moveLine({ kind, pool, from, to, because }: MoveNote): string {
  return `${kind} pool ${pool} from ${from} to ${to}: ${because.map(reasonText).join("; ")}`;
}

export function reasonText(reason: Reason): string {
  return `${sentence(reason)} [${reason.code}]`;
}
