// Snapshots and plans without names: each name gives way to its stand-in wherever it is, so that the same is decided up to
// the names. Words for people become one word, since names may stand in them. Which field is what stands in fields.ts.

import {
  AWS_ZONE_ID_LABEL,
  FOREIGN_ON_DEMAND_LABELS,
  FOREIGN_SPOT_LABELS,
  FOREIGN_ZONE_LABELS,
  GPU_MODEL_LABELS,
  GPU_PRESENCE_LABELS,
  LATE_GPU_LABEL_PREFIXES,
  NAMESPACE_LABEL,
  NODE_ANNOTATION,
  NODE_LABEL,
  POD_ANNOTATION,
} from "../../shared/model/names.ts";
import {
  LABEL_FIELDS,
  MOVE_KEYED,
  MOVE_LISTS,
  NAME_FIELDS,
  NAME_KEYED,
  OBJECT_FIELDS,
  OBJECT_LISTS,
  TEXT_FIELDS,
} from "./fields.ts";
import { isFields } from "./patch.ts";
import type { Fields } from "./patch.ts";

export interface Names {
  name(name: string): string;
  namespace(name: string): string;
  /** Parts that were the same object before, by the field that they are in; none by default. */
  readonly known?: {
    get(part: object, field: string): unknown;
    keep(part: object, field: string, without: object): void;
  };
}

/** The same with what anonymiseInTurns() leaves out of words: of two plans without names, the ones that say the same are equal. */
export function withoutWords<T extends object>(value: T): T {
  const text = JSON.stringify(value, (field, inner: unknown) =>
    typeof inner === "string" && inner !== "" && TEXT_FIELDS.has(field) ? NO_WORDS : inner,
  );
  return JSON.parse(text) as T;
}

/** Stands for words in which a name may be. */
export const NO_WORDS = "…";

/** Labels whose values say what a machine is, and not whose. */
const MEANING_LABELS: ReadonlySet<string> = new Set([
  NODE_LABEL.capacityType,
  NODE_LABEL.pool,
  NODE_LABEL.nodePool,
  NODE_LABEL.instanceType,
  NODE_LABEL.zone,
  NODE_LABEL.region,
  NODE_LABEL.arch,
  NODE_LABEL.os,
  NODE_LABEL.gkeNodePool,
  NODE_LABEL.excludeFromLoadBalancers,
  AWS_ZONE_ID_LABEL,
  ...GPU_MODEL_LABELS,
  ...GPU_PRESENCE_LABELS,
  ...FOREIGN_ZONE_LABELS,
  ...Object.keys(FOREIGN_SPOT_LABELS),
  ...Object.keys(FOREIGN_ON_DEMAND_LABELS),
]);
/** Domains of labels and taints that everybody has; in others the key itself is somebody's. */
const PUBLIC_DOMAIN =
  /(^|\.)(kubernetes\.io|k8s\.io|karpenter\.sh|k8s\.aws|amazonaws\.com|azure\.com|cloud\.google\.com|gke\.io|nvidia\.com|amd\.com|gpu-autoscaler\.io)$/;
/** Numbers are compared (Gt, Lt), and truth is nobody's name. */
const PLAIN = /^(|-?\d{1,6}|true|false)$/;
const PLAIN_ANNOTATIONS: ReadonlySet<string> = new Set([
  POD_ANNOTATION.evictionPriority,
  POD_ANNOTATION.evictionMode,
  NODE_ANNOTATION.interruptionSource,
  NODE_ANNOTATION.terminationTime,
]);

/** `value`: a snapshot or a plan. With pauses, so that a large one keeps nobody waiting. */
export function* anonymiseInTurns<T extends object>(value: T, names: Names): Generator<void, T> {
  // Field by field the same shape comes out.
  return (yield* fieldsInTurns(fieldsIn(value), "", names)) as T;
}

/** Parts between two pauses. */
const PARTS_IN_TURN = 50;

function* fieldsInTurns(value: Fields, list: string, names: Names): Generator<void, Fields> {
  const without: (readonly [string, unknown])[] = [];
  for (const [field, inner] of Object.entries(value)) {
    if (field === "memory" && isFields(inner)) {
      without.push([field, yield* fieldsInTurns(inner, field, names)]);
    } else if (Array.isArray(inner)) {
      const items: unknown[] = [];
      for (const item of inner) {
        items.push(valueOf(item, field, names));
        if (items.length % PARTS_IN_TURN === 0) yield;
      }
      without.push([field, items]);
    } else without.push([field, fieldOf(field, inner, value, list, names)]);
    yield;
  }
  return Object.fromEntries(without);
}

function valueOf(value: unknown, field: string, names: Names): unknown {
  if (typeof value === "string") return textOf(value, field, names);
  if (typeof value !== "object" || value === null) return value;
  const known = names.known?.get(value, field);
  if (known !== undefined) return known;
  const without = partOf(value, field, names);
  names.known?.keep(value, field, without);
  return without;
}

function partOf(value: object, field: string, names: Names): object {
  if (Array.isArray(value)) return value.map((item) => valueOf(item, field, names));
  if (!isFields(value)) return value;
  if (isOfLabel(value, field)) return ofLabel(value, names);
  if (LABEL_FIELDS.has(field)) return labelsOf(value, names);
  if (field === "annotations") return mapped(value, (key, text) => [key, annotation(key, String(text))]);
  if (field === "spec") return fieldsIn(specOf(value, names));
  // Namespace → its labels.
  if (field === "namespaces")
    return mapped(value, (key, inner) => [names.namespace(key), valueOf(inner, "labels", names)]);
  if (field === "rebalanced")
    return mapped(value, (key, inner) => [
      key,
      mapped(fieldsIn(inner), (node, at) => [names.name(node), at]),
    ]);
  if ((NAME_KEYED.has(field) && !("key" in value)) || (field === "nodes" && !("name" in value)))
    return mapped(value, (key, inner) => [names.name(key), valueOf(inner, "", names)]);
  if (MOVE_KEYED.has(field))
    return mapped(value, (key, inner) => [moveKey(key, names), valueOf(inner, "", names)]);
  return fieldsOf(value, field, names);
}

function fieldsOf(value: Fields, list: string, names: Names): Fields {
  return mapped(value, (field, inner) => [field, fieldOf(field, inner, value, list, names)]);
}

function fieldOf(field: string, value: unknown, whole: Fields, list: string, names: Names): unknown {
  if (typeof value === "string") {
    if (field === "key") {
      if (MOVE_LISTS.has(list) || whole["code"] === "move-in-flight") return moveKey(value, names);
      if (OBJECT_LISTS.has(list)) return objectOf(value, names);
      return labelKey(value, names);
    }
    if (field === "topologyKey") return labelKey(value, names);
    if (field === "name")
      return list === "nodes" || whole["code"] === "provisioning-request" ? names.name(value) : value;
    // Of a move it is the code of a reason.
    if (field === "why") return list === "moves" ? value : NO_WORDS;
    // Of a gang it names objects; of what a plan is about, the gang.
    if (field === "id" && list === "gang") return objectOf(value, names);
  }
  // A journal's failures are by offering, which is nobody's name.
  return valueOf(value, field, names);
}

function textOf(text: string, field: string, names: Names): string {
  if (text === "") return text;
  if (OBJECT_FIELDS.has(field)) return objectOf(text, names);
  if (field === "namespaces") return names.namespace(text);
  if (NAME_FIELDS.has(field)) return names.name(text);
  return TEXT_FIELDS.has(field) ? NO_WORDS : text;
}

/** Of a policy only what is said of labels: the rest is its own. */
function specOf(spec: unknown, names: Names, field = ""): unknown {
  if (Array.isArray(spec)) return spec.map((item) => specOf(item, names, field));
  if (!isFields(spec)) return spec;
  if (isOfLabel(spec, field)) return ofLabel(spec, names);
  if (LABEL_FIELDS.has(field)) return labelsOf(spec, names);
  return mapped(spec, (name, inner) => [name, specOf(inner, names, name)]);
}

function labelsOf(labels: Fields, names: Names): Fields {
  return mapped(labels, (key, value) => [labelKey(key, names), labelValue(key, String(value), names)]);
}

/** A taint, a toleration or an expression. */
function isOfLabel(value: Fields, field: string): boolean {
  return field === "tolerations" || ("key" in value && ("operator" in value || "effect" in value));
}

function ofLabel(value: Fields, names: Names): Fields {
  const key = typeof value["key"] === "string" ? value["key"] : "";
  return mapped(value, (field, inner) => {
    if (field === "key") return [field, labelKey(key, names)];
    if (field === "value" && typeof inner === "string") return [field, labelValue(key, inner, names)];
    if (field === "values" && Array.isArray(inner))
      return [field, inner.map((each) => labelValue(key, String(each), names))];
    return [field, inner];
  });
}

function labelKey(key: string, names: Names): string {
  const [domain = "", name] = key.split("/");
  const isPublic = name === undefined ? MEANING_LABELS.has(key) : PUBLIC_DOMAIN.test(domain);
  return key === "" || isPublic || key === "metadata.name" ? key : names.name(key);
}

function labelValue(key: string, value: string, names: Names): string {
  if (PLAIN.test(value) || MEANING_LABELS.has(key)) return value;
  if (LATE_GPU_LABEL_PREFIXES.some((prefix) => key.startsWith(prefix))) return value;
  return key === NAMESPACE_LABEL ? names.namespace(value) : names.name(value);
}

function annotation(key: string, value: string): string {
  return PLAIN.test(value) || PLAIN_ANNOTATIONS.has(key) ? value : NO_WORDS;
}

function objectOf(text: string, names: Names): string {
  const at = text.indexOf("/");
  return at < 0
    ? names.name(text)
    : `${names.namespace(text.slice(0, at))}/${names.name(text.slice(at + 1))}`;
}

/** `<policy>/<pool>/<kind>/<cause>`, `<policy>/<pool>/<instance>` or `notice/<id>`. */
function moveKey(key: string, names: Names): string {
  const [first = "", second = "", third, ...cause] = key.split("/");
  if (first === "notice") return `notice/${names.name(key.slice("notice/".length))}`;
  if (third === undefined) return key;
  const isMove = /^(grow|shrink|replace|release)$/.test(third);
  if (!isMove) return `${first}/${second}/${names.name([third, ...cause].join("/"))}`;
  // What makes a growth is codes and numbers.
  const why = cause.join("/");
  const [, what = why, when = ""] = /^(.+?)(-after-\d+)?$/.exec(why) ?? [];
  return [first, second, third, third === "grow" || why === "" ? why : `${names.name(what)}${when}`].join(
    "/",
  );
}

function mapped(
  value: Fields,
  each: (key: string, value: unknown) => readonly [string, unknown],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => each(key, inner)));
}

function fieldsIn(value: unknown): Fields {
  return isFields(value) ? value : {};
}
