// The one question of EC2 that an autoscaler asks: what spot machines cost now, in EC2's own dialect of the protocol. Prices
// are what a test has set; a type without one has none.

import { refuseStranger } from "./aws-credentials.ts";
import { AwsRefusal } from "./aws-query.ts";
import type { Incoming } from "./face.ts";

export const SPOT_PRICES_CALL = "DescribeSpotPriceHistory";
const VERSION = "2016-11-15";

export interface SpotPriceRow {
  readonly instanceType: string;
  readonly zone: string;
  readonly usdPerHour: number;
}

/** The form's types; absent: it is another call. @throws AwsRefusal for one that EC2 would not answer. */
export function spotPriceTypes(
  { body, headers }: Pick<Incoming, "body" | "headers">,
  about: { readonly region: string; readonly nowMs: number },
): readonly string[] | undefined {
  const form = new URLSearchParams(body);
  if (form.get("Action") !== SPOT_PRICES_CALL) return undefined;
  if (form.get("Version") !== VERSION)
    throw new AwsRefusal(
      "InvalidAction",
      `The action ${SPOT_PRICES_CALL} is not valid for this web service.`,
    );
  refuseStranger(headers, about.region, about.nowMs, "ec2");
  if (form.get("Filter.1.Name") !== "instance-type") return [];
  return [...form].flatMap(([name, value]) => (/^Filter\.1\.Value\.\d+$/.test(name) ? [value] : []));
}

export function spotPricesXml(rows: readonly SpotPriceRow[], requestId: string): string {
  const items = rows.map(
    ({ instanceType, zone, usdPerHour }) =>
      `<item><instanceType>${instanceType}</instanceType><productDescription>Linux/UNIX</productDescription><spotPrice>${usdPerHour.toFixed(6)}</spotPrice><timestamp>2026-01-01T00:00:00.000Z</timestamp><availabilityZone>${zone}</availabilityZone></item>`,
  );
  return `<${SPOT_PRICES_CALL}Response xmlns="http://ec2.amazonaws.com/doc/${VERSION}/"><requestId>${requestId}</requestId><spotPriceHistorySet>${items.join("")}</spotPriceHistorySet><nextToken/></${SPOT_PRICES_CALL}Response>`;
}
