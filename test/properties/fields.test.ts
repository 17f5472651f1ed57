// A field of the policy that changes no decision is a promise that nobody keeps (F13). For each leaf of the schema there
// is a fleet in which two values of that field alone give two decisions; a field without a case fails here, so that
// nobody adds one that is declared and never read.

import { describe, expect, test } from "vitest";
import * as z from "zod";

import { decide } from "../../coordinator/decide/decide.ts";
import type { Plan } from "../../coordinator/decide/plan.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { createForecastFeed } from "../../coordinator/forecast/feed.ts";
import { parsePolicy, policySpecSchema } from "../../shared/contract/policy.ts";
import { epochMs } from "../../shared/model/units.ts";
import { policy } from "../build/policy.ts";
import { freeze, snapshot } from "../build/snapshot.ts";
import type { FieldCase } from "./fields/case.ts";
import { FORECAST_CASES } from "./fields/forecasts.ts";
import { POOL_CASES } from "./fields/pools.ts";
import { RULE_CASES } from "./fields/rules.ts";
import { WINDOW_CASES } from "./fields/windows.ts";

const CASES: Readonly<Record<string, FieldCase>> = {
  ...RULE_CASES,
  ...WINDOW_CASES,
  ...POOL_CASES,
  ...FORECAST_CASES,
};

/** Every field that holds a value, as `schedules[].start`; records and unions are one value. */
function leavesOf(schema: z.ZodType, path = ""): readonly string[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault)
    return leavesOf(schema.unwrap() as z.ZodType, path);
  if (schema instanceof z.ZodArray) return leavesOf(schema.element as z.ZodType, `${path}[]`);
  if (!(schema instanceof z.ZodObject)) return [path];
  return Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([key, inner]) =>
    leavesOf(inner, path === "" ? key : `${path}.${key}`),
  );
}

const FIELDS = leavesOf(policySpecSchema);

/** `[]` is the first of a list. */
function keysOf(field: string): readonly (string | number)[] {
  return field
    .replaceAll("[]", ".0")
    .split(".")
    .map((key) => (key === "0" ? 0 : key));
}

function withValue(at: unknown, [key, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (key === undefined) return value;
  if (Array.isArray(at))
    return at.map((item: unknown, index) => (index === key ? withValue(item, rest, value) : item));
  const { [key]: before, ...others } = (at ?? {}) as Record<string | number, unknown>;
  const after = withValue(before, rest, value);
  return after === undefined ? others : { ...others, [key]: after };
}

function snapshotWith(
  field: string,
  { policy: options = {}, fleet = {}, past }: FieldCase,
  value: unknown,
): Snapshot {
  const built = policy(options);
  const parsed = parsePolicy(withValue(built.spec, keysOf(field), value));
  expect(parsed).toMatchObject({ kind: "valid" });
  const spec = parsed.kind === "valid" ? parsed.spec : built.spec;
  const pools = spec.nodePools.map(({ name }, index) => ({
    ...(built.pools[index] ?? { group: { kind: "none" as const }, instances: [] }),
    name,
  }));
  const seen = snapshot({ ...fleet, policies: [{ ...built, spec, pools }, ...(fleet.policies ?? [])] });
  return past === undefined ? seen : forecasted(seen, built.name, past);
}

const BIN_MS = 300_000;
const PAST_MS = 15 * 24 * 60 * 60_000;

function forecasted(seen: Snapshot, name: string, past: (at: number) => number): Snapshot {
  const feed = createForecastFeed();
  const bins = Array.from({ length: PAST_MS / BIN_MS }, (_, index) => {
    const at = epochMs(seen.at - PAST_MS + index * BIN_MS);
    return { at, gpus: past(at) };
  });
  feed.teach(name, null, bins);
  feed.look(seen);
  const forecast = feed.inputOf(name);
  const policies = seen.policies.map((one) =>
    one.kind === "valid" && one.name === name && forecast !== undefined ? { ...one, forecast } : one,
  );
  return freeze({ ...seen, policies });
}

/** The plan after as many decisions as the case takes. */
function planOf(input: Snapshot, decisions = 1): Plan {
  const { plan, memory } = decide(input);
  return decisions > 1 ? planOf(freeze({ ...input, memory }), decisions - 1) : plan;
}

/** What is done, without what is said of it. */
function doings({ moves, unplaced, caps = [] }: Plan): unknown {
  return {
    caps,
    moves: moves.map((move) => [
      move.kind,
      move.policy,
      move.pool,
      move.from,
      move.to,
      move.kind === "grow" ? "" : move.node,
    ]),
    unplaced: unplaced.map(({ pod }) => pod),
  };
}

describe("each field of the policy changes a decision (F13)", () => {
  test.each(FIELDS)("%s", (field) => {
    const found = CASES[field];
    if (found === undefined) throw new Error(`no case in test/properties/fields shows what ${field} is for`);
    const [one, other] = found.values.map((value) =>
      planOf(snapshotWith(field, found, value), found.decisions),
    );
    if (one === undefined || other === undefined) throw new Error("a case has two values");
    if (found.changes === "reasons") {
      expect(doings(one)).toEqual(doings(other));
      expect(reasons(one)).not.toEqual(reasons(other));
    } else expect(doings(one)).not.toEqual(doings(other));
  });

  test("and each case is of a field that there is", () => {
    expect(Object.keys(CASES).filter((field) => !FIELDS.includes(field))).toEqual([]);
  });
});

function reasons({ moves, holds, unplaced }: Plan): unknown {
  return [...moves, ...holds, ...unplaced].map(({ because }) => because);
}
