// A whole decision as text for a terminal: moves, holds, pods that get no new node, and how the packing went. Pure; pods
// that were refused alike are shown together, so that thousands of them stay readable.

import { table } from "../../shared/runtime/table.ts";
import type { PackingReport, Plan } from "../decide/plan.ts";
import { explainMove } from "./explain.ts";
import { podNames, reasonText } from "./explanation-text.ts";
import { count, hourly, moment } from "./sentences/words.ts";

export function decisionText(plan: Plan): string {
  const { at, moves, holds, unplaced } = plan;
  const parts = [
    `Decision of ${moment(at)}: ${count(moves.length, "move")}, ${count(holds.length, "hold")}, ${count(unplaced.length, "pod")} without a new node`,
    section(
      "Moves",
      moves.map((move) => `  ${move.policy}: ${explainMove(move)}`),
    ),
    section(
      "Holds",
      holds.length === 0
        ? []
        : [table(holds.flatMap(({ policy, pool, because }) => holdRows(`${policy}/${pool}`, because)))],
    ),
    section("Pods without a new node", unplacedLines(unplaced)),
    packingText(plan),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [title, ...lines].join("\n");
}

function holdRows(pool: string, because: Plan["holds"][number]["because"]): readonly (readonly string[])[] {
  return because.map((reason, index) => [index === 0 ? pool : "", reasonText(reason)]);
}

function unplacedLines(unplaced: Plan["unplaced"]): readonly string[] {
  const alike = Map.groupBy(unplaced, ({ because }) =>
    because.map((reason) => `    ${reasonText(reason)}`).join("\n"),
  );
  return [...alike].map(([body, pods]) => `  ${podNames(pods.map(({ pod }) => pod))}\n${body}`);
}

function packingText({ packing }: Plan): string {
  if (packing === undefined) return "";
  const { units, leftOut } = packing;
  const work = `Packing: ${count(units, "unit")} of work, ${count(leftOut, "pod")} left for the next decision`;
  return `${work}${costText(packing)}`;
}

/** Nothing where no node is bought. */
function costText({ usdPerHour, lowerBoundUsdPerHour }: PackingReport): string {
  if (usdPerHour === null) return "; what the new nodes cost is not known";
  if (usdPerHour === 0) return "";
  const bound =
    lowerBoundUsdPerHour === null
      ? ""
      : `, and no plan for these pods less than ${hourly(lowerBoundUsdPerHour)}`;
  return `; the new nodes cost ${hourly(usdPerHour)}${bound}`;
}
