// What the status says of prices, of what failed to launch and of windows of schedules: the decision's figures in the
// status's form, bounded. Pure; a price that nobody knows is left out.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { PolicyFigures } from "../decide/plan.ts";
import type { Rate } from "../money/rate.ts";

const MAX_OFFERINGS = 100;
const MAX_WINDOWS = 20;
/** No date lies after it; an instant may. */
const LAST_DATE_MS = 8.64e15;

type PriceFields = Pick<PolicyStatus["pools"][number], "usdPerHour" | "priceSource">;

export function priceOf(figure: PolicyFigures["pools"][number] | undefined): PriceFields {
  const price = figure?.price ?? null;
  return price === null ? {} : { usdPerHour: price.usdPerHour, priceSource: price.source };
}

/** To the cent: what is smaller changes with every price and nobody reads it. */
export function costOf(rate: Rate | null): Pick<PolicyStatus, "cost"> {
  if (rate === null) return {};
  const { usdPerHour, usdPerMonth, estimatedUsdPerHour, priceAt } = rate;
  return {
    cost: {
      ...(usdPerHour === null ? {} : { usdPerHour: cents(usdPerHour) }),
      ...(usdPerMonth === null ? {} : { usdPerMonthOf720Hours: cents(usdPerMonth) }),
      ...(usdPerHour !== null || estimatedUsdPerHour === null
        ? {}
        : { estimatedUsdPerHour: cents(estimatedUsdPerHour) }),
      ...(priceAt === null ? {} : { priceAt }),
    },
  };
}

function cents(usd: number): number {
  return Math.round(usd * 100) / 100;
}

/** As the decision left them. Failures of which it does not say stay; windows are there or they are not. */
export function marketOf(figures: PolicyFigures | undefined): Pick<PolicyStatus, "offerings" | "schedules"> {
  const { offerings, schedules } = figures ?? {};
  return {
    ...(offerings === undefined
      ? {}
      : {
          offerings: offerings
            .toSorted((a, b) => b.lastAt - a.lastAt || (a.offering < b.offering ? -1 : 1))
            .slice(0, MAX_OFFERINGS)
            .map(({ lastAt, until, ...rest }) => ({
              ...rest,
              lastAt: rfc3339(lastAt),
              until: rfc3339(until),
            })),
        }),
    ...(schedules === undefined
      ? {}
      : {
          schedules: schedules
            .slice(0, MAX_WINDOWS)
            .map(({ name, opens, closes }) => ({ name, opens: rfc3339(opens), closes: rfc3339(closes) })),
        }),
  };
}

function rfc3339(at: EpochMs): string {
  return new Date(Math.min(at, LAST_DATE_MS)).toISOString();
}
