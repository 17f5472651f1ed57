// What `gpuasctl uninstall` says: what it would take back, what it took back, what it could not, and what is left for others
// to do. Pure.

import {
  API_GROUP,
  KV_BUCKET,
  NATS_SECRET,
  NODE_LABEL,
  POLICY,
  STREAM,
} from "../../../shared/model/names.ts";
import { table } from "../../../shared/runtime/table.ts";
import { count } from "../../report/sentences/words.ts";
import type { CarriedOut } from "./carry-out.ts";
import { removalName } from "./removal.ts";
import type { Plan, Removal } from "./removal.ts";

export const WIDTH = 100;

export function planText({ removals, doubts, warnings, unread }: Plan): string {
  const lines = groupsOf(removals).map(({ kind, what, names }) => `${kind}: ${what} (${some(names)})`);
  return [
    removals.length === 0
      ? "Nothing of ours stands in this cluster outside of what helm installed."
      : `Takes back from ${count(removals.length, "object")} (no pod is evicted, no node and no size is changed):`,
    ...lines.map(item),
    ...notes("Know before:", warnings),
    ...notes("Stays, since it is not known to be ours:", doubts),
    ...notes("Could not be read, so what stands there stays:", unread),
  ].join("\n");
}

export function doneText({ done, failed, running }: CarriedOut): string {
  return [
    `${count(done.length, "object")} taken back, ${failed.length} not.`,
    ...notes(
      "Not taken back:",
      failed.map((each) => `${removalName(each)}: ${each.why}${wayOf(each)}`),
    ),
    ...notes("Still runs and may write its marks again; once it is gone, run this again:", running),
  ].join("\n");
}

/** Where the rule of marks is on, RBAC's ordinary rights are not enough. */
function wayOf({ kind, why }: Removal & { readonly why: string }): string {
  return kind === "Node" && why.includes("denied request")
    ? `; you need the right to delete drills.${API_GROUP}, or the admission policies go first`
    : "";
}

/** What this program leaves to helm and to people. */
export function leftFor(namespace: string, { policiesLeft }: Plan, policies: boolean): readonly string[] {
  return [
    `helm uninstall RELEASE --namespace ${namespace}: accounts, roles, services, NATS, admission policies`,
    ...(policies
      ? []
      : [
          `${count(policiesLeft, "policy").replace("policys", "policies")} and their definition: gpuasctl uninstall --policies, or kubectl delete crd ${POLICY.plural}.${API_GROUP}`,
        ]),
    `the Secret ${NATS_SECRET.name} and the namespace, where you made them: kubectl delete namespace ${namespace}`,
    `on a NATS of your own: the stream ${STREAM}, the buckets ${KV_BUCKET.memory} and ${KV_BUCKET.history}`,
    `labels ${NODE_LABEL.pool} and ${NODE_LABEL.capacityType} on nodes: your node groups set them`,
  ];
}

export function leftText(left: readonly string[]): string {
  return notes("Left to you:", left).join("\n");
}

function notes(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [title, ...lines.map(item)];
}

function item(line: string): string {
  return table([["-", line]], { width: WIDTH });
}

const NAMED_AT_MOST = 5;

function some(names: readonly string[]): string {
  const more = names.length > NAMED_AT_MOST ? ` and ${names.length - NAMED_AT_MOST} more` : "";
  return `${names.slice(0, NAMED_AT_MOST).join(", ")}${more}`;
}

/** Each thing once, with the objects that have it: a fleet has hundreds of nodes with the same condition. */
function groupsOf(removals: readonly Removal[]) {
  const groups = new Map<
    string,
    { readonly kind: string; readonly what: string; readonly names: string[] }
  >();
  for (const { kind, namespace, name, what } of removals)
    for (const each of what) {
      const group = groups.get(`${kind} ${each}`) ?? { kind, what: each, names: [] };
      group.names.push(namespace === undefined ? name : `${namespace}/${name}`);
      groups.set(`${kind} ${each}`, group);
    }
  return [...groups.values()];
}
