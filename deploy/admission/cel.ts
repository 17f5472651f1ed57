// Pieces of CEL, the language in which an API server checks requests, and what a list of checks becomes in YAML. Text
// only: what is allowed to whom stands in agents.ts and marks.ts.
//
// Every object goes through `dyn()`: fields are compared by whatever names they have, so a field that a newer
// Kubernetes adds is guarded from its first day.

import { DESCRIPTION } from "../../shared/model/names.ts";

/** As CEL writes a text, or a list of texts. */
export function literal(value: string | readonly string[]): string {
  // Names of Kubernetes have no quote, no backslash and no sign beyond ASCII, so that JSON is CEL.
  const texts = typeof value === "string" ? [value] : value;
  const strange = texts.find((text) => !/^[\x20-\x7e]*$/.test(text) || /["\\]/.test(text));
  if (strange !== undefined) throw new Error(`${JSON.stringify(strange)} is no name that CEL can be given`);
  return typeof value === "string" ? `"${value}"` : `[${value.map((text) => `"${text}"`).join(", ")}]`;
}

/** A map inside of an object, empty where there is none. */
export function mapOf(object: "object" | "oldObject", path: string): string {
  return `dyn(${object}).?${path.replaceAll(".", ".?")}.orValue({})`;
}

/** Two maps have the same entries, except under the keys of `free`. */
export function sameBut(now: string, before: string, free: readonly string[]): string {
  const others = free.length === 0 ? "" : `k in ${literal(free)} || `;
  return [
    `${now}.all(k, ${others}(k in ${before} && ${before}[k] == ${now}[k]))`,
    `${before}.all(k, ${others}k in ${now})`,
  ].join(" && ");
}

/** Two lists have the same entries, except those for which `free` holds of `e`; their order says nothing. */
export function sameEntriesBut(now: string, before: string, free: string): string {
  return [`${now}.all(e, ${free} || e in ${before})`, `${before}.all(e, ${free} || e in ${now})`].join(
    " && ",
  );
}

export interface Variable {
  readonly name: string;
  readonly expression: string;
}

export interface Validation {
  readonly expression: string;
  /** For people: what is allowed, and what to do instead. */
  readonly message: string;
  /** CEL for the same with the request's own names in it. */
  readonly messageExpression?: string;
}

export interface PolicyParts {
  readonly name: string;
  /** For whoever reads the object in a cluster. */
  readonly about: string;
  readonly operations: readonly ("CREATE" | "UPDATE" | "DELETE" | "CONNECT")[];
  /** Of the core group. */
  readonly resources: readonly string[];
  /** Requests for which one of these is false are not looked at. */
  readonly onlyWhen: readonly { readonly name: string; readonly expression: string }[];
  /** Each validation is asked once for every pod of the request's namespace, as `params`. */
  readonly forEachPod?: boolean;
  readonly variables: readonly Variable[];
  readonly validations: readonly Validation[];
}

export interface AdmissionObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

const API_VERSION = "admissionregistration.k8s.io/v1";

/** A policy, and the binding that puts it in force in the whole cluster. */
export function policyWithBinding(parts: PolicyParts): readonly AdmissionObject[] {
  const { name, about, operations, resources, onlyWhen, forEachPod = false, variables, validations } = parts;
  return [
    {
      apiVersion: API_VERSION,
      kind: "ValidatingAdmissionPolicy",
      metadata: { name, annotations: { [DESCRIPTION]: about } },
      spec: {
        // No part of a policy calls anything that could be away, so only a mistake of ours could fail: it must not
        // become an opening. Whom that could hit is bounded by the conditions, which cannot fail.
        failurePolicy: "Fail",
        ...(forEachPod ? { paramKind: { apiVersion: "v1", kind: "Pod" } } : {}),
        matchConstraints: {
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations, resources }],
        },
        matchConditions: onlyWhen,
        ...(variables.length === 0 ? {} : { variables }),
        validations,
      },
    },
    {
      apiVersion: API_VERSION,
      kind: "ValidatingAdmissionPolicyBinding",
      metadata: { name },
      spec: {
        policyName: name,
        // Without a namespace it is the request's. In one without pods there is nobody to protect.
        ...(forEachPod ? { paramRef: { selector: {}, parameterNotFoundAction: "Allow" } } : {}),
        validationActions: ["Deny"],
      },
    },
  ];
}
