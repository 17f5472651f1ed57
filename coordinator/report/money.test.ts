import { expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { pricedFleet } from "../../test/build/priced-fleet.ts";
import { priceBook } from "../decide/market/price.ts";
import { chargesOf } from "../money/paid.ts";
import { rateOf } from "../money/rate.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";
import { createMoney } from "./money.ts";

function aMoney(charges: typeof chargesOf = chargesOf) {
  const sink = createLogSink();
  const money = createMoney({
    metrics: createMetrics(COORDINATOR_METRICS),
    labels: [],
    chargesOf: (fleet, prices) => charges(fleet, priceBook(prices)),
    leader: () => null,
    clock: createFakeClock(),
    log: sink.log,
  });
  return money;
}

test("a policy's rate is that of the look at this very moment, by the charges that are added up", () => {
  const money = aMoney();
  expect(money.rateOf("demo", NOW)).toBeNull();
  const fleet = pricedFleet({ nodes: 2 });
  money.look(fleet, undefined);
  expect(money.rateOf("demo", NOW)).toEqual(rateOf(chargesOf(fleet, priceBook())));
  expect(money.rateOf("demo", NOW)?.usdPerHour).toBe(2.4);
  expect(money.rateOf("other", NOW)).toBeNull();
  expect(money.rateOf("demo", epochMs(NOW + MINUTE))).toBeNull();
  money.look(pricedFleet({ at: NOW + MINUTE, nodes: 0 }), undefined);
  expect(money.rateOf("demo", epochMs(NOW + MINUTE))?.usdPerHour).toBe(0);
});

test("a look that failed leaves no rate of before", () => {
  let isBroken = false;
  const money = aMoney((...of) => {
    if (isBroken) throw new Error("no");
    return chargesOf(...of);
  });
  money.look(pricedFleet(), undefined);
  isBroken = true;
  money.look(pricedFleet({ at: NOW + MINUTE }), undefined);
  expect(money.rateOf("demo", epochMs(NOW + MINUTE))).toBeNull();
});
