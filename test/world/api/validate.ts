// What a real API server refuses in the objects that our programs write: a small part of its validation, chosen
// so that a mistake of ours fails here as it would there. Decoding faults are 400, values that do not make
// sense are 422 with the field.

import { RESOURCES } from "../../../coordinator/replay/world-resources.ts";
import type { ResourceName } from "../../../coordinator/replay/world-resources.ts";
import { sameJson } from "../../../coordinator/replay/world-store.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { milliQuantity } from "../../../shared/model/quantity.ts";
import { isJsonObject } from "./patch.ts";
import { badRequest, invalid } from "./refusal.ts";
import type { Cause } from "./refusal.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const QUALIFIED_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
const MAX_ANNOTATION_BYTES = 256 * 1024;

/** @throws Refusal with 400 or 422. */
export function validate(resource: ResourceName, next: KubeObject, current: KubeObject | null): void {
  decodable(resource, next);
  const causes = [...metadataCauses(next), ...specCauses(resource, next, current)];
  if (causes.length > 0) throw invalid(RESOURCES[resource].kind, next.metadata.name, causes);
}

/** What the server cannot even read into its types. */
function decodable(resource: ResourceName, object: KubeObject): void {
  for (const field of ["labels", "annotations"] as const) {
    const map: unknown = object.metadata[field] ?? {};
    if (!isJsonObject(map)) throw badRequest(`metadata.${field} must be a map of strings`);
    for (const [key, value] of Object.entries(map)) {
      if (typeof value !== "string")
        throw badRequest(
          `cannot unmarshal ${typeof value} into Go struct field metadata.${field}["${key}"] of type string`,
        );
    }
  }
  const spec = specOf(object);
  if (resource === "leases")
    for (const field of ["acquireTime", "renewTime"])
      timeField(spec, field, MICRO_TIME, "2006-01-02T15:04:05.000000Z07:00");
  if (resource === "events") {
    for (const field of ["firstTimestamp", "lastTimestamp"])
      timeField(object, field, TIME, "2006-01-02T15:04:05Z07:00");
    timeField(object, "eventTime", MICRO_TIME, "2006-01-02T15:04:05.000000Z07:00");
  }
}

function timeField(object: object, field: string, pattern: RegExp, layout: string): void {
  const value = fieldOf(object, field);
  if (value === undefined || value === null) return;
  if (typeof value !== "string" || !pattern.test(value))
    throw badRequest(`parsing time ${JSON.stringify(value)} of ${field} as "${layout}": cannot parse`);
}

function metadataCauses({ metadata }: KubeObject): readonly Cause[] {
  const causes: Cause[] = [];
  if (!SUBDOMAIN.test(metadata.name) || metadata.name.length > 253) {
    causes.push(
      wrong(
        "metadata.name",
        metadata.name,
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
      ),
    );
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!QUALIFIED_KEY.test(key))
      causes.push(
        wrong("metadata.labels", key, "name part must consist of alphanumeric characters, '-', '_' or '.'"),
      );
    if (!isLabelValue(value))
      causes.push(
        wrong(
          "metadata.labels",
          value,
          "a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.'",
        ),
      );
  }
  let size = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    size += key.length + value.length;
    if (!QUALIFIED_KEY.test(key.toLowerCase()))
      causes.push(
        wrong(
          "metadata.annotations",
          key,
          "name part must consist of alphanumeric characters, '-', '_' or '.'",
        ),
      );
  }
  if (size > MAX_ANNOTATION_BYTES)
    causes.push({
      reason: "FieldValueTooLong",
      field: "metadata.annotations",
      message: `may not be more than ${MAX_ANNOTATION_BYTES} bytes`,
    });
  return causes;
}

function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value) && value.length <= 63;
}

function specCauses(resource: ResourceName, next: KubeObject, current: KubeObject | null): readonly Cause[] {
  const spec = specOf(next);
  switch (resource) {
    case "pods":
      return current === null ? newPodCauses(spec) : changedPodCauses(spec, specOf(current));
    case "nodes":
      return nodeCauses(spec, current === null ? {} : specOf(current));
    case "machinedeployments":
    case "machinepools":
    case "nodepools":
      return replicaCauses(fieldOf(spec, "replicas"));
    case "leases":
      return leaseCauses(spec);
    case "poddisruptionbudgets":
      return budgetCauses(spec);
    case "events":
      return eventCauses(next);
    case "namespaces":
    case "configmaps":
    case "machines":
    case "nodeclaims":
    case "autoscalingpolicies":
    case "persistentvolumeclaims":
    case "persistentvolumes":
    case "storageclasses":
    case "csinodes":
    case "daemonsets":
    case "podgroups":
    case "volcanopodgroups":
    case "jobsets":
      return [];
    default:
      return resource satisfies never;
  }
}

function newPodCauses(spec: object): readonly Cause[] {
  const containers = fieldOf(spec, "containers");
  if (!Array.isArray(containers) || containers.length === 0) return [required("spec.containers")];
  return containers.flatMap((container: unknown, at) => {
    const path = `spec.containers[${at}]`;
    if (!isJsonObject(container) || typeof container["name"] !== "string" || container["name"] === "")
      return [required(`${path}.name`)];
    const resources = container["resources"];
    return isJsonObject(resources)
      ? ["requests", "limits"].flatMap((kind) => quantityCauses(`${path}.resources.${kind}`, resources[kind]))
      : [];
  });
}

function quantityCauses(path: string, list: unknown): readonly Cause[] {
  return Object.entries(isJsonObject(list) ? list : {}).flatMap(([name, value]) => {
    try {
      return milliQuantity(textOf(value)) < 0
        ? [wrong(`${path}[${name}]`, textOf(value), "must be greater than or equal to 0")]
        : [];
    } catch {
      return [
        wrong(
          `${path}[${name}]`,
          textOf(value),
          "quantities must match the regular expression of resource.Quantity",
        ),
      ];
    }
  });
}

/** After creation a pod's spec stands, but for added tolerations and a shorter life. */
function changedPodCauses(next: object, current: object): readonly Cause[] {
  const fixed = (spec: object): object => ({ ...spec, tolerations: null, activeDeadlineSeconds: null });
  const before = listOf(fieldOf(current, "tolerations"));
  const after = listOf(fieldOf(next, "tolerations"));
  const keepsTolerations = before.every((toleration) => after.some((other) => sameJson(toleration, other)));
  if (keepsTolerations && sameJson(fixed(next), fixed(current))) return [];
  const message =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)";
  return [{ reason: "FieldValueForbidden", field: "spec", message: `Forbidden: ${message}` }];
}

function nodeCauses(next: object, current: object): readonly Cause[] {
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [at, taint] of listOf(fieldOf(next, "taints")).entries()) {
    const path = `spec.taints[${at}]`;
    const { key, effect, value } = isJsonObject(taint)
      ? taint
      : { key: undefined, effect: undefined, value: undefined };
    if (typeof key !== "string" || !QUALIFIED_KEY.test(key))
      causes.push(wrong(`${path}.key`, textOf(key), "name part must be non-empty"));
    if (value !== undefined && (typeof value !== "string" || !isLabelValue(value)))
      causes.push(wrong(`${path}.value`, textOf(value), "a valid label value is required"));
    if (typeof effect !== "string" || !TAINT_EFFECTS.includes(effect)) {
      causes.push({
        reason: "FieldValueNotSupported",
        field: `${path}.effect`,
        message: `Unsupported value: "${textOf(effect)}": supported values: ${TAINT_EFFECTS.join(", ")}`,
      });
    }
    const identity = `${textOf(key)}:${textOf(effect)}`;
    if (seen.has(identity))
      causes.push({
        reason: "FieldValueDuplicate",
        field: path,
        message: `Duplicate value: "${identity}": taints must be unique by key and effect pair`,
      });
    seen.add(identity);
  }
  const provider = fieldOf(current, "providerID");
  if (provider !== undefined && !sameJson(provider, fieldOf(next, "providerID"))) {
    causes.push({
      reason: "FieldValueForbidden",
      field: "spec.providerID",
      message: 'Forbidden: node updates may not change providerID except from "" to valid',
    });
  }
  return causes;
}

/** Shared by the object itself and its scale subresource. */
export function replicaCauses(replicas: unknown): readonly Cause[] {
  if (replicas === undefined) return [];
  if (typeof replicas === "number" && Number.isInteger(replicas) && replicas >= 0) return [];
  return [
    wrong("spec.replicas", JSON.stringify(replicas), "must be a whole number greater than or equal to 0"),
  ];
}

function leaseCauses(spec: object): readonly Cause[] {
  const causes: Cause[] = [];
  const seconds = fieldOf(spec, "leaseDurationSeconds");
  if (seconds !== undefined && !(typeof seconds === "number" && Number.isInteger(seconds) && seconds > 0)) {
    causes.push(wrong("spec.leaseDurationSeconds", JSON.stringify(seconds), "must be greater than 0"));
  }
  const transitions = fieldOf(spec, "leaseTransitions");
  if (
    transitions !== undefined &&
    !(typeof transitions === "number" && Number.isInteger(transitions) && transitions >= 0)
  ) {
    causes.push(
      wrong("spec.leaseTransitions", JSON.stringify(transitions), "must be greater than or equal to 0"),
    );
  }
  return causes;
}

function budgetCauses(spec: object): readonly Cause[] {
  const shares = ["minAvailable", "maxUnavailable"].filter((field) => fieldOf(spec, field) !== undefined);
  if (shares.length === 2)
    return [wrong("spec", "both shares", "minAvailable and maxUnavailable cannot be both set")];
  return shares.flatMap((field) => {
    const value = fieldOf(spec, field);
    const good =
      typeof value === "number"
        ? Number.isInteger(value) && value >= 0
        : typeof value === "string" && /^\d+%$/.test(value);
    return good
      ? []
      : [wrong(`spec.${field}`, JSON.stringify(value), "must be a whole number or a percentage such as 10%")];
  });
}

/** Events about cluster-scoped objects stand in `default`, all others beside their object. */
function eventCauses(event: KubeObject): readonly Cause[] {
  const involved = fieldOf(event, "involvedObject");
  if (!isJsonObject(involved)) return [required("involvedObject")];
  const expected =
    typeof involved["namespace"] === "string" && involved["namespace"] !== ""
      ? involved["namespace"]
      : "default";
  if (expected === event.metadata.namespace) return [];
  return [wrong("involvedObject.namespace", expected, "does not match event.namespace")];
}

function wrong(field: string, value: string, message: string): Cause {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: "${value}": ${message}` };
}

function required(field: string): Cause {
  return { reason: "FieldValueRequired", field, message: "Required value" };
}

function specOf(object: KubeObject): object {
  const spec = fieldOf(object, "spec");
  return isJsonObject(spec) ? spec : {};
}

function fieldOf(object: object, field: string): unknown {
  return (object as Readonly<Record<string, unknown>>)[field];
}

/** A value in a message: text as it is, anything else as JSON. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
