// The CustomResourceDefinition of AutoscalingPolicy, made from the schemas by which the coordinator reads its spec and
// writes its status. Pure: `npm run generate` writes the text. What the API server is to check beyond types and bounds
// stands in rules.ts and more-rules.ts.

import { stringify } from "yaml";
import * as z from "zod";

import { policySpecSchema } from "../../shared/contract/policy.ts";
import { policyStatusSchema } from "../../shared/contract/policy/status.ts";
import { API_GROUP, API_VERSION, CONDITION, POLICY } from "../../shared/model/names.ts";
import { MORE_RULES } from "./more-rules.ts";
import { RULES } from "./rules.ts";
import type { CelRule } from "./rules.ts";
import { structuralOf, withRules } from "./structural.ts";
import type { Structural } from "./structural.ts";

const NOTE = " Written by `npm run generate` from shared/contract/policy.ts. Changes here are lost.\n";

/** A column of `kubectl get`; those of priority 1 come with `-o wide`. */
interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "date";
  readonly jsonPath: string;
  readonly priority?: 1;
  readonly description?: string;
}

export interface PolicyDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: "Cluster";
    readonly names: {
      readonly kind: string;
      readonly listKind: string;
      readonly plural: string;
      readonly singular: string;
      readonly shortNames: readonly string[];
    };
    readonly versions: readonly {
      readonly name: string;
      readonly served: true;
      readonly storage: true;
      readonly subresources: { readonly status: object };
      readonly additionalPrinterColumns: readonly Column[];
      readonly schema: { readonly openAPIV3Schema: Structural };
    }[];
  };
}

const COLUMNS: readonly Column[] = [
  { name: "Provider", type: "string", jsonPath: ".spec.provider" },
  { name: "Current", type: "integer", jsonPath: ".status.currentNodes" },
  { name: "Desired", type: "integer", jsonPath: ".status.desiredNodes" },
  { name: "Min", type: "integer", jsonPath: ".spec.minNodes" },
  { name: "Max", type: "integer", jsonPath: ".spec.maxNodes" },
  {
    name: "Utilization",
    type: "number",
    jsonPath: ".status.averageGPUUtilization",
    description: "of the GPUs that report, 0 to 1; empty when none does",
  },
  {
    name: "Spot %",
    type: "number",
    jsonPath: ".spec.spotInstancePercentage",
    description: "as a share of 1",
  },
  { name: "Active", type: "string", jsonPath: conditionPath(CONDITION.active) },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  { name: "Mode", type: "string", jsonPath: ".spec.mode", priority: 1 },
  { name: "Valid", type: "string", jsonPath: conditionPath(CONDITION.valid), priority: 1 },
  { name: "Pending", type: "integer", jsonPath: ".status.pendingPods", priority: 1 },
  {
    name: "Interruptions",
    type: "integer",
    jsonPath: ".status.spotInterruptions",
    priority: 1,
    description: "in the last 24 hours",
  },
  { name: "Last action", type: "string", jsonPath: ".status.lastScalingAction", priority: 1 },
];

/** Every rule in CEL, in the order in which a place of the schema lists them. */
export function celRules(): readonly CelRule[] {
  return [
    ...Object.values(RULES).flatMap((holder) => (holder.by === "cel" ? holder.rules : [])),
    ...Object.values(MORE_RULES).flat(),
  ];
}

export function policyDefinition(): PolicyDefinition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${POLICY.plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: "Cluster",
      names: {
        kind: POLICY.kind,
        listKind: `${POLICY.kind}List`,
        plural: POLICY.plural,
        singular: POLICY.kind.toLowerCase(),
        shortNames: [POLICY.shortName],
      },
      versions: [
        {
          name: API_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: COLUMNS,
          schema: { openAPIV3Schema: rootSchema() },
        },
      ],
    },
  };
}

/** As YAML, each text on one line. Helm and kubectl read YAML 1.1, to which a bare Off is false. */
export function policyDefinitionText(): string {
  const how = { lineWidth: 0, aliasDuplicateObjects: false, compat: "yaml-1.1" } as const;
  return `#${NOTE}${stringify(policyDefinition(), how)}`;
}

/** What may be written, as a JSON schema, with every default. */
export function writtenSchema(schema: z.ZodType): object {
  return z.toJSONSchema(schema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves a default out where something inside is transformed when it is read, as a quantity is.
      const { def } = zodSchema._zod;
      if (def.type === "default" && jsonSchema.default === undefined)
        jsonSchema.default = structuredClone(def.defaultValue);
    },
  });
}

function rootSchema(): Structural {
  const spec = structuralOf(writtenSchema(policySpecSchema), "spec");
  const status = structuralOf(writtenSchema(policyStatusSchema), "status");
  return {
    description: "How the GPU node pools of a cluster grow and shrink.",
    type: "object",
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: {
        description: "What is asked for. What is left out has the default that is shown.",
        ...withRules(
          spec,
          celRules().map(({ at, ...validation }) => ({ at, validation })),
        ),
      },
      status: {
        description: "What the coordinator found and did.",
        ...keyedBy("type", "conditions", openEnded(status)),
      },
    },
  };
}

/**
 * A status that the server refuses or cuts short is a journal that is not kept. Where the coordinator is newer than this
 * definition, what it writes has to stand: types are checked, words are named and not closed, and fields that are not
 * known here stay.
 */
function openEnded({ description, enum: words, ...schema }: Structural): Structural {
  const { properties, items } = schema;
  const named = words === undefined ? undefined : `one of ${words.join(", ")}`;
  const told = [description, named].filter((part) => part !== undefined).join("; ");
  return {
    ...(told === "" ? {} : { description: told }),
    ...schema,
    ...(items === undefined ? {} : { items: openEnded(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, inner]) => [name, openEnded(inner)]),
          ),
          "x-kubernetes-preserve-unknown-fields": true,
        }),
  };
}

/** The list of that name may have entries of several writers, one for each key. */
function keyedBy(key: string, name: string, { properties, ...schema }: Structural): Structural {
  const list = properties?.[name];
  if (list === undefined) throw new Error(`the status has no ${name}`);
  const keyed = { ...list, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] } as const;
  return { ...schema, properties: { ...properties, [name]: keyed } };
}

function conditionPath(type: string): string {
  return `.status.conditions[?(@.type=="${type}")].status`;
}
