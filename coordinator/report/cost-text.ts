// What the fleet costs, as text for a terminal and as CSV for a spreadsheet, from the coordinator's own page. Pure; a sum
// with time of unknown price in it says so beside the sum, and is never shown as if it were whole.

import { table } from "../../shared/runtime/table.ts";
import { LABEL_CUT } from "../money/cuts.ts";
import type { LedgerState } from "../money/ledger.ts";
import type { Rate } from "../money/rate.ts";
import { NO_TALLY, savedShare, savedUsd } from "../money/tally.ts";
import type { Tally } from "../money/tally.ts";
import type { CostAnswer } from "./cost-page.ts";

export interface CostQuestion {
  /** Cuts in order, each one of the answer's. */
  readonly cuts: readonly string[];
  /** One of the answer's months; null: nothing was counted yet. */
  readonly month: string | null;
}

const UNKNOWN = "unknown";

export function costText(answer: CostAnswer, { cuts, month }: CostQuestion): string {
  const ledger = month === null ? null : (answer.months[month] ?? null);
  return [
    summaryText(answer, month, ledger),
    ...cuts.map((cut) => [headOf(cut), cutText(answer, cut, ledger)].join("\n")),
  ].join("\n\n");
}

function summaryText(answer: CostAnswer, month: string | null, ledger: LedgerState | null): string {
  const { rate, hoursPerMonth } = answer;
  return [
    `Now (${answer.at}): ${rateText(rate)}`,
    ...(rate.usdPerMonth === null
      ? []
      : [`A month of ${hoursPerMonth} h at this rate: ${usd(rate.usdPerMonth)} USD`]),
    // A coordinator of an older version does not send either.
    ...(rate.usdPerHour === null && typeof rate.estimatedUsdPerHour === "number"
      ? [
          `With the catalogue's estimates it would be ${usd(rate.estimatedUsdPerHour)} USD an hour; no sum here counts them`,
        ]
      : []),
    ...(typeof rate.priceAt === "string" ? [`Oldest price that counts: of ${rate.priceAt}`] : []),
    rate.savedUsdPerHour === null
      ? "Saved against on demand: unknown, since a price of some nodes is not known"
      : `Saved against the on-demand price of the same nodes: ${usd(rate.savedUsdPerHour)} USD an hour${shareText(rate.savedShare)}`,
    month === null
      ? "Spent: nothing was counted yet"
      : `Spent in ${month} (UTC): ${spentText(ledger?.total ?? NO_TALLY)}`,
    `Counted since ${answer.since}${answer.unobservedSeconds > 0 ? `; ${answer.unobservedSeconds} s of it nobody looked, and nothing of that is in the sums` : ""}`,
  ].join("\n");
}

function rateText({ usdPerHour, knownUsdPerHour, nodes, unknownNodes }: Rate): string {
  if (usdPerHour !== null) return `${usd(usdPerHour)} USD an hour for ${number(nodes)} nodes`;
  if (unknownNodes >= nodes) return `unknown: nobody knows the price of any of ${number(nodes)} nodes`;
  return `at least ${usd(knownUsdPerHour)} USD an hour for ${number(nodes)} nodes; the price of ${number(unknownNodes)} of them is unknown`;
}

function spentText(tally: Tally): string {
  if (isUnknown(tally))
    return `unknown, since nobody knows the price of any of ${number(tally.nodeHours)} node-hours`;
  const rest =
    tally.unknownNodeHours > 0 ? `, and ${number(tally.unknownNodeHours)} node-hours of unknown price` : "";
  const saved =
    tally.comparedOnDemandUsd > 0
      ? `; saved against the on-demand price of the same hours: ${usd(savedUsd(tally))} USD${shareText(savedShare(tally))}`
      : "";
  return `${usd(tally.usd)} USD${rest}${saved}`;
}

function cutText(answer: CostAnswer, cut: string, ledger: LedgerState | null): string {
  const rates = answer.rates[cut] ?? {};
  const spent = ledger?.cuts[cut] ?? {};
  const names = [...new Set([...Object.keys(rates), ...Object.keys(spent)])];
  const rows = names
    .map((name) => ({ name, rate: rates[name], tally: spent[name] ?? NO_TALLY }))
    .toSorted((a, b) => b.tally.usd - a.tally.usd || (a.name < b.name ? -1 : 1))
    .map(({ name, rate, tally }) => [
      name,
      number(rate?.nodes ?? 0),
      rate === undefined ? usd(0) : rate.usdPerHour === null ? UNKNOWN : usd(rate.usdPerHour),
      isUnknown(tally) ? UNKNOWN : usd(tally.usd),
      number(tally.nodeHours),
      number(tally.unknownNodeHours),
      tally.comparedOnDemandUsd > 0 ? usd(savedUsd(tally)) : "",
    ]);
  return rows.length === 0
    ? "nothing"
    : table([
        ["name", "nodes now", "USD/h now", "spent USD", "node-hours", "of unknown price", "saved USD"],
        ...rows,
      ]);
}

function headOf(cut: string): string {
  return cut.startsWith(LABEL_CUT) ? `By label ${cut.slice(LABEL_CUT.length)}` : `By ${cut}`;
}

const COLUMNS = [
  "month",
  "by",
  "name",
  "usd_of_known_price",
  "node_hours",
  "unknown_price_node_hours",
  "on_demand_usd",
  "on_demand_unknown_node_hours",
  "saved_usd",
] as const;

/** One line for each cell of the month; `by` is empty for the total. What is not known at all is empty. */
export function costCsv(answer: CostAnswer, { cuts, month }: CostQuestion): string {
  const ledger = month === null ? undefined : answer.months[month];
  const line = (by: string, name: string, tally: Tally): string =>
    [
      month ?? "",
      by,
      name,
      isUnknown(tally) ? "" : tally.usd.toFixed(4),
      tally.nodeHours.toFixed(4),
      tally.unknownNodeHours.toFixed(4),
      tally.onDemandUsd > 0 ? tally.onDemandUsd.toFixed(4) : "",
      tally.onDemandUnknownNodeHours.toFixed(4),
      tally.comparedOnDemandUsd > 0 ? savedUsd(tally).toFixed(4) : "",
    ]
      .map(quoted)
      .join(",");
  return [
    COLUMNS.join(","),
    ...(ledger === undefined ? [] : [line("", "total", ledger.total)]),
    ...cuts.flatMap((cut) =>
      Object.entries(ledger?.cuts[cut] ?? {})
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, tally]) => line(cut, name, tally)),
    ),
  ].join("\n");
}

/** A name that begins like a formula would be one in a spreadsheet; labels come from people. */
function quoted(text: string): string {
  const safe = /^[=+@\t]|^-(?!\d)/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** There was something to pay, and of none of it the price is known. */
function isUnknown({ nodeHours, unknownNodeHours }: Tally): boolean {
  return unknownNodeHours > 0 && unknownNodeHours >= nodeHours * (1 - 1e-9);
}

function usd(amount: number): string {
  return amount.toFixed(2);
}

/** What is there and small is not shown as none. */
function number(amount: number): string {
  return amount > 0 && amount < 0.005 ? "under 0.01" : String(Math.round(amount * 100) / 100);
}

function shareText(share: number | null): string {
  return share === null ? "" : ` (${Math.round(share * 100)} %)`;
}
