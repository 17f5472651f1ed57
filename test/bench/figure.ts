// A measured figure beside the limit that it is held to, and how figures are shown. Every bench hands back
// figures; whether they hold decides the exit code of the run (main.ts).

import { writeFileSync } from "node:fs";

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target: { readonly max?: number; readonly min?: number };
  readonly held: boolean;
}

/** A figure that is not a number is never held: nothing was measured. */
export function figure(name: string, value: number, unit: string, target: Figure["target"]): Figure {
  const held = value <= (target.max ?? Infinity) && value >= (target.min ?? -Infinity);
  return { name, value, unit, target, held };
}

/** The middle of the values; NaN when there are none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nearest rank: `share` of the values are at or below it; NaN when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, target, held }) => [
    name,
    shown(value),
    unit,
    limits(target),
    held ? "held" : "NOT HELD",
  ]);
  const all = [["figure", "value", "unit", "limit", ""], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function printFigures(figures: readonly Figure[]): void {
  console.log(tableOf(figures));
}

/** `more`: what a bench keeps beside its figures, by name. */
export function writeFigures(
  path: string,
  figures: readonly Figure[],
  more: Readonly<Record<string, unknown>> = {},
): void {
  writeFileSync(path, `${JSON.stringify({ figures, ...more }, null, 2)}\n`);
}

function limits({ max, min }: Figure["target"]): string {
  return [min === undefined ? "" : `>= ${min}`, max === undefined ? "" : `<= ${max}`]
    .filter(Boolean)
    .join(" ");
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "none";
}
