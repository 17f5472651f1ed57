// Server-side apply on the status of a node or a pod, as far as our agent uses it: each manager owns the conditions that
// it applied last, lists of conditions merge by type, and everybody else's stay. What a manager no longer names goes, and
// what another one has set otherwise is a conflict unless it is taken over by force.

import { sameJson } from "../../../coordinator/replay/world-store.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { applied } from "./call.ts";
import type { ApiCall, Reply } from "./call.ts";
import { isJsonObject } from "./patch.ts";
import { existing } from "./read.ts";
import { Refusal, badRequest, invalid } from "./refusal.ts";
import { isTrue } from "./route.ts";
import { write } from "./write.ts";

type Condition = Readonly<Record<string, unknown>> & { readonly type: string };

/** Type of the condition → who applied it last, for each object by its UID. Other writers are not kept. */
type Owners = Map<string, Map<string, string>>;
const OWNERS = new WeakMap<World, Owners>();

export function applyStatus(world: World, call: ApiCall): Reply {
  const manager = call.query.get("fieldManager") ?? "";
  if (manager === "") {
    throw invalid("PatchOptions.meta.k8s.io", "", [
      {
        reason: "FieldValueRequired",
        field: "fieldManager",
        message: "Required value: is required for apply patch",
      },
    ]);
  }
  // The kinds that we apply to; for another one the real merge depends on its schema.
  if (call.route.resource !== "nodes" && call.route.resource !== "pods")
    throw badRequest(`this world applies to the status of nodes and pods, not to ${call.route.info.plural}`);
  const given = applied(call);
  const wanted = conditionsIn(given);
  const current = existing(world, call.route);
  const status: unknown = (current as { readonly status?: unknown }).status;
  const there = conditionsIn(current);
  const owners = ownersOf(world, current);
  if (!isTrue(call.query.get("force"))) refuseConflicts(wanted, there, owners, manager);

  const left = there.filter(
    ({ type }) => owners.get(type) !== manager || wanted.some((one) => one.type === type),
  );
  const merged = left.map((one) => ({ ...one, ...wanted.find(({ type }) => type === one.type) }));
  const added = wanted.filter(({ type }) => !there.some((one) => one.type === type));
  const next = { ...(isJsonObject(status) ? status : {}), conditions: [...merged, ...added] };
  const { resourceVersion: _, ...metadata } = current.metadata;
  // A UID in what is applied is a precondition, which the write checks.
  const { uid = metadata.uid } = given.metadata;
  const merging = { ...current, metadata: { ...metadata, uid }, status: next } as KubeObject;
  const reply = write(world, call, merging, "status");
  if (call.query.get("dryRun") !== "All") {
    for (const [type, owner] of owners) if (owner === manager) owners.delete(type);
    for (const { type } of wanted) owners.set(type, manager);
  }
  return reply;
}

function refuseConflicts(
  wanted: readonly Condition[],
  there: readonly Condition[],
  owners: ReadonlyMap<string, string>,
  manager: string,
): void {
  for (const one of wanted) {
    const found = there.find(({ type }) => type === one.type);
    if (found === undefined || owners.get(one.type) === manager) continue;
    const differs = Object.entries(one).find(([field, value]) => !sameJson(found[field], value));
    if (differs === undefined) continue;
    const owner = owners.get(one.type) ?? "another manager";
    const field = `.status.conditions[type="${one.type}"].${differs[0]}`;
    throw new Refusal(409, "Conflict", `Apply failed with 1 conflict: conflict with "${owner}": ${field}`, {
      causes: [{ reason: "FieldManagerConflict", message: `conflict with "${owner}"`, field }],
    });
  }
}

function ownersOf(world: World, { metadata }: KubeObject): Map<string, string> {
  const all: Owners = OWNERS.get(world) ?? new Map<string, Map<string, string>>();
  OWNERS.set(world, all);
  const uid = metadata.uid ?? metadata.name;
  const own = all.get(uid) ?? new Map<string, string>();
  all.set(uid, own);
  return own;
}

/** @throws Refusal with 400 for conditions that are none. */
function conditionsIn(object: KubeObject): readonly Condition[] {
  const { status } = object as { readonly status?: unknown };
  const list: unknown = isJsonObject(status) ? (status["conditions"] ?? []) : [];
  if (!Array.isArray(list) || !list.every(isCondition))
    throw badRequest("status.conditions must be a list of conditions, each with its type");
  return list;
}

function isCondition(value: unknown): value is Condition {
  return isJsonObject(value) && typeof value["type"] === "string" && value["type"] !== "";
}
