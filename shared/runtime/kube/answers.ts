// Reads the bodies that the API server answers with. Only what every object must have is checked (that it is
// JSON, an object with metadata, a list with a version); the fields of a kind are trusted to be as that kind
// documents them.

import type { KubeObject } from "../../model/kube.ts";
import { AppError } from "../errors.ts";
import { apiVersionOf } from "./resources.ts";
import type { Resource } from "./resources.ts";

export function readJson(what: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new AppError("malformed", `cannot ${what}: the answer is no JSON: ${body.slice(0, 100)}`, {
      cause: error,
    });
  }
}

export function hasMetadata(value: unknown): value is { metadata: Record<string, unknown> } {
  return (
    typeof value === "object" &&
    value !== null &&
    "metadata" in value &&
    typeof value.metadata === "object" &&
    value.metadata !== null
  );
}

/** Half of a stored pod is the record of who wrote which field; nobody here reads it, and memory is counted. */
export function withoutManagedFields<T extends { metadata: Record<string, unknown> }>(object: T): T {
  delete object.metadata["managedFields"];
  return object;
}

/** What the resource keeps of an object that a list or a watch brings. */
export function kept<T extends KubeObject>(
  { keep }: Resource<T>,
  object: { metadata: Record<string, unknown> },
): T {
  // The cast is the trust that the client's file states.
  return keep === undefined ? (object as unknown as T) : keep(object as unknown as KubeObject);
}

/** Type information that a write needs and that items of lists lack. */
export function typed<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly next: string | undefined;
}

export function readPage<T extends KubeObject>(
  resource: Resource<T>,
  what: string,
  answer: unknown,
): Page<T> {
  const malformed = (why: string): AppError => new AppError("malformed", `cannot ${what}: the answer ${why}`);
  if (!hasMetadata(answer) || !("items" in answer)) throw malformed("is no list");
  // An empty list of a Go server may be null.
  const items: unknown = answer.items ?? [];
  if (!Array.isArray(items) || !items.every(hasMetadata)) throw malformed("holds an item without metadata");
  const { resourceVersion, continue: next } = answer.metadata;
  if (typeof resourceVersion !== "string") throw malformed("has no resourceVersion");
  const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  return {
    // Items of a list carry no type of their own; events of a watch do. They shall look alike.
    items: items.map((item) => kept(resource, Object.assign(withoutManagedFields(item), type))),
    resourceVersion,
    next: typeof next === "string" && next !== "" ? next : undefined,
  };
}
