// Label and field selectors as they stand in a query, turned into tests of an object. Field selectors know the
// few fields that a real server indexes and refuse all others.

import type { ResourceName } from "../../../coordinator/replay/world-resources.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { badRequest } from "./refusal.ts";

export type Selector = (object: KubeObject) => boolean;

/** Both selectors of a query. @throws Refusal with 400 when one cannot be read or is not supported. */
export function selectorOf(resource: ResourceName, query: URLSearchParams): Selector {
  const labels = labelRules(query.get("labelSelector") ?? "");
  const fields = fieldRules(resource, query.get("fieldSelector") ?? "");
  return (object) =>
    labels.every((rule) => rule(object.metadata.labels ?? {})) && fields.every((rule) => rule(object));
}

type LabelRule = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = String.raw`[A-Za-z0-9][A-Za-z0-9_./-]*`;
const VALUE = String.raw`[A-Za-z0-9_.-]*`;
const EXISTS = new RegExp(`^(!?)\\s*(${KEY})$`);
const EQUALS = new RegExp(`^(${KEY})\\s*(==?|!=)\\s*(${VALUE})$`);
const IN_SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s+\\(([^()]*)\\)$`);

function labelRules(text: string): readonly LabelRule[] {
  // Commas inside brackets belong to a set.
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map(labelRule);
}

function labelRule(text: string): LabelRule {
  const exists = EXISTS.exec(text);
  if (exists !== null) {
    const [, not, key = ""] = exists;
    return (labels) => (labels[key] !== undefined) === (not === "");
  }
  const equals = EQUALS.exec(text);
  if (equals !== null) {
    const [, key = "", operator, value] = equals;
    return (labels) => (labels[key] === value) === (operator !== "!=");
  }
  const inSet = IN_SET.exec(text);
  if (inSet !== null) {
    const [, key = "", operator, list = ""] = inSet;
    const values = new Set(list.split(",").map((value) => value.trim()));
    if (operator === "in") return (labels) => labels[key] !== undefined && values.has(labels[key]);
    return (labels) => labels[key] === undefined || !values.has(labels[key]);
  }
  throw badRequest(`unable to parse requirement: "${text}"`);
}

type FieldRule = (object: KubeObject) => boolean;

const EVERYWHERE = ["metadata.name", "metadata.namespace"];

const INDEXED: Readonly<Partial<Record<ResourceName, readonly string[]>>> = {
  pods: [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  nodes: ["spec.unschedulable"],
  events: [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  namespaces: ["status.phase"],
};

function fieldRules(resource: ResourceName, text: string): readonly FieldRule[] {
  return text
    .split(",")
    .filter((part) => part !== "")
    .map((part) => fieldRule(resource, part));
}

function fieldRule(resource: ResourceName, text: string): FieldRule {
  const match = /^([A-Za-z.]+)(==?|!=)(.*)$/.exec(text);
  if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  const [, path = "", operator, wanted = ""] = match;
  if (![...EVERYWHERE, ...(INDEXED[resource] ?? [])].includes(path))
    throw badRequest(`field label not supported: ${path}`);
  return (object) => (fieldAt(object, path) === wanted) === (operator !== "!=");
}

/** Absent fields read as the empty text, or as `false` for the one that is a boolean. */
function fieldAt(object: KubeObject, path: string): string {
  let at: unknown = object;
  for (const key of path.split(".")) {
    at = typeof at === "object" && at !== null ? (at as Readonly<Record<string, unknown>>)[key] : undefined;
  }
  if (at === undefined && path === "spec.unschedulable") return "false";
  return typeof at === "string" || typeof at === "boolean" || typeof at === "number" ? String(at) : "";
}
