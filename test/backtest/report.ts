// What a back-test found, on paper: aims, a table for each pair and rule of depth, sweeps, an extrapolation to prices of today,
// and what was left out or taken from elsewhere. Figures are mean [least, most] over offsets; nothing is left out for being bad.

import type { Aim } from "./aims.ts";
import type { AloneLine } from "./beside.ts";
import { TABLE_METRICS } from "./figures.ts";
import type { Metric, Spread } from "./figures.ts";
import { METHODS } from "./forecast-alone.ts";
import type { GpuTypes } from "./gpu-types.ts";
import type { SelfCheck } from "./self-checks.ts";
import type { Table, TableRow } from "./tables.ts";

export interface Report {
  readonly command: string;
  readonly traces: string;
  readonly policy: string;
  readonly days: Readonly<Record<string, string>>;
  readonly aims: readonly Aim[];
  readonly selfChecks: readonly SelfCheck[];
  readonly tables: readonly Table[];
  readonly alone: readonly AloneLine[];
  readonly gpuTypes: readonly GpuTypes[];
  readonly notes: readonly string[];
}

export function pageOf(report: Report): string {
  const { command, traces, policy, aims, tables, alone, gpuTypes, selfChecks, notes, days } = report;
  return [
    "# Back-test: what came out",
    `Made by \`${command}\` on ${traces}, with \`${policy}\`. What each row is, the clocks and the prices: [README.md](README.md).`,
    "Cells are mean [least, most] over offsets. Money is USD after the warm-in; boot, idle, drained and lost time are paid. No network, disk or control plane.",
    "## Aims",
    table(
      ["what", "aim", "found", ""],
      aims.map(({ what, aim, found, met }) => [what, aim, found, VERDICTS[met]]),
    ),
    ...(selfChecks.length === 0 ? [] : ["## Checks on the simulator itself", checksOf(selfChecks)]),
    ...tables.flatMap((one) => [
      `## ${headOf(one)}`,
      `${one.title}; ${days[one.pair] ?? ""}. Bound: ${one.bound === null ? "not known" : `${cell(one.bound, { digits: 0 })} USD`}.`,
      figuresOf(one),
    ]),
    "## Forecast by itself",
    'Half an hour ahead, in bins of five minutes, over the windows that were played, on what would run if nothing waited. Cells are the weighted quantile loss (p10, p50 and p90) and, of bins with demand, the mean absolute error of the p50. The bounds of the others are made of their own errors of two weeks. Skill: it loses less than the same time a day and a week ago; its own gate asks for more, that it also loses less than "as now".',
    aloneOf(alone),
    "## GPU types of the source",
    "What jobs asked for, and what would be bought for them in the capacity's region, the cheapest on demand with enough GPUs. Every run plays all of them on the one machine of its capacity.",
    ...(gpuTypes.length === 0
      ? ["The plan names none: its sources do not say what jobs asked for."]
      : gpuTypes.map(typesOf)),
    "## Extrapolation: the same decisions against catalogue prices of 2026",
    "No policy saw these prices, and with them it would have decided otherwise. Node-hours are those of the tables above; spot is the mean of the zones' list prices.",
    ...tables.filter(({ rows }) => rows.some(({ today }) => today.usd !== null)).map(todayOf),
    "## Taken from elsewhere, or left out",
    notes.length === 0 ? "Nothing." : notes.map((note) => `- ${note}`).join("\n"),
    "",
  ].join("\n\n");
}

const VERDICTS = { met: "met", missed: "missed", unknown: "not known", "not-judged": "not judged" } as const;

function aloneOf(lines: readonly AloneLine[]): string {
  const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
  return table(
    ["pairs", "workload", "bins", ...METHODS.map((method) => ALONE_HEADS[method]), "skill"],
    lines.map(({ pairs, title, alone }) => [
      pairs.join(", "),
      title,
      ...(alone === null
        ? ["too little before the windows", ...METHODS.map(() => "–"), "–"]
        : [
            String(alone.judged),
            ...METHODS.map((method) => {
              const { weightedQuantile, mape } = alone.losses[method];
              return `${percent(weightedQuantile)} / ${percent(mape)}`;
            }),
            alone.skill ? "yes" : "no",
          ]),
    ]),
  );
}

const ALONE_HEADS = {
  ours: "ours",
  "day-ago": "24 h ago",
  "week-ago": "168 h ago",
  "as-now": "as now",
} as const satisfies Readonly<Record<(typeof METHODS)[number], string>>;

function typesOf({ title, playedOn, lines }: GpuTypes): string {
  const cells = lines.map(({ asks, jobs, gpuHours, machines, notes }) => [
    asks,
    String(jobs),
    gpuHours.toFixed(0),
    machines.length === 0 ? "none of the catalogue" : machines.join(", "),
    notes.join("; "),
  ]);
  return `**${title}**; played on ${playedOn}\n\n${table(["asks for", "jobs", "GPU-hours", "would be", ""], cells)}`;
}

function headOf({ name, depth, variant }: Table): string {
  return [name, depth, variant].filter((part) => part !== "").join(", ");
}

/** Columns that no row has a figure for are left out. */
function figuresOf({ rows }: Table): string {
  const metrics = TABLE_METRICS.filter(({ id }) => rows.some(({ figures }) => figures[id] !== null));
  return table(
    ["row", "offsets", ...metrics.map(({ head }) => head)],
    rows.map((row) => [
      row.row,
      String(row.offsets),
      ...metrics.map((metric) => {
        const spread = row.figures[metric.id];
        return spread === null ? "–" : cell(spread, metric);
      }),
    ]),
  );
}

function todayOf(one: Table): string {
  const lines = one.rows.map(({ row, today }: TableRow) => [
    row,
    today.usd === null ? "no list price" : cell(today.usd, { digits: 0 }),
    today.toReactive === null ? "–" : cell(today.toReactive, { digits: 3 }),
  ]);
  return `**${headOf(one)}**\n\n${table(["row", "USD at prices of 2026", "÷ reactive"], lines)}`;
}

function checksOf(checks: readonly SelfCheck[]): string {
  return table(
    ["check", "figure", "expected", "found", ""],
    checks.map(({ what, figure, expected, found, holds }) => [
      what,
      figure,
      String(expected),
      found.toFixed(digitsOf(expected)),
      holds ? "holds" : "DIFFERS",
    ]),
  );
}

export function digitsOf(value: number): number {
  return String(value).split(".")[1]?.length ?? 0;
}

function cell(
  { mean, min, max, unknown }: Spread,
  { digits, percent }: Pick<Metric, "digits" | "percent">,
): string {
  const text = (value: number): string =>
    percent === true ? (value * 100).toFixed(digits) : value.toFixed(digits);
  const range = min === max ? "" : ` [${text(min)}, ${text(max)}]`;
  return `${text(mean)}${percent === true ? " %" : ""}${range}${unknown === 0 ? "" : ` (${unknown} unknown)`}`;
}

function table(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...lines.map(line)].join("\n");
}
