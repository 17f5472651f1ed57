import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { HOUR, NOW } from "../../test/build/now.ts";
import { pricedFleet, spendingBy } from "../../test/build/priced-fleet.ts";
import type { PricedFleetOptions } from "../../test/build/priced-fleet.ts";
import { COST_PAGE, createCostPage } from "../report/cost-page.ts";
import type { CostAnswer } from "../report/cost-page.ts";
import { readCommand } from "./arguments.ts";
import { cost } from "./cost.ts";
import type { CostOptions } from "./cost.ts";

const LABEL = "team";

/** The page of a coordinator that has looked for an hour. */
function pageOf(fleet: PricedFleetOptions, hours = 1) {
  const spending = spendingBy([LABEL]);
  for (let at = NOW; at <= NOW + hours * HOUR; at = epochMs(at + 60_000))
    spending.look(pricedFleet({ ...fleet, at }), undefined);
  const page = createCostPage({ spending, labels: [LABEL], leader: () => "other_1" })[COST_PAGE]();
  return page;
}

async function ask(options: Partial<CostOptions> = {}, fleet: PricedFleetOptions = { nodes: 2, held: 4 }) {
  const { body } = pageOf(fleet);
  const read = async (): Promise<unknown> => await Promise.resolve(JSON.parse(body as string));
  return await cost({ by: undefined, month: undefined, form: "text", ...options }, read);
}

describe("gpuasctl cost", () => {
  test("says what it costs now, what a month would, what was spent and saved, and by what", async () => {
    expect(await ask()).toMatchInlineSnapshot(`
      "Now (2026-01-15T13:00:00.000Z): 2.40 USD an hour for 2 nodes
      A month of 720 h at this rate: 1728.00 USD
      Saved against the on-demand price of the same nodes: 3.72 USD an hour (61 %)
      Spent in 2026-01 (UTC): 2.40 USD; saved against the on-demand price of the same hours: 3.72 USD (61 %)
      Counted since 2026-01-15T12:00:00.000Z

      By pool
        name       nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        demo/spot  2          2.40       2.40       2           0                 3.72

      By tier
        name  nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        spot  2          2.40       2.40       2           0                 3.72

      By state
        name       nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        idle       1.5        1.80       1.80       1.5         0                 2.79
        allocated  0.5        0.60       0.60       0.5         0                 0.93

      By namespace
        name      nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        (nobody)  1.5        1.80       1.80       1.5         0                 2.79
        default   0.5        0.60       0.60       0.5         0                 0.93

      By label team
        name      nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        (nobody)  1.5        1.80       1.80       1.5         0                 2.79
        (none)    0.5        0.60       0.60       0.5         0                 0.93"
    `);
  });

  test("one table alone", async () => {
    const text = await ask({ by: "namespace" });
    expect(text).toMatch(/By namespace/);
    expect(text).not.toMatch(/By pool/);
    expect(await ask({ by: LABEL })).toMatch(/By label team\n.*\n {2}\(nobody\) .*\n {2}\(none\) /);
  });

  test("an unknown price is said at every number that it touches, and is nowhere zero", async () => {
    const text = await ask({ by: "pool" }, { nodes: 2, usdPerHour: null });
    expect(text).toMatchInlineSnapshot(`
      "Now (2026-01-15T13:00:00.000Z): unknown: nobody knows the price of any of 2 nodes
      Saved against on demand: unknown, since a price of some nodes is not known
      Spent in 2026-01 (UTC): unknown, since nobody knows the price of any of 2 node-hours
      Counted since 2026-01-15T12:00:00.000Z

      By pool
        name       nodes now  USD/h now  spent USD  node-hours  of unknown price  saved USD
        demo/spot  2          unknown    unknown    2           2"
    `);
  });

  test("an estimate stands apart from every sum, and the oldest price has its date", async () => {
    const { body } = pageOf({ usdPerHour: null });
    const answer = JSON.parse(body as string) as CostAnswer;
    const rate = { ...answer.rate, estimatedUsdPerHour: 0.9, priceAt: "2026-01-15T12:55:00.000Z" };
    const textOf = async (of: unknown): Promise<string> =>
      await cost(
        { by: "tier", month: undefined, form: "text" },
        async () => await Promise.resolve({ ...answer, rate: of }),
      );
    expect(await textOf(rate)).toMatch(
      /unknown: nobody knows.*\nWith the catalogue's estimates it would be 0\.90 USD an hour; no sum here counts them\nOldest price that counts: of 2026-01-15T12:55:00\.000Z\nSaved/,
    );
    const { estimatedUsdPerHour: _none, priceAt: _age, ...older } = rate;
    expect(await textOf(older)).not.toMatch(/estimates|Oldest|undefined/);
  });

  test("a moment of unknown price is not shown as none", async () => {
    const { body } = pageOf({});
    const answer = JSON.parse(body as string) as CostAnswer;
    const months = Object.fromEntries(
      Object.entries(answer.months).map(([month, ledger]) => {
        const total = { ...ledger.total, unknownNodeHours: 0.001 };
        return [month, { ...ledger, total }];
      }),
    );
    const read = async (): Promise<unknown> => await Promise.resolve({ ...answer, months });
    const text = await cost({ by: "tier", month: undefined, form: "text" }, read);
    expect(text).toMatch(/Spent in 2026-01 \(UTC\): 1\.20 USD, and under 0\.01 node-hours of unknown price;/);
  });

  test("CSV has a line for each cell, and leaves empty what is not known", async () => {
    expect(await ask({ form: "csv", by: "state" })).toMatchInlineSnapshot(`
      "month,by,name,usd_of_known_price,node_hours,unknown_price_node_hours,on_demand_usd,on_demand_unknown_node_hours,saved_usd
      2026-01,,total,2.4000,2.0000,0.0000,6.1200,0.0000,3.7200
      2026-01,state,allocated,0.6000,0.5000,0.0000,1.5300,0.0000,0.9300
      2026-01,state,idle,1.8000,1.5000,0.0000,4.5900,0.0000,2.7900"
    `);
    expect(await ask({ form: "csv", by: "tier" }, { usdPerHour: null })).toMatchInlineSnapshot(`
      "month,by,name,usd_of_known_price,node_hours,unknown_price_node_hours,on_demand_usd,on_demand_unknown_node_hours,saved_usd
      2026-01,,total,,1.0000,1.0000,,1.0000,
      2026-01,tier,spot,,1.0000,1.0000,,1.0000,"
    `);
  });

  test("JSON is the page itself", async () => {
    const answer = JSON.parse(await ask({ form: "json" })) as Record<string, unknown>;
    expect(answer).toMatchObject({ hoursPerMonth: 720, unobservedSeconds: 0, rate: { nodes: 2 } });
    expect(Object.keys(answer["months"] as object)).toEqual(["2026-01"]);
  });

  test.each<readonly [Partial<CostOptions>, RegExp]>([
    [{ by: "color" }, /--by color: money is told by pool, tier, state, namespace, team; .*costLabels/],
    [{ month: "2025-12" }, /--month 2025-12: counted are 2026-01/],
  ])("refuses %j with what there is", async (options, words) => {
    await expect(ask(options)).rejects.toMatchObject({ kind: "settings", message: words });
  });

  test("a replica that does not lead has counted nothing and says who does", () => {
    const spending = spendingBy();
    const page = createCostPage({ spending, labels: [], leader: () => "other_1" })[COST_PAGE]();
    expect(page).toMatchObject({ status: 503, body: expect.stringMatching(/other_1 leads/) as unknown });
  });
});

describe("what people type", () => {
  test("cost with its options", () => {
    expect(readCommand(["cost", "--by", "team", "--month", "2026-11", "-o", "csv"])).toMatchObject({
      word: "cost",
      by: "team",
      month: "2026-11",
      form: "csv",
    });
    expect(readCommand(["cost", "--json"])).toMatchObject({ form: "json" });
    expect(readCommand(["cost"])).toMatchObject({ form: "text" });
  });

  test.each([
    [["cost", "gpus"], /cost takes no name/],
    [["cost", "--month", "november"], /--month takes a month such as 2026-11, got november/],
    [["status", "-o", "csv"], /--output csv is not known/],
  ])("%j is refused", (argv, words) => expect(() => readCommand(argv)).toThrow(words));
});
