import { describe, expect, test } from "vitest";
import * as z from "zod";

import { schemaAt, structuralOf, withRules } from "./structural.ts";

const json = (schema: z.ZodType): object => z.toJSONSchema(schema, { io: "input" });

describe("structuralOf()", () => {
  test("keeps types, bounds, words, defaults and what must be there", () => {
    const schema = z.object({
      on: z.boolean().default(false).meta({ description: "why" }),
      share: z.number().min(0).max(1).default(0),
      mode: z.enum(["A", "B"]),
      name: z.string().min(1).max(9).regex(/^a$/).optional(),
      list: z
        .array(z.object({ name: z.string() }))
        .min(1)
        .max(3)
        .default([])
        .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
    });
    expect(structuralOf(json(schema))).toEqual({
      type: "object",
      required: ["mode"],
      properties: {
        on: { description: "why", type: "boolean", default: false },
        share: { type: "number", default: 0, minimum: 0, maximum: 1 },
        mode: { type: "string", enum: ["A", "B"] },
        name: { type: "string", minLength: 1, maxLength: 9, pattern: "^a$" },
        list: {
          type: "array",
          default: [],
          minItems: 1,
          maxItems: 3,
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
          items: { type: "object", required: ["name"], properties: { name: { type: "string" } } },
        },
      },
    });
  });

  test("says of a whole number of 32 bits that it is one", () => {
    expect(structuralOf(json(z.int32().min(0)))).toEqual({
      type: "integer",
      format: "int32",
      minimum: 0,
      maximum: 2 ** 31 - 1,
    });
    expect(structuralOf(json(z.int()))).not.toHaveProperty("format");
  });

  test("writes a map by what its values are", () => {
    expect(structuralOf(json(z.record(z.string(), z.string())))).toEqual({
      type: "object",
      additionalProperties: { type: "string" },
    });
  });

  test("writes a number or a text as the one union that there is, with the bounds of both", () => {
    expect(structuralOf(json(z.union([z.int32().min(0), z.string().regex(/^a$/)])))).toEqual({
      minimum: 0,
      maximum: 2 ** 31 - 1,
      pattern: "^a$",
      "x-kubernetes-int-or-string": true,
    });
    expect(structuralOf(json(z.union([z.string(), z.number()]).meta({ pattern: "^a$" })))).toEqual({
      pattern: "^a$",
      "x-kubernetes-int-or-string": true,
    });
  });

  test.each([
    [
      "another union",
      z.object({ a: z.union([z.boolean(), z.string()]) }),
      "spec.a: either boolean or string",
    ],
    ["a union of three", z.union([z.boolean(), z.number(), z.string()]), "spec: either"],
    ["objects told apart by a word", z.union([z.object({ a: z.string() }), z.object({})]), "spec: either"],
    ["a map with chosen keys", z.record(z.string().regex(/^a/), z.string()), "spec: propertyNames"],
    ["a strict object", z.strictObject({ a: z.string() }), "spec.*: undefined is no type"],
    ["a constant", z.object({ a: z.literal("x") }), "spec.a: const"],
    ["anything", z.object({ a: z.array(z.unknown()) }), "spec.a[]: undefined is no type"],
    ["a bound that is not reached", z.object({ a: z.number().gt(0) }), "spec.a: exclusiveMinimum"],
  ])("refuses %s, and says where", (_what, schema, problem) => {
    expect(() => structuralOf(json(schema))).toThrow(problem);
  });
});

describe("withRules()", () => {
  const schema = structuralOf(json(z.object({ pools: z.array(z.object({ size: z.int32() })) })));
  const validation = { rule: "true", message: "m" };

  test("puts each rule where it belongs, beside those that are there", () => {
    const places = ["", "pools[]", "pools[].size", "pools[]"];
    const ruled = withRules(
      schema,
      places.map((at) => ({ at, validation })),
    );
    const rulesAt = (at: string) => schemaAt(ruled, at)?.["x-kubernetes-validations"];
    expect(rulesAt("")).toEqual([validation]);
    expect(rulesAt("pools")).toBeUndefined();
    expect(rulesAt("pools[]")).toEqual([validation, validation]);
    expect(rulesAt("pools[].size")).toEqual([validation]);
  });

  test("refuses a rule of a field that is not there", () => {
    expect(() => withRules(schema, [{ at: "pools[].nodes", validation }])).toThrow(
      "a rule is for pools[].nodes, and the schema has no nodes there",
    );
    expect(schemaAt(schema, "pools[].nodes")).toBeNull();
  });
});
