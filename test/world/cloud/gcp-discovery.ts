// Google's own description of the calls that we make, as a judge: is this a call that the service knows, and is this body
// one of its schema, each field known and of its type? The fixture beside this file is the needed part of the discovery
// documents that the package google-api-python-client ships (Apache-2.0); its head names the version and the revisions.

import table from "./gcp-discovery.json" with { type: "json" };

export interface DiscoveryMethod {
  readonly httpMethod: string;
  /** Under the address of the service's version: `projects/{project}/…`. */
  readonly path: string;
  readonly query: readonly string[];
  readonly request: string | null;
  readonly response: string;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
}

interface Discovery {
  readonly source: string;
  readonly revisions: Readonly<Record<string, string>>;
  readonly methods: Readonly<Record<string, DiscoveryMethod>>;
  readonly schemas: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
}

export const DISCOVERY = table as unknown as Discovery;

export function serviceOf(method: string): string {
  return method.split(".")[0] ?? "";
}

/** What is wrong with a body that the call answers with, or is asked with; empty: nothing. */
export function faultsIn(method: string, which: "request" | "response", body: unknown): readonly string[] {
  const name = DISCOVERY.methods[method]?.[which];
  if (name === undefined) return [`${method} is no call that the fixture has`];
  if (name === null) return body === undefined ? [] : [`${method} takes no body`];
  return check({ $ref: name }, body, name, DISCOVERY.schemas[serviceOf(method)] ?? {});
}

function check(
  schema: Schema,
  value: unknown,
  at: string,
  schemas: Readonly<Record<string, Schema>>,
): readonly string[] {
  if (schema.$ref !== undefined) {
    const named = schemas[schema.$ref];
    return named === undefined
      ? [`${at}: the fixture has no schema ${schema.$ref}`]
      : check(named, value, at, schemas);
  }
  switch (schema.type) {
    case "object":
      return isObject(value)
        ? Object.entries(value).flatMap(([key, inner]) => {
            const field = own(schema.properties, key) ?? schema.additionalProperties;
            return field === undefined
              ? [`${at}.${key}: no such field`]
              : check(field, inner, `${at}.${key}`, schemas);
          })
        : [`${at}: ${told(value)} is no object`];
    case "array":
      return Array.isArray(value)
        ? value.flatMap((inner, index) => check(schema.items ?? {}, inner, `${at}[${index}]`, schemas))
        : [`${at}: ${told(value)} is no list`];
    case "string":
      return checkText(schema, value, at);
    case "integer":
      return Number.isInteger(value) ? [] : [`${at}: ${told(value)} is no whole number`];
    case "number":
      return typeof value === "number" ? [] : [`${at}: ${told(value)} is no number`];
    case "boolean":
      return typeof value === "boolean" ? [] : [`${at}: ${told(value)} is not true or false`];
    case "any":
    case undefined:
      return [];
    default:
      return [`${at}: the fixture has a type ${schema.type} that this judge does not know`];
  }
}

function checkText({ format, enum: words }: Schema, value: unknown, at: string): readonly string[] {
  if (typeof value !== "string") return [`${at}: ${told(value)} is no text`];
  if (words !== undefined && !words.includes(value)) return [`${at}: ${told(value)} is none of its words`];
  if ((format === "uint64" || format === "int64") && !/^-?\d+$/.test(value))
    return [`${at}: ${told(value)} is no number as text`];
  return [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own<T>(fields: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
}

function told(value: unknown): string {
  return JSON.stringify(value) ?? "nothing";
}
