// Whether a drill may begin on a node, from what the API server shows of all nodes and policies: one at a time, a small
// share of a pool, and not where the policy says that drills are disabled. Asked by the node's agent before it begins and
// by gpuasctl before it asks for one. A drill that is under way is not asked about again: the newcomer is refused.

import * as z from "zod";

import type { KubeObject } from "../model/kube.ts";
import { NODE_ANNOTATION } from "../model/names.ts";
import { matchesLabels, poolLabelOf } from "../model/node.ts";
import type { EpochMs } from "../model/units.ts";
import { readDrainState } from "./node-marks.ts";
import type { DrainState } from "./node-marks.ts";

export type DrillPermit =
  | { readonly kind: "allowed" }
  | {
      readonly kind: "refused";
      readonly code: "another-drill" | "share-of-pool" | "policy-disabled";
      /** For people: what stands in the way, and what to do about it. */
      readonly detail: string;
    }
  /** It may not begin unseen: whoever waits for it asks again. */
  | { readonly kind: "unknown"; readonly code: "cannot-look"; readonly detail: string };

/** Labels and annotations are all that is read of a node. */
export type PermitNode = Pick<KubeObject, "metadata">;

export interface PermitPolicy {
  readonly name: string;
  /** As it was written. Of one that cannot be used as a whole, what can be read still counts. */
  readonly spec: unknown;
}

export interface PermitInput {
  /** The node that the drill is for. */
  readonly node: string;
  /** All nodes of the cluster, this one among them. */
  readonly nodes: readonly PermitNode[];
  readonly policies: readonly PermitPolicy[];
  readonly now: EpochMs;
}

/** Of a pool, so much may be emptied at once; one node always may. */
const SHARE_OF_POOL = 0.1;
/**
 * A drill that was refused so short a time ago was one of a crowd: whoever of it looks last would otherwise find all the
 * others refused and begin.
 */
const CROWD_MS = 10_000;

/** The annotations that ask for a drill; all of them go when it is called off. */
export const DRILL_ANNOTATIONS: readonly string[] = [
  NODE_ANNOTATION.interruptionWarning,
  NODE_ANNOTATION.terminationTime,
  NODE_ANNOTATION.drillReplace,
  NODE_ANNOTATION.drillUnmanaged,
  NODE_ANNOTATION.drillAutoUncordon,
];

/** What a drill asks for, as one text: it is another one when one of its words is. Empty: nothing. */
export function drillWords(annotations: KubeObject["metadata"]["annotations"]): string {
  const said = DRILL_ANNOTATIONS.map((name) => annotations?.[name] ?? "");
  return said.every((word) => word === "") ? "" : JSON.stringify(said);
}

export function drillPermit(input: PermitInput): DrillPermit {
  const { node: name, nodes, now } = input;
  const node = nodes.find(({ metadata }) => metadata.name === name);
  if (node === undefined)
    return { kind: "unknown", code: "cannot-look", detail: `node ${name} is not among the nodes` };
  const others = nodes.filter((other) => other !== node);

  // 1. Does whoever owns the node want drills at all?
  const owners = ownersOf(node, input.policies);
  const closed = owners.find(({ drills }) => drills === "Disabled");
  if (closed !== undefined) {
    const detail = `policy ${closed.name}, to which node ${name} belongs, has drills: Disabled; set it to Enabled`;
    return { kind: "refused", code: "policy-disabled", detail };
  }

  // 2. One at a time, in the whole cluster.
  const other = others.find((each) => isDrillStanding(each, now));
  if (other !== undefined) return { kind: "refused", code: "another-drill", detail: otherDetail(other) };

  // 3. With what is being emptied for other reasons it may not be too much of the pool.
  const pool = poolLabelOf(node.metadata.labels);
  if (pool === null) return { kind: "allowed" };
  const mates = others.filter(
    ({ metadata }) => poolLabelOf(metadata.labels) === pool && isOwnedAlike(metadata.labels, owners),
  );
  const leaving = mates.filter(isBeingEmptied);
  const size = mates.length + 1;
  const most = Math.max(1, Math.floor(SHARE_OF_POOL * size));
  if (leaving.length + 1 <= most) return { kind: "allowed" };
  const names = leaving.map(({ metadata }) => metadata.name).sort();
  return {
    kind: "refused",
    code: "share-of-pool",
    detail: `of the ${size} nodes of pool ${pool} at most ${most} may be emptied at once, and ${listed(names)} ${names.length === 1 ? "is" : "are"} already; wait until ${names.length === 1 ? "it is" : "they are"} gone or back`,
  };
}

/**
 * Whether somebody asks for a drill of this node, and it was neither refused nor called off. One that is drained, or whose
 * time has passed, stands until its annotation goes: the node is still cordoned for it.
 */
export function isDrillStanding({ metadata }: PermitNode, now: EpochMs): boolean {
  if (!asksForDrill(metadata.annotations)) return false;
  const state = drainStateOf(metadata.annotations);
  if (state === null || state.cause !== "notice") return true;
  return state.phase === "refused" ? now - state.seenAt < CROWD_MS : state.phase !== "cancelled";
}

/** Whether the annotations are a person's wish: a mark of a real notice names its cloud. */
export function asksForDrill(annotations: KubeObject["metadata"]["annotations"]): boolean {
  const source = annotations?.[NODE_ANNOTATION.interruptionSource];
  return (
    annotations?.[NODE_ANNOTATION.interruptionWarning] === "true" &&
    (source === undefined || source === "drill")
  );
}

/** For whatever cause: an interruption, a drill, or the coordinator's request. */
export function isBeingEmptied({ metadata }: PermitNode): boolean {
  const state = drainStateOf(metadata.annotations);
  if (state !== null) return state.phase !== "refused" && state.phase !== "cancelled";
  // A real notice whose agent has not come to write its state.
  return (
    metadata.annotations?.[NODE_ANNOTATION.interruptionWarning] === "true" &&
    !asksForDrill(metadata.annotations)
  );
}

function drainStateOf(annotations: KubeObject["metadata"]["annotations"]): DrainState | null {
  const mark = readDrainState(annotations?.[NODE_ANNOTATION.drainState]);
  return mark.kind === "value" ? mark.value : null;
}

function otherDetail({ metadata: { name, annotations } }: PermitNode): string {
  if (drainStateOf(annotations)?.phase === "refused")
    return `a drill of node ${name} was refused at this moment, and of several that are asked for at once none begins; ask for one alone, ${CROWD_MS / 1000} s from now`;
  return `a drill of node ${name} stands, and there is one at a time; remove ${NODE_ANNOTATION.interruptionWarning} from that node to end it`;
}

interface Owner {
  readonly name: string;
  readonly drills: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
}

/** What cannot be read widens what the policy speaks for, so that a drill is refused sooner than held by mistake. */
const readable = z
  .object({
    enabled: z.boolean().catch(true),
    drills: z.string().catch("Enabled"),
    nodeSelector: z.record(z.string(), z.string()).catch({}),
    nodePools: z.array(z.object({ name: z.string() }).catch({ name: "" })).catch([]),
  })
  .catch({ enabled: true, drills: "Enabled", nodeSelector: {}, nodePools: [] });

/**
 * The policies that claim the node by its pool label and their node selector. One that is switched off speaks for nodes
 * that no working one claims. A group's own list of members is the coordinator's to know: a node without the label belongs
 * to no policy here.
 */
function ownersOf({ metadata }: PermitNode, policies: readonly PermitPolicy[]): readonly Owner[] {
  const pool = poolLabelOf(metadata.labels);
  if (pool === null) return [];
  const claims = policies.flatMap(({ name, spec }) => {
    const { enabled, drills, nodeSelector, nodePools } = readable.parse(spec);
    const claimed =
      nodePools.some((each) => each.name === pool) && matchesLabels(metadata.labels, nodeSelector);
    return claimed ? [{ name, enabled, drills, nodeSelector }] : [];
  });
  const working = claims.filter(({ enabled }) => enabled);
  return working.length > 0 ? working : claims;
}

/** Two policies may each have a pool of the same name. */
function isOwnedAlike(labels: KubeObject["metadata"]["labels"], owners: readonly Owner[]): boolean {
  return owners.length === 0 || owners.some(({ nodeSelector }) => matchesLabels(labels, nodeSelector));
}

const LISTED_AT_MOST = 3;

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_AT_MOST;
  return `${names.slice(0, LISTED_AT_MOST).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
