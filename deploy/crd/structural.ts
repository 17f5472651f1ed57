// A JSON schema as zod writes it, as the structural schema that an API server takes: every value has one type, nothing
// is said that the server would ignore, and fields come in one order. Pure. A word of JSON schema that has no place here
// is an error, so that no part of the policy's schema can get lost on the way.

/** A rule in CEL, as a schema carries it. */
export interface Validation {
  readonly rule: string;
  readonly message: string;
  readonly messageExpression?: string;
  readonly fieldPath?: string;
}

/** The part of a structural schema that we write. */
export interface Structural {
  readonly description?: string;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Structural>>;
  readonly items?: Structural;
  readonly additionalProperties?: Structural;
  readonly "x-kubernetes-int-or-string"?: true;
  readonly "x-kubernetes-list-type"?: "map" | "set" | "atomic";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-preserve-unknown-fields"?: true;
  readonly "x-kubernetes-validations"?: readonly Validation[];
}

type Json = Readonly<Record<string, unknown>>;

/** In the order in which they are written; each is taken over as it is. */
const PLAIN = [
  "description",
  "type",
  "format",
  "enum",
  "default",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "pattern",
  "minItems",
  "maxItems",
  "required",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
] as const;
const NESTED = ["properties", "items", "additionalProperties"] as const;
/** What holds without being said: any key of a JSON object is a string. */
const SAID_ALREADY: Readonly<Record<string, string>> = { propertyNames: '{"type":"string"}' };
const TYPES = ["object", "array", "string", "integer", "number", "boolean"];

const INT32_MAX = 2 ** 31 - 1;

/** @throws Error that names the place and what of it has no structural form. */
export function structuralOf(schema: unknown, at = "spec"): Structural {
  const { $schema: _, ...json } = schema as Json;
  const one = asOneType(json, at);
  for (const [word, value] of Object.entries(one)) {
    const known: readonly string[] = [...PLAIN, ...NESTED, "x-kubernetes-int-or-string"];
    if (!known.includes(word) && SAID_ALREADY[word] !== JSON.stringify(value))
      throw new Error(`${at}: ${word} ${JSON.stringify(value)} has no place in a structural schema`);
  }
  if (one["x-kubernetes-int-or-string"] !== true && !TYPES.includes(String(one["type"])))
    throw new Error(`${at}: ${JSON.stringify(one["type"])} is no type of a structural schema`);

  const properties = one["properties"] as Json | undefined;
  const isInt32 = one["type"] === "integer" && Number(one["maximum"]) <= INT32_MAX;
  return {
    ...Object.fromEntries(PLAIN.flatMap((word) => (one[word] === undefined ? [] : [[word, one[word]]]))),
    ...(isInt32 ? { format: "int32" } : {}),
    ...(one["x-kubernetes-int-or-string"] === true ? { "x-kubernetes-int-or-string": true } : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, inner]) => [name, structuralOf(inner, `${at}.${name}`)]),
          ),
        }),
    ...(one["items"] === undefined ? {} : { items: structuralOf(one["items"], `${at}[]`) }),
    ...(one["additionalProperties"] === undefined
      ? {}
      : { additionalProperties: structuralOf(one["additionalProperties"], `${at}.*`) }),
  };
}

/**
 * A number or a text is the one union that a structural schema has. The bounds of either side bind that side alone,
 * so they can stand beside each other. A quantity may be written as a whole number, as everywhere in Kubernetes.
 */
function asOneType({ anyOf, type, ...rest }: Json, at: string): Json {
  if (Array.isArray(type)) return { ...numberOrText(type as readonly unknown[], at), ...rest };
  if (anyOf === undefined) return { ...rest, ...(type === undefined ? {} : { type }) };
  const sides = anyOf as readonly Json[];
  const union = numberOrText(
    sides.map((side) => side["type"]),
    at,
  );
  const bounds = Object.fromEntries(
    sides.flatMap((side) => Object.entries(side).filter(([word]) => word !== "type")),
  );
  return { ...union, ...bounds, ...rest };
}

function numberOrText(types: readonly unknown[], at: string): Json {
  const isNumber = types.includes("integer") || types.includes("number");
  if (types.length !== 2 || !isNumber || !types.includes("string"))
    throw new Error(`${at}: either ${types.join(" or ")} has no structural form`);
  return { "x-kubernetes-int-or-string": true };
}

/** The schema with the rules at their places. @throws Error for a place that is not in the schema. */
export function withRules(
  schema: Structural,
  rules: readonly { readonly at: string; readonly validation: Validation }[],
): Structural {
  return rules.reduce(
    (whole, { at, validation }) =>
      changedAt(whole, stepsOf(at), at, (node) => ({
        ...node,
        "x-kubernetes-validations": [...(node["x-kubernetes-validations"] ?? []), validation],
      })),
    schema,
  );
}

/** The part of the schema at a place such as `nodePools[].price`; null when there is none. */
export function schemaAt(schema: Structural, at: string): Structural | null {
  let found: Structural | undefined = schema;
  for (const step of stepsOf(at)) found = step === "[]" ? found?.items : found?.properties?.[step];
  return found ?? null;
}

function stepsOf(at: string): readonly string[] {
  return at === "" ? [] : at.replaceAll("[]", ".[]").split(".");
}

function changedAt(
  node: Structural,
  [step, ...rest]: readonly string[],
  at: string,
  change: (node: Structural) => Structural,
): Structural {
  if (step === undefined) return change(node);
  const inner = step === "[]" ? node.items : node.properties?.[step];
  if (inner === undefined) throw new Error(`a rule is for ${at}, and the schema has no ${step} there`);
  const changed = changedAt(inner, rest, at, change);
  return step === "[]"
    ? { ...node, items: changed }
    : { ...node, properties: { ...node.properties, [step]: changed } };
}
