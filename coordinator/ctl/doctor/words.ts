// Findings as text for a terminal of 100 columns: a line for each check, what to do beneath those that are not well, and how
// many there were of each. Pure.

import { table } from "../../../shared/runtime/table.ts";
import { VERDICTS } from "./finding.ts";
import type { Finding } from "./finding.ts";
import type { Row } from "./topics.ts";

const WIDTH = 100;

export function doctorText(findings: readonly Finding[]): string {
  const rows = findings.flatMap(({ verdict, check, evidence, way }) => [
    [verdict, check, evidence],
    ...(way === null ? [] : [["", "", `→ ${way}`]]),
  ]);
  const sums = VERDICTS.flatMap((verdict) => {
    const many = findings.filter((finding) => finding.verdict === verdict).length;
    return many === 0 ? [] : [`${many} ${verdict}`];
  });
  return [table(rows, { indent: "", width: WIDTH }), `${findings.length} checks: ${sums.join(", ")}`].join(
    "\n",
  );
}

/** Rows of one kind under the names of their fields. */
export function rowsText(rows: readonly Row[]): string {
  return table([Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row))], {
    indent: "",
    width: WIDTH,
  });
}
