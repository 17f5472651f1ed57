// The JSON schema of the chart's values, by which helm refuses a wrong type and a key that nobody knows before anything
// is rendered. Pure. What a schema cannot say (two values that contradict each other) is templates/_refuse.tpl's.

import type { Group, JsonSchema, ValueNode } from "./value.ts";

/** Every object of the schema that names its properties has no others; words of Kubernetes alone are taken out. */
export function closed(schema: JsonSchema): JsonSchema {
  const entries = Object.entries(schema)
    .filter(([key]) => key !== "$schema" && !key.startsWith("x-kubernetes-"))
    .map(([key, value]) => [key, key === "properties" ? closedProperties(value) : closedPart(value)]);
  const made = Object.fromEntries(entries) as JsonSchema;
  return schema["properties"] === undefined ? made : { ...made, additionalProperties: false };
}

export function valuesSchema(values: Group): JsonSchema {
  const root = schemaOf(values);
  // Helm itself puts these there, for charts above this one.
  const properties = { ...(root["properties"] as JsonSchema), global: { type: "object" } };
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...root, properties };
}

function schemaOf(node: ValueNode): JsonSchema {
  const description = node.sentence === "" ? {} : { description: node.sentence };
  if (node.kind === "leaf") return { ...node.schema, ...description };
  const keys = Object.entries(node.keys);
  const required = keys.filter(([, inner]) => needs(inner)).map(([name]) => name);
  return {
    ...description,
    type: "object",
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(keys.map(([name, inner]) => [name, schemaOf(inner)])),
  };
}

function needs(node: ValueNode): boolean {
  return node.kind === "leaf" ? node.required === true : Object.values(node.keys).some(needs);
}

function closedProperties(value: unknown): unknown {
  // Of `properties` each key is a name, whatever it is called.
  return Object.fromEntries(
    Object.entries(value as JsonSchema).map(([name, inner]) => [name, closed(inner as JsonSchema)]),
  );
}

function closedPart(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closedPart);
  return typeof value === "object" && value !== null ? closed(value as JsonSchema) : value;
}
