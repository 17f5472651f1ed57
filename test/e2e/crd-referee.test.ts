// The parser and the API server read the same specs and have to agree, since the definition is a translation: of each
// field at and beyond its bounds, and of random specs near the rules across fields. What they differ on is listed.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { scheduleProblems } from "../../coordinator/decide/limits/schedule-check.ts";
import { policyDefinition } from "../../deploy/crd/crd.ts";
import type { Structural } from "../../deploy/crd/structural.ts";
import { parsePolicy } from "../../shared/contract/policy.ts";
import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { FULL_POLICY } from "../build/full-policy.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { answerTo, installPolicies } from "../control-plane/policy-answers.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = await whyNoControlPlane();
const SEED = 20_261_126;
const RANDOM_SPECS = 400;
/** Requests that are under way at one time. */
const TOGETHER = 8;

const SPEC = policyDefinition().spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"] ?? {};

type Keys = readonly (string | number)[];
const GONE = Symbol("left out");

/** Every place of a value, with the schema of what stands there. */
function* places(
  value: unknown,
  schema: Structural,
  keys: Keys = [],
): Generator<readonly [Keys, Structural]> {
  if (keys.length > 0) yield [keys, schema];
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* places(item, schema.items ?? {}, [...keys, index]);
  else if (typeof value === "object" && value !== null)
    for (const [name, inner] of Object.entries(value))
      yield* places(inner, schema.properties?.[name] ?? schema.additionalProperties ?? {}, [...keys, name]);
}

/** Every field that the schema has, by its path. */
function fieldsOf({ properties, items }: Structural, path = ""): readonly string[] {
  if (items !== undefined) return fieldsOf(items, `${path}[]`);
  if (properties === undefined) return [path];
  return Object.entries(properties).flatMap(([name, inner]) =>
    fieldsOf(inner, path === "" ? name : `${path}.${name}`),
  );
}

/** What is tried at a place: what is just allowed, what is just not, what is of another type, and nothing. */
function trials(schema: Structural): readonly unknown[] {
  const { type, minimum, maximum, minLength, maxLength, minItems } = schema;
  const step = type === "integer" ? 1 : 0.125;
  const bounds = [minimum, maximum].flatMap((bound) =>
    bound === undefined ? [] : [bound - step, bound, bound + step],
  );
  // A whole number is one for both; a fraction of a quantity the server wants in quotes.
  if (schema["x-kubernetes-int-or-string"] === true) return [GONE, -1, 0, 7, "7", "10%", "1Gi", "x", true];
  switch (type) {
    case "integer":
      return [GONE, ...bounds, 1.5, "1", true];
    case "number":
      return [GONE, ...bounds, "1", false];
    case "boolean":
      return [GONE, "true", 0];
    case "array":
      return [GONE, {}, "x", ...(minItems === undefined ? [] : [[]])];
    case "object":
      return [GONE, [], "x", { strange: true }];
    default:
      return [
        GONE,
        5,
        "",
        "x",
        ...(minLength === undefined ? [] : ["x".repeat(minLength)]),
        ...(maxLength === undefined ? [] : ["x".repeat(maxLength), "x".repeat(maxLength + 1)]),
      ];
  }
}

function withValue(at: unknown, [key, ...rest]: Keys, value: unknown): unknown {
  if (key === undefined) return value;
  const entries = Array.isArray(at)
    ? [...(at as readonly unknown[])]
    : { ...(at as Record<string, unknown>) };
  const inner: unknown = Reflect.get(entries, key);
  if (rest.length === 0 && value === GONE) {
    if (Array.isArray(entries)) entries.splice(Number(key), 1);
    else Reflect.deleteProperty(entries, key);
  } else Reflect.set(entries, key, withValue(inner, rest, value));
  return entries;
}

/** Whether our own code acts by it. */
function isRead(spec: unknown): boolean {
  const parsed = parsePolicy(spec);
  return parsed.kind === "valid" && scheduleProblems(parsed.spec).length === 0;
}

describe.skipIf(missing !== null)("the parser and a real API server", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await installPolicies(plane);
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  /** Those on which they differ, and how many each of them takes. */
  async function compare(specs: readonly (readonly [string, unknown])[]) {
    const differ: string[] = [];
    let taken = 0;
    const next = specs.values();
    await Promise.all(
      Array.from({ length: TOGETHER }, async () => {
        for (const [what, spec] of next) {
          const answer = await answerTo(plane, spec);
          if (answer.taken) taken++;
          if (answer.taken === isRead(spec)) continue;
          const problems = parsePolicy(spec);
          differ.push(
            `${what}: the server ${answer.taken ? "takes" : "refuses"} it; ${JSON.stringify([answer.causes, problems.kind === "invalid" ? problems.problems : "valid"])}`,
          );
        }
      }),
    );
    return { differ, taken };
  }

  test("agree on every field at its bounds and beyond", async () => {
    const found = [...places(FULL_POLICY, SPEC)];
    const tried = new Set(
      found.map(([keys]) =>
        keys
          .map((key) => (typeof key === "number" ? "[]" : `.${key}`))
          .join("")
          .slice(1),
      ),
    );
    // A map has no fields of its own; a field without a value in the full policy would not be tried.
    expect(fieldsOf(SPEC).filter((field) => !tried.has(field))).toEqual([]);
    const specs = found.flatMap(([keys, schema]) =>
      trials(schema).map(
        (value) => [`${keys.join(".")} = ${String(value)}`, withValue(FULL_POLICY, keys, value)] as const,
      ),
    );
    const { differ, taken } = await compare(specs);
    expect(differ).toEqual([]);
    expect(taken).toBeGreaterThan(150);
    expect(specs.length - taken).toBeGreaterThan(300);
  });

  // Each with what stands in its place where they agree.
  test.each([
    ["a fraction in a quantity", ["nodePools", 0, "template", "allocatable", "cpu"], 3.5, "3.5", "parser"],
    ["a zone in small letters", ["schedules", 0, "timeZone"], "europe/vienna", "Europe/Vienna", "parser"],
    [
      "blanks around an instant",
      ["schedules", 0, "from"],
      " 2026-01-01T00:00:00Z",
      "2026-01-01T00:00:00Z",
      "parser",
    ],
    [
      "a URL's scheme in capitals",
      ["nodePools", 3, "group", "simulated", "url"],
      "HTTP://a.example",
      "http://a.example",
      "parser",
    ],
    ["nothing for a default", ["minNodes"], null, 0, "server"],
    ["an hour that no day has", ["schedules", 0, "start"], "0 25 * * *", "0 23 * * *", "server"],
    ["a day that no year has", ["schedules", 0, "start"], "0 8 30 2 *", "0 8 28 2 *", "server"],
  ])("differ on %s", async (_what, keys, odd, even, taker) => {
    const spec = withValue(FULL_POLICY, keys, odd);
    expect((await answerTo(plane, spec)).taken).toBe(taker === "server");
    expect(isRead(spec)).toBe(taker === "parser");
    const agreed = withValue(FULL_POLICY, keys, even);
    expect([(await answerTo(plane, agreed)).taken, isRead(agreed)]).toEqual([true, true]);
  });

  test(`agree on random specs near the rules across fields (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    const specs = Array.from({ length: RANDOM_SPECS }, () => randomSpec(random)).map(
      (spec) => [JSON.stringify(spec), spec] as const,
    );
    const { differ, taken } = await compare(specs);
    expect(differ).toEqual([]);
    expect(taken).toBeGreaterThan(RANDOM_SPECS / 10);
    expect(RANDOM_SPECS - taken).toBeGreaterThan(RANDOM_SPECS / 10);
  });
});

/** Mostly sound: each of its parts is the odd one in a few of a hundred. */
function randomSpec(random: Random): object {
  const isOdd = (): boolean => random() < 0.05;
  const oneOf = <T>(values: readonly T[]): T | undefined => values[Math.floor(random() * values.length)];
  const some = <T>(value: () => T): { readonly value?: T } => (random() < 0.4 ? { value: value() } : {});
  const share = (): number => Math.round(random() * 10) / 10;
  const size = (): number => Math.floor(random() * 4);
  const spot = share();
  const names = ["a", "b", "c", "d"].slice(0, size() + 1);
  const group = (): object => ({
    ...(random() < 0.6
      ? {
          scale: {
            apiVersion: isOdd() ? "v1" : "karpenter.sh/v1",
            kind: "NodePool",
            name: "x",
            manageLimits: random() < 0.5,
          },
        }
      : {}),
    ...(isOdd() ? { simulated: { url: "http://a.example", name: "x" } } : {}),
    ...(isOdd()
      ? {
          aws: {
            region: "us-west-2",
            ...named(
              "autoScalingGroup",
              some(() => "g"),
            ),
            ...named(
              "tags",
              some(() => (isOdd() ? {} : { a: "b" })),
            ),
          },
        }
      : {}),
  });
  const pool = (name: string): object => {
    const capacityType = oneOf(["spot", "on-demand", "reserved"]);
    return {
      name: isOdd() ? "a" : name,
      capacityType,
      minSize: size(),
      maxSize: isOdd() ? 1 : 3 + size(),
      ...named(
        "spotPercentage",
        some(() => (capacityType === "spot" || isOdd() ? share() : 0)),
      ),
      ...named(
        "price",
        some(() => ({
          ...named(
            "usdPerHour",
            some(() => 2 + share()),
          ),
          ...named(
            "maxPricePerHour",
            some(() => (isOdd() ? 1 : 3)),
          ),
        })),
      ),
      ...named("group", some(group)),
    };
  };
  const schedule = (index: number): object => ({
    name: isOdd() ? "s0" : `s${index}`,
    timeZone: isOdd() ? "Europe/Wien" : oneOf(["UTC", "Europe/Vienna", "America/New_York"]),
    start: isOdd() ? "0 8 *" : "0 8 * * 1-5",
    ...(random() < 0.5 !== isOdd()
      ? { end: isOdd() ? "0 8 * * 1-5" : "0 18 * * 1-5" }
      : { durationSeconds: 600 }),
    ...(isOdd() ? { durationSeconds: 700 } : {}),
    pools: names.filter(() => random() < 0.3).concat(isOdd() ? ["strange"] : []),
    minNodes: size(),
    ...named(
      "maxNodes",
      some(() => (isOdd() ? 0 : 4)),
    ),
    ...named(
      "targetUtilization",
      some(() => (isOdd() ? 0.1 : 0.6)),
    ),
    ...named(
      "from",
      some(() => `2026-0${1 + size()}-01T00:00:00Z`),
    ),
    ...named(
      "until",
      some(() => (isOdd() ? "2025-12-31T00:00:00Z" : "2026-05-01T00:00:00+01:00")),
    ),
  });
  const entries = <T>(make: (index: number) => T): readonly T[] =>
    Array.from({ length: size() }, (_, index) => make(index));
  return {
    provider: "custom",
    scaleDownThreshold: isOdd() ? 0.9 : 0.2,
    ...named(
      "scaleUpThreshold",
      some(() => (isOdd() ? 0.2 : 0.8)),
    ),
    minNodes: isOdd() ? 101 : size(),
    spotInstancePercentage: spot,
    ...named(
      "onDemandPercentage",
      some(() => (isOdd() ? share() : 1 - spot)),
    ),
    ...named(
      "reservedPercentage",
      some(() => (isOdd() ? share() : oneOf([0, 0.001, 0.0011]))),
    ),
    nodePools: names.map(pool),
    schedules: entries(schedule),
    headroom: entries((index) => ({ name: isOdd() ? "h0" : `h${index}`, gpus: size() })),
    disruption: {
      budgets: entries(() => ({
        nodes: oneOf([0, 3, "0%", "100%"]),
        ...(random() < 0.3 ? { schedule: "0 8 * * *", durationSeconds: 60 } : {}),
        ...(isOdd() ? { durationSeconds: 60 } : {}),
        ...named(
          "timeZone",
          some(() => (isOdd() ? "Nowhere" : "Europe/Vienna")),
        ),
      })),
    },
  };
}

function named<T>(name: string, { value }: { readonly value?: T }): object {
  return value === undefined ? {} : { [name]: value };
}
