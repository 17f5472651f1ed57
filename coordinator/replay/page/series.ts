// Reading the columns of a series: its means, its greatest value, what it comes to in words. A series that a run does not
// have is empty, and its mean unknown.

import type { Column, Columns, SeriesId } from "./columns.ts";
import { shown } from "./numbers.ts";
import type { Values } from "./paths.ts";

export function seriesOf(columns: Columns, id: SeriesId): readonly Column[] {
  return columns.series.get(id) ?? [];
}

export function means(columns: readonly Column[]): Values {
  return columns.map(({ mean }) => mean);
}

export function most(columns: readonly Column[]): number {
  return columns.reduce((top, { max }) => Math.max(top, max ?? 0), 0);
}

export function meanOf(columns: readonly Column[]): number | null {
  const known = columns.flatMap(({ mean }) => mean ?? []);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** One digit after the point; of less than one as many as show that it is not nothing. */
export function plain(value: number): string {
  return value > 0 && value < 1
    ? `${Number(value.toPrecision(2))}`
    : shown(Math.round(value * 10) / 10, "count");
}

/** From where to where, and the mean. */
export function words(columns: readonly Column[], text: (value: number) => string): string {
  const mean = meanOf(columns);
  if (mean === null) return "It is unknown throughout.";
  const least = columns.reduce((low, { min }) => Math.min(low, min ?? Infinity), Infinity);
  return `From ${text(least)} to ${text(most(columns))}, ${text(mean)} on average.`;
}
