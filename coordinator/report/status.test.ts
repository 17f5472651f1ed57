import { describe, expect, test } from "vitest";

import { policyStatusSchema } from "../../shared/contract/policy/status.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { notice, snapshot } from "../../test/build/snapshot.ts";
import { EMPTY_STATUS } from "../act/moves.ts";
import type { Hold, Plan, PolicyFigures } from "../decide/plan.ts";
import type { NoticeInput, PolicyInput } from "../decide/snapshot.ts";
import type { Charge } from "../money/charge.ts";
import { rateOf } from "../money/rate.ts";
import type { Rate } from "../money/rate.ts";
import type { MoveReport } from "./move-report.ts";
import { nextStatus } from "./status.ts";

const FIGURES: PolicyFigures = {
  policy: "demo",
  pools: [{ pool: "spot", size: 3, ready: 2, booting: 1 }],
  utilization: 0.42,
  pendingPods: 4,
  underutilizedNodes: 1,
  unknownNodes: 0,
  upCooldownMs: { spot: 90 * SECOND },
  downCooldownMs: { spot: 0 },
};

const PAID: Charge = {
  pool: "demo/spot",
  tier: "spot",
  state: "idle",
  nodes: 1,
  usdPerHour: 1,
  onDemandUsdPerHour: null,
};

function hold(because: Hold["because"]): Hold {
  return { policy: "demo", pool: "spot", because };
}

function aPlan(overrides: Partial<Plan> = {}): Plan {
  return {
    at: epochMs(NOW),
    moves: [],
    holds: [hold([{ code: "nothing-to-do" }])],
    unplaced: [],
    figures: [FIGURES],
    ...overrides,
  };
}

function next(
  status: PolicyStatus,
  plan = aPlan(),
  options: {
    readonly policy?: PolicyInput;
    readonly writtenAt?: number | null;
    readonly done?: readonly MoveReport[];
    readonly notices?: readonly NoticeInput[];
    readonly rate?: Rate;
  } = {},
): PolicyStatus {
  const { writtenAt = plan.at } = options;
  return nextStatus(status, {
    policy: options.policy ?? policy(),
    generation: 3,
    plan,
    done: options.done ?? [],
    snapshot: snapshot({
      at: plan.at,
      nodes: [node("n1")],
      notices: options.notices ?? [
        notice("n1", { id: "real", source: "aws" }),
        notice("n1", { id: "drill", source: "drill" }),
      ],
    }),
    writtenAt: writtenAt === null ? null : epochMs(writtenAt),
    ...(options.rate === undefined ? {} : { rate: options.rate }),
  });
}

const condition = (status: PolicyStatus, type: string) =>
  status.conditions.find((candidate) => candidate.type === type);

describe("nextStatus()", () => {
  test("shows sizes, the decision and when cooldowns end, in the form that the schema has", () => {
    const status = next(EMPTY_STATUS);
    expect(policyStatusSchema.safeParse(status).success).toBe(true);
    expect(status).toMatchObject({
      observedGeneration: 3,
      currentNodes: 2,
      desiredNodes: 3,
      spotNodes: 2,
      onDemandNodes: 0,
      averageGPUUtilization: 0.42,
      pendingPods: 4,
    });
    expect(status.pools).toMatchObject([
      {
        name: "spot",
        size: 3,
        ready: 2,
        booting: 1,
        decision: "hold",
        because: [{ code: "nothing-to-do" }],
        upCooldownEndsAt: new Date(NOW + 90_000).toISOString(),
      },
    ]);
    expect(status.pools[0]).not.toHaveProperty("downCooldownEndsAt");
  });

  test("leaves out what is not known instead of writing 0", () => {
    const status = next(
      EMPTY_STATUS,
      aPlan({
        figures: [
          { ...FIGURES, utilization: null, pools: [{ pool: "spot", size: null, ready: 0, booting: 0 }] },
        ],
      }),
    );
    expect(status).not.toHaveProperty("averageGPUUtilization");
    expect(status.pools[0]).not.toHaveProperty("size");
  });

  test("is the same object when the next cycle says the same", () => {
    const first = next(EMPTY_STATUS);
    expect(
      next(
        first,
        aPlan({
          at: epochMs(NOW + 10 * SECOND),
          figures: [{ ...FIGURES, upCooldownMs: { spot: 80 * SECOND } }],
        }),
        { writtenAt: NOW },
      ),
    ).toBe(first);
  });

  test("is the same object when only ages in sentences have moved, until they are half a minute old", () => {
    const waits = (forMs: number) => [
      hold([{ code: "empty-too-short", node: "n1", forMs: millis(forMs), needMs: millis(300_000) }]),
    ];
    const first = next(EMPTY_STATUS, aPlan({ holds: waits(1_000) }));
    const soon = aPlan({
      at: epochMs(NOW + 10 * SECOND),
      holds: waits(11_000),
      figures: [{ ...FIGURES, upCooldownMs: { spot: 80 * SECOND } }],
    });
    expect(next(first, soon, { writtenAt: NOW })).toBe(first);
    const late = aPlan({
      at: epochMs(NOW + 30 * SECOND),
      holds: waits(31_000),
      figures: [{ ...FIGURES, upCooldownMs: { spot: 60 * SECOND } }],
    });
    expect(next(first, late, { writtenAt: NOW })).not.toBe(first);
  });

  test("changes at once when the reason is another one", () => {
    const first = next(EMPTY_STATUS);
    const other = next(first, aPlan({ holds: [hold([{ code: "at-maximum", scope: "pool", maximum: 3 }])] }), {
      writtenAt: NOW,
    });
    expect(other.pools[0]?.because?.map(({ code }) => code)).toEqual(["at-maximum"]);
  });

  test("is the same object when nodes take turns in being busy, or one pod more waits, until half a minute later", () => {
    const busy = { code: "busy", node: "n1", busiest: ratio(0.9), threshold: ratio(0.2) } as const;
    const idle = { code: "idle-too-short", node: "n2", forMs: millis(1), needMs: millis(9) } as const;
    const first = next(EMPTY_STATUS, aPlan({ holds: [hold([busy, idle])] }));
    const turned = { holds: [hold([idle, busy, busy])], figures: [{ ...FIGURES, pendingPods: 5 }] };
    expect(next(first, aPlan(turned), { writtenAt: NOW })).toBe(first);
    expect(next(first, aPlan(turned), { writtenAt: NOW - 30 * SECOND }).pendingPods).toBe(5);
    const none = aPlan({ ...turned, figures: [{ ...FIGURES, pendingPods: 0 }] });
    expect(next(first, none, { writtenAt: NOW }).pendingPods).toBe(0);
  });

  test("passes the journal through untouched", () => {
    const journal = {
      moves: [
        {
          key: "k",
          kind: "grow" as const,
          pool: "spot",
          from: 1,
          to: 2,
          phase: "intended" as const,
          at: "2026-01-01T00:00:00.000Z",
        },
      ],
      additions: [{ at: "2026-01-01T00:00:00.000Z", nodes: 2 }],
    };
    const pools = [
      {
        name: "spot",
        ready: 0,
        booting: 0,
        lastUpAt: "2026-01-01T00:00:00.000Z",
        lastDownAt: "2026-01-01T00:00:00.000Z",
      },
    ];
    const status = next({ ...EMPTY_STATUS, ...journal, pools });
    expect(status).toMatchObject(journal);
    expect(status.pools[0]).toMatchObject({
      lastUpAt: "2026-01-01T00:00:00.000Z",
      lastDownAt: "2026-01-01T00:00:00.000Z",
    });
  });

  test("keeps the term and the leader that the journal's writer put there", () => {
    const led = { ...EMPTY_STATUS, term: 7, leader: "coordinator-1" };
    expect(next(led)).toMatchObject({ term: 7, leader: "coordinator-1" });
    const invalid: PolicyInput = { kind: "invalid", name: "demo", problems: ["no"], pools: ["spot"] };
    expect(next(led, aPlan(), { policy: invalid })).toMatchObject({ term: 7, leader: "coordinator-1" });
  });

  test("names what sizes each pool, and how long its machines took to each stage", () => {
    const stages = [
      { stage: "launched" as const, medianMs: millis(30_400), p90Ms: millis(61_000), machines: 4 },
    ];
    const [figure] = FIGURES.pools;
    const figures = [
      {
        ...FIGURES,
        pools: figure === undefined ? [] : [{ ...figure, backEnd: "simulated" as const, stages }],
      },
    ];
    const status = next(EMPTY_STATUS, aPlan({ figures }));
    expect(status.pools[0]).toMatchObject({
      backEnd: "simulated",
      stages: [{ stage: "launched", medianSeconds: 30, p90Seconds: 61, machines: 4 }],
    });
    expect(policyStatusSchema.parse(status)).toEqual(status);
    expect(next(EMPTY_STATUS).pools[0]).not.toHaveProperty("stages");
  });

  test("dates a condition by its change of status, and keeps conditions of others", () => {
    const theirs = {
      type: "Theirs",
      status: "True" as const,
      reason: "R",
      message: "m",
      lastTransitionTime: "2020-01-01T00:00:00.000Z",
    };
    const first = next({ ...EMPTY_STATUS, conditions: [theirs] });
    const since = condition(first, "Active")?.lastTransitionTime;
    const later = aPlan({ at: epochMs(NOW + MINUTE) });
    const recommends = next(first, later, { policy: policy({ mode: "Recommend" }) });
    expect(condition(recommends, "Active")).toMatchObject({
      status: "False",
      reason: "Recommend",
      lastTransitionTime: new Date(NOW + MINUTE).toISOString(),
    });
    expect(condition(recommends, "Valid")?.lastTransitionTime).toBe(since);
    expect(condition(recommends, "Theirs")).toEqual(theirs);
  });

  test("says what is wrong with an invalid policy and keeps the sizes that were known", () => {
    const first = next(EMPTY_STATUS);
    const invalid = next(
      first,
      aPlan({ figures: [], holds: [hold([{ code: "policy-invalid", problems: ["spec.maxNodes: 0"] }])] }),
      {
        policy: {
          kind: "invalid",
          name: "demo",
          problems: ["spec.maxNodes: 0 is too small"],
          pools: ["spot"],
        },
      },
    );
    expect(condition(invalid, "Valid")).toMatchObject({
      status: "False",
      message: "spec.maxNodes: 0 is too small",
    });
    expect(invalid.pools).toMatchObject([{ size: 3, ready: 2, because: [{ code: "policy-invalid" }] }]);
  });

  test("names pools without a group and groups that are missing", () => {
    const input = policy({
      pools: [
        pool("spot", { group: { kind: "none" } }),
        pool("od", { group: { kind: "missing", detail: "no such object" } }),
      ],
    });
    expect(condition(next(EMPTY_STATUS, aPlan(), { policy: input }), "NoGroup")).toMatchObject({
      status: "True",
      message: "nodePools without group: spot; od: no such object",
    });
  });

  test("counts real interruptions of the policy's own nodes once, and drills never", () => {
    const owner = policy({
      pools: [pool("spot", { size: 1, instances: [{ id: "m1", node: "n1", state: "ready" }] })],
    });
    const first = next(EMPTY_STATUS, aPlan(), { policy: owner });
    expect(first.interruptions.map(({ id }) => id)).toEqual(["real"]);
    expect(next(first, aPlan(), { policy: owner, writtenAt: NOW - MINUTE }).spotInterruptions).toBe(1);
  });

  test("keeps what pods saved beyond their notice, and counts no hint", () => {
    const owner = policy({
      pools: [pool("spot", { size: 1, instances: [{ id: "m1", node: "n1", state: "ready" }] })],
    });
    const saved = { pod: "ml/a", step: 7, uri: "s3://b/7" };
    const notices = [
      notice("n1", { id: "real", checkpoints: [{ ...saved, result: "saved", tookMs: 3 }] }),
      notice("n1", { id: "hint", kind: "rebalance" }),
    ];
    const first = next(EMPTY_STATUS, aPlan(), { policy: owner, notices });
    expect(first.interruptions).toMatchObject([{ id: "real", node: "n1", saved: [saved] }]);
    const later = next(first, aPlan(), { policy: owner, notices: [], writtenAt: NOW - MINUTE });
    expect(later.interruptions).toMatchObject([{ id: "real", saved: [saved] }]);
  });

  test("rounds the measured rate, and leaves out one that nobody knows", () => {
    const rated = aPlan({
      figures: aPlan().figures.map((figures) => ({
        ...figures,
        pools: figures.pools.map((figure) => ({
          ...figure,
          interruptions: { interruptions: 1, nodeDays: 3 },
        })),
      })),
    });
    expect(next(EMPTY_STATUS, rated).pools[0]?.interruptionsPerNodeDay).toBe(0.33);
    expect(next(EMPTY_STATUS, aPlan()).pools[0]).not.toHaveProperty("interruptionsPerNodeDay");
  });

  test("calls an action only what was carried out", () => {
    const move = {
      kind: "grow" as const,
      key: "k",
      policy: "demo",
      pool: "spot",
      from: 1,
      to: 3,
      because: [{ code: "below-minimum" as const, scope: "pool" as const, size: 1, minimum: 3 }],
      pods: [],
    };
    const plan = aPlan({ moves: [move], holds: [] });
    const report = (kind: "applied" | "failed"): MoveReport => ({
      policy: "demo",
      move: { ...move, to: 2 },
      outcome: { kind },
      ms: millis(5),
    });
    expect(next(EMPTY_STATUS, plan, { done: [report("failed")] })).not.toHaveProperty("lastScalingAction");
    expect(next(EMPTY_STATUS, plan, { done: [report("applied")] })).toMatchObject({
      lastScalingAction: "grow spot from 1 to 2",
      lastScalingReason: expect.stringContaining("3") as string,
    });
  });

  test("shows what a node costs, what failed to launch and which windows come, and keeps the latest of many", () => {
    const offerings = Array.from({ length: 120 }, (_, index) => ({
      offering: `type-${index}|zone-a|spot`,
      kind: "no-capacity" as const,
      failures: 2,
      lastAt: epochMs(NOW - index * MINUTE),
      until: epochMs(NOW + MINUTE),
      detail: "none left",
    }));
    const schedules = [{ name: "day", opens: epochMs(NOW), closes: epochMs(NOW + MINUTE) }];
    const price = { usdPerHour: 3.06, source: "policy", at: null };
    const pools = FIGURES.pools.map((figure) => ({ ...figure, price }));
    const told = next(EMPTY_STATUS, aPlan({ figures: [{ ...FIGURES, pools, offerings, schedules }] }));
    expect(told.pools).toMatchObject([{ usdPerHour: 3.06, priceSource: "policy" }]);
    expect(told.offerings).toHaveLength(100);
    expect(told.offerings?.[0]).toEqual({
      offering: "type-0|zone-a|spot",
      kind: "no-capacity",
      failures: 2,
      lastAt: new Date(NOW).toISOString(),
      until: new Date(NOW + MINUTE).toISOString(),
      detail: "none left",
    });
    expect(told.schedules).toEqual([
      { name: "day", opens: new Date(NOW).toISOString(), closes: new Date(NOW + MINUTE).toISOString() },
    ]);
    expect(policyStatusSchema.parse(told)).toEqual(told);
  });

  test("says what all nodes cost, to the cent; without numbers where a price is not known, nothing where nobody counted", () => {
    const costOf = (...charges: readonly Partial<Charge>[]) =>
      next(EMPTY_STATUS, aPlan(), { rate: rateOf(charges.map((charge) => ({ ...PAID, ...charge }))) }).cost;
    expect(costOf({ usdPerHour: 4.2449 })).toEqual({ usdPerHour: 4.24, usdPerMonthOf720Hours: 3056.33 });
    expect(costOf({}, { usdPerHour: null })).toEqual({});
    expect(costOf()).toEqual({ usdPerHour: 0, usdPerMonthOf720Hours: 0 });
    expect(next(EMPTY_STATUS).cost).toBeUndefined();
    expect(next({ ...EMPTY_STATUS, cost: { usdPerHour: 7 } }).cost).toBeUndefined();
  });

  test("says an estimate apart from a cost, and how old the oldest price is", () => {
    const [older, newer] = [epochMs(NOW - MINUTE), epochMs(NOW)];
    const known = rateOf([
      { ...PAID, pricedAt: newer },
      { ...PAID, pricedAt: older },
    ]);
    const priceAt = new Date(older).toISOString();
    const told = next(EMPTY_STATUS, aPlan(), { rate: known });
    expect(told.cost).toEqual({ usdPerHour: 2, usdPerMonthOf720Hours: 1440, priceAt });
    const guess = { ...PAID, usdPerHour: null, estimatedUsdPerHour: 0.5 };
    const partly = rateOf([{ ...PAID, pricedAt: older }, guess]);
    expect(next(EMPTY_STATUS, aPlan(), { rate: partly }).cost).toEqual({ estimatedUsdPerHour: 1.5, priceAt });
    // A price that was only read again is no news at once.
    const again = rateOf([
      { ...PAID, pricedAt: newer },
      { ...PAID, pricedAt: newer },
    ]);
    expect(next(told, aPlan(), { rate: again })).toBe(told);
    expect(next(told, aPlan(), { rate: again, writtenAt: NOW - MINUTE }).cost?.priceAt).toBe(
      new Date(newer).toISOString(),
    );
    expect(policyStatusSchema.parse(told)).toEqual(told);
  });

  test("leaves failures that stand where the decision says nothing of them, and no price that is not known", () => {
    const offerings = [
      { offering: "a|b|spot", kind: "quota" as const, failures: 1, lastAt: "then", until: "later" },
    ];
    const schedules = [{ name: "gone", opens: "then", closes: "later" }];
    const told = next({ ...EMPTY_STATUS, offerings, schedules });
    expect(told.offerings).toEqual(offerings);
    expect(told).not.toHaveProperty("schedules");
    expect(told.pools[0]).not.toHaveProperty("usdPerHour");
  });

  test("stays bounded when a pool has many reasons", () => {
    const many = Array.from({ length: 40 }, (_, i) => ({
      code: "busy" as const,
      node: `n${i}`,
      busiest: ratio(0.9),
      threshold: ratio(0.2),
    }));
    const because = next(EMPTY_STATUS, aPlan({ holds: [hold(many)] })).pools[0]?.because ?? [];
    expect(because).toHaveLength(12);
    expect(because.at(-1)).toEqual({ code: "more", sentence: "29 more reasons" });
    const [figure] = FIGURES.pools;
    if (figure === undefined) throw new Error("the figures have no pool");
    const crowd = Array.from({ length: 100 }, (_, i) => (i === 0 ? figure : { ...figure, pool: `p${i}` }));
    const crowded = aPlan({ holds: [hold(many)], figures: [{ ...FIGURES, pools: crowd }] });
    expect(next(EMPTY_STATUS, crowded).pools[0]?.because).toHaveLength(3);
  });

  test("stays bounded when a reason quotes somebody who had much to say", () => {
    const told = next(
      EMPTY_STATUS,
      aPlan({ holds: [hold([{ code: "group-missing", detail: "x".repeat(9_000) }])] }),
    );
    const [reason] = told.pools[0]?.because ?? [];
    expect(reason?.sentence).toHaveLength(1_000);
    expect(reason?.sentence).toMatch(/^the pool's group does not exist: x+…$/);
  });
});
