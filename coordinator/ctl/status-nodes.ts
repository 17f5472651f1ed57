// What nodes say by their marks and conditions, for `gpuasctl status`: who goes, who is asked to go and has not begun, who may
// go soon, and whose agent is silent or says that GPUs are ill. Pure.

import { readDrainRequest, readDrainState, readInterruptionHint } from "../../shared/contract/node-marks.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION, NODE_CONDITION } from "../../shared/model/names.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { NoticeLine } from "../report/status-text.ts";
import { hasGpus } from "./doctor/checks/agents.ts";
import { AGENT_QUIET_MS } from "./drill/standing.ts";

/** The coordinator has asked, and the agent has not answered. */
export interface RequestLine {
  readonly node: string;
  readonly reason: string;
  readonly deadline: string;
}

export interface HintLine {
  readonly node: string;
  readonly kind: string;
  readonly source: string;
  /** When it begins; null: the cloud has not said so. */
  readonly at: string | null;
}

/** Only agents of which there is something to tell. */
export interface AgentLine {
  readonly node: string;
  /** `unread`: it speaks, and cannot read its GPUs, which is not idle. */
  readonly state: "silent" | "ill" | "unread";
  /** When it was heard last; null: never. */
  readonly heardAt: string | null;
  readonly says: string;
}

export interface NodeLines {
  readonly notices: readonly NoticeLine[];
  readonly requests: readonly RequestLine[];
  readonly hints: readonly HintLine[];
  readonly agents: readonly AgentLine[];
}

export function nodeLines(nodes: readonly Node[], now: EpochMs): NodeLines {
  return {
    notices: nodes.flatMap((node) => noticeOf(node) ?? []),
    requests: nodes.flatMap((node) => requestOf(node) ?? []),
    hints: nodes.flatMap((node) => hintOf(node) ?? []),
    agents: nodes.flatMap((node) => agentOf(node, now) ?? []),
  };
}

function noticeOf({ metadata }: Node): NoticeLine | null {
  const mark = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (mark.kind !== "value") return null;
  const { cause, source, phase, deadline } = mark.value;
  return { node: metadata.name, cause, source, phase, deadline: new Date(deadline).toISOString() };
}

function requestOf({ metadata }: Node): RequestLine | null {
  const request = readDrainRequest(metadata.annotations?.[NODE_ANNOTATION.drainRequest]);
  if (request.kind !== "value") return null;
  const state = readDrainState(metadata.annotations?.[NODE_ANNOTATION.drainState]);
  if (state.kind === "value" && state.value.id === request.value.id) return null;
  const { reason, deadline } = request.value;
  return { node: metadata.name, reason, deadline: new Date(deadline).toISOString() };
}

function hintOf({ metadata }: Node): HintLine | null {
  const hint = readInterruptionHint(metadata.annotations?.[NODE_ANNOTATION.interruptionHint]);
  if (hint.kind !== "value") return null;
  const { kind, source, at } = hint.value;
  return { node: metadata.name, kind, source, at: at === null ? null : new Date(at).toISOString() };
}

/** A node that has just come, and its agent with it, has said nothing yet. */
const COMING_MS = 5 * 60_000;

function agentOf(node: Node, now: EpochMs): AgentLine | null {
  const { metadata, status } = node;
  const condition = status?.conditions?.find(({ type }) => type === NODE_CONDITION.gpuHealthy);
  const { lastHeartbeatTime = "", message = "" } = condition ?? {};
  const heard = parseInstant(lastHeartbeatTime ?? "");
  const made = parseInstant(metadata.creationTimestamp ?? "");
  const isNew = made !== null && now - made < COMING_MS;
  const line = { node: metadata.name, heardAt: heard === null ? null : new Date(heard).toISOString() };
  if (heard === null || now - heard > AGENT_QUIET_MS) {
    const isExpected = condition !== undefined || hasGpus(node);
    return isExpected && !isNew
      ? {
          ...line,
          state: "silent",
          says: condition === undefined ? "no agent has ever spoken here" : message,
        }
      : null;
  }
  if (condition?.status === "False") return { ...line, state: "ill", says: message };
  return condition?.status === "Unknown" ? { ...line, state: "unread", says: message } : null;
}
