// One managed instance group and its instances out of Google's answers, in our own words. Pure; what is absent or of a
// wrong type has been refused before (answers.ts). What the fields mean for a pool is in fitness.ts and members.ts.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { GroupState } from "../group.ts";
import type { GroupAnswer, InstanceAnswer } from "./answers.ts";
import type { GroupAt } from "./calls.ts";
import { standingOf } from "./standing.ts";
import type { Standing } from "./standing.ts";

export interface GcpReading {
  readonly at: GroupAt;
  readonly size: number;
  readonly baseName: string;
  /** From `projects/` on, each once: more than one while an update is rolled out. */
  readonly templates: readonly string[];
  /** Of a flexible group: types before those of the template. */
  readonly types: readonly string[];
  /** False: the group has no managed instance at all, so that a list of them would be empty. */
  readonly hasInstances: boolean;
  /** The path of the autoscaler that Google keeps for the group, on or off, from `projects/` on; null: none. */
  readonly autoscaler: string | null;
  readonly replacesProactively: boolean;
  readonly healsByCheck: boolean;
  readonly repairs: boolean;
  readonly isStateful: boolean;
}

export interface GcpInstance {
  readonly name: string;
  /** Of the machine; null: there is none. */
  readonly number: string | null;
  readonly standing: Standing;
  /** As Google spells it. */
  readonly action: string;
  readonly status: string | null;
  readonly type: string | null;
  /** Of the last attempt; null: it went well, or there was none. */
  readonly error: { readonly code?: string | undefined; readonly message?: string | undefined } | null;
  readonly raw: InstanceAnswer;
}

export function readingOf(at: GroupAt, answer: GroupAnswer): GcpReading {
  const { targetSize, baseInstanceName, instanceTemplate, versions = [], currentActions } = answer;
  const autoscaler = answer.status?.autoscaler;
  const named = versions.map((version) => version.instanceTemplate);
  const templates = [...named, ...(named.some(isText) ? [] : [instanceTemplate])].filter(isText);
  const selections = Object.values(answer.instanceFlexibilityPolicy?.instanceSelections ?? {});
  return {
    at,
    size: targetSize,
    // Google counts up where the name ends in signs of number.
    baseName: baseInstanceName.replace(/-?#+$/, ""),
    templates: [...new Set(templates.map(pathOf))],
    types: [...new Set(selections.flatMap(({ machineTypes = [] }) => machineTypes))],
    hasInstances:
      targetSize > 0 ||
      currentActions === undefined ||
      Object.values(currentActions).some((number) => number > 0),
    autoscaler: isText(autoscaler) ? pathOf(autoscaler) : null,
    replacesProactively: answer.updatePolicy?.type === "PROACTIVE",
    healsByCheck: (answer.autoHealingPolicies ?? []).some(({ healthCheck = "" }) => healthCheck !== ""),
    repairs: answer.instanceLifecyclePolicy?.defaultActionOnFailure !== "DO_NOTHING",
    isStateful: answer.status?.stateful?.hasStatefulConfig === true,
  };
}

/** @throws AppError `malformed` for one without a name. */
export function instanceOf(at: GroupAt, answer: InstanceAnswer): GcpInstance {
  const name = answer.name ?? lastPart(answer.instance);
  if (name === undefined || name === "")
    throw new AppError("malformed", `${wordsOf(at)}: Google lists a managed instance without a name`);
  const [error] = answer.lastAttempt?.errors?.errors ?? [];
  return {
    name,
    number: answer.id ?? null,
    standing: standingOf(answer),
    action: answer.currentAction,
    status: answer.instanceStatus ?? null,
    type: lastPart(answer.propertiesFromFlexibilityPolicy?.machineType) ?? null,
    error: error ?? null,
    raw: answer,
  };
}

/** Google refuses no write for being late, so that a state has no version; and a group has no bounds of its own. */
export function stateOf({ size }: GcpReading, held: string | null): GroupState {
  return { size, version: null, ...(held === null ? {} : { held }) };
}

export function wordsOf({ zone, name }: GroupAt): string {
  return `instance group ${name} in ${zone}`;
}

/** @throws AppError `bug` for a key that groupKey did not make. */
export function placeOf(key: string): GroupAt {
  const [zone, name] = key.split("/");
  if (zone === undefined || name === undefined)
    throw new AppError("bug", `${key} is no key of a managed instance group`);
  return { zone, name };
}

/** Behind the version of the API, whatever host stands before it. */
export function pathOf(url: string): string {
  const from = url.indexOf("projects/");
  return from < 0 ? url : url.slice(from);
}

export function lastPart(url: string | undefined): string | undefined {
  return url?.split("/").at(-1);
}

function isText(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
