import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";

import { policySpecSchema } from "../../shared/contract/policy.ts";
import { policyDefinition, policyDefinitionText, writtenSchema } from "./crd.ts";
import { schemaAt } from "./structural.ts";
import type { Structural } from "./structural.ts";

const version = policyDefinition().spec.versions[0];
const root = version?.schema.openAPIV3Schema ?? {};

/** Every object with fields, by its path. */
function objectsOf(schema: Structural, path: string): readonly (readonly [string, Structural])[] {
  const own = schema.properties === undefined ? [] : [[path, schema] as const];
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
      objectsOf(inner, `${path}.${name}`),
    ),
    ...(schema.items === undefined ? [] : objectsOf(schema.items, `${path}[]`)),
  ];
}

/** What each field without a value becomes in the parser, by its path; nothing for those that stay out. */
function parserDefaults(schema: z.ZodType, path: string): readonly (readonly [string, unknown])[] {
  if (schema instanceof z.ZodOptional) return parserDefaults(schema.unwrap() as z.ZodType, path);
  if (schema instanceof z.ZodDefault)
    return [[path, schema.parse(undefined)], ...parserDefaults(schema.unwrap() as z.ZodType, path)];
  if (schema instanceof z.ZodArray) return parserDefaults(schema.element as z.ZodType, `${path}[]`);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, inner]) =>
    parserDefaults(inner, `${path}.${name}`),
  );
}

describe("policyDefinition()", () => {
  test("is of a cluster-wide kind with a short name and a status of its own", () => {
    expect(policyDefinition()).toMatchObject({
      metadata: { name: "autoscalingpolicies.gpu-autoscaler.io" },
      spec: {
        group: "gpu-autoscaler.io",
        scope: "Cluster",
        names: { kind: "AutoscalingPolicy", singular: "autoscalingpolicy", shortNames: ["asp"] },
        versions: [{ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } }],
      },
    });
  });

  test("has the default of each field that has one in the parser, and no other", () => {
    const expected = Object.fromEntries(parserDefaults(policySpecSchema, "spec"));
    const found = Object.fromEntries(
      objectsOf(root.properties?.["spec"] ?? {}, "spec").flatMap(([path, { properties = {} }]) =>
        Object.entries(properties).flatMap(([name, inner]) =>
          inner.default === undefined ? [] : [[`${path}.${name}`, inner.default]],
        ),
      ),
    );
    expect(found).toEqual(expected);
    expect(found).toMatchObject({
      "spec.enablePredictiveScaling": false,
      "spec.minNodes": 0,
      "spec.nodePools": [],
    });
  });

  test("has a column for what a person asks first, each of a field that there is", () => {
    const columns = version?.additionalPrinterColumns ?? [];
    expect(columns.filter(({ priority }) => priority === undefined).map(({ name }) => name)).toEqual([
      "Provider",
      "Current",
      "Desired",
      "Min",
      "Max",
      "Utilization",
      "Spot %",
      "Active",
      "Age",
    ]);
    for (const { jsonPath } of columns) {
      const path = jsonPath.slice(1).replace(/\[\?.*\]/, "[]");
      if (!path.startsWith("metadata.") && schemaAt(root, path) === null)
        throw new Error(`${jsonPath} is not in the schema`);
    }
  });

  test("keeps in a status what a newer coordinator writes: fields that are not known here, and other words", () => {
    const status = root.properties?.["status"] ?? {};
    const objects = objectsOf(status, "status");
    expect(objects.length).toBeGreaterThan(8);
    for (const [path, schema] of objects)
      if (schema["x-kubernetes-preserve-unknown-fields"] !== true) throw new Error(`${path} is cut`);
    const phase = schemaAt(status, "moves[].phase");
    expect(phase).toMatchObject({
      type: "string",
      description: "one of intended, draining, applied, failed",
    });
    expect(phase).not.toHaveProperty("enum");
    expect(status.required).toContain("moves");
  });

  test("cuts what is not known in a spec", () => {
    for (const [path, schema] of objectsOf(root.properties?.["spec"] ?? {}, "spec"))
      if (schema["x-kubernetes-preserve-unknown-fields"] === true) throw new Error(`${path} is not cut`);
  });
});

describe("policyDefinitionText()", () => {
  test("is the definition as YAML, and says where it comes from", () => {
    expect(parse(policyDefinitionText())).toEqual(policyDefinition());
    expect(policyDefinitionText()).toMatch(
      /^# Written by `npm run generate` from \S+\. Changes here are lost\.\n/,
    );
  });
});

describe("writtenSchema()", () => {
  test("has a default also where something inside is transformed", () => {
    const inner = z.object({ a: z.string().transform(Number) });
    expect(writtenSchema(z.object({ list: z.array(inner).default([]) }))).toMatchObject({
      properties: { list: { default: [] } },
    });
  });
});
