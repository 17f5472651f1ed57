// What spot machines cost now in a region of AWS, by its own price history: the last price of each type and zone. A row
// that cannot be read is left out, so that its price stays unknown. How often it is asked is observe/prices.ts's business.

import { parseInstant } from "../../../shared/model/instant.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { PricePoint } from "../../decide/snapshot.ts";
import type { CallOptions } from "../group.ts";
import type { Ec2Calls } from "./calls.ts";

/** In status and metrics. */
export const SPOT_PRICE_SOURCE = "aws spot price history";
/** In six zones they are one page; AWS takes twice as many in a call. */
const TYPES_MAX = 100;
const PAGES_MAX = 20;

/** @throws AppError of the call, or `malformed` when no row of an answer can be read or its pages have no end. */
export async function spotPricesOf(
  calls: Ec2Calls,
  about: { readonly region: string; readonly instanceTypes: readonly string[]; readonly at: EpochMs },
  options: CallOptions,
): Promise<readonly PricePoint[]> {
  const { instanceTypes } = about;
  const points: PricePoint[] = [];
  for (let from = 0; from < instanceTypes.length; from += TYPES_MAX) {
    const some = instanceTypes.slice(from, from + TYPES_MAX);
    points.push(...(await pagesOf(calls, { ...about, instanceTypes: some }, options)));
  }
  return points;
}

async function pagesOf(
  calls: Ec2Calls,
  { region, instanceTypes, at }: Parameters<typeof spotPricesOf>[1],
  options: CallOptions,
): Promise<readonly PricePoint[]> {
  const now = new Date(at).toISOString();
  const newest = new Map<string, { readonly begun: EpochMs; readonly point: PricePoint }>();
  let rows = 0;
  let token: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const more = token === undefined ? {} : { nextToken: token };
    const { output } = await calls.DescribeSpotPriceHistory(
      { instanceTypes, from: now, to: now, ...more },
      options,
    );
    for (const row of output.prices) {
      rows++;
      const price = priceIn(row);
      if (price === null) continue;
      const { zone, instanceType, usdPerHour, begun } = price;
      const key = `${zone} ${instanceType}`;
      if ((newest.get(key)?.begun ?? -1) >= begun) continue;
      // It held when it was asked for, however long ago it was set.
      const point = { usdPerHour, source: SPOT_PRICE_SOURCE, at };
      newest.set(key, {
        begun,
        point: { provider: "aws", region, zone, instanceType, tier: "spot", ...point },
      });
    }
    token = output.nextToken;
    if (token !== undefined) continue;
    if (rows > 0 && newest.size === 0)
      throw new AppError(
        "malformed",
        `DescribeSpotPriceHistory in ${region}: none of ${rows} rows can be read`,
      );
    return [...newest.values()].map(({ point }) => point);
  }
  throw new AppError("malformed", `DescribeSpotPriceHistory in ${region}: no end after ${PAGES_MAX} pages`);
}

/** Null: a field is missing, or the price is none. */
function priceIn(row: Readonly<Record<string, unknown>>) {
  const { instanceType, availabilityZone: zone, spotPrice, timestamp } = row;
  if (typeof instanceType !== "string" || typeof zone !== "string" || instanceType === "" || zone === "")
    return null;
  const usdPerHour =
    typeof spotPrice === "string" && /^\d+(\.\d+)?$/.test(spotPrice) ? Number(spotPrice) : NaN;
  const begun = typeof timestamp === "string" ? parseInstant(timestamp) : null;
  return usdPerHour > 0 && begun !== null ? { instanceType, zone, usdPerHour, begun } : null;
}
