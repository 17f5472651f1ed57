// A family of metrics as the page and the reference pages know it, and its series as text. GPU families are written
// straight from the packed readings: they are other ones in each cycle, so a registry in between would be built and
// thrown away each time.

import { headOf, labelsText, numberText } from "../../../shared/runtime/exposition.ts";
import type { MetricsFormat } from "../../../shared/runtime/exposition.ts";

export interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  /** Label → what its values mean. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A family and what it shows now, for those who fill one without writing text. */
export interface FamilySeries {
  readonly family: Family;
  readonly series: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

/** A family with its series as lines, which are the same in both formats. */
export interface Block {
  readonly family: Family;
  readonly lines: string;
}

/** `labels` as `labelsText` writes them. */
export function line(name: string, labels: string, value: number): string {
  return `${name}{${labels}} ${numberText(value)}\n`;
}

/** Of series that differ in nothing that a label says the first counts: a page with one of them twice is refused. */
export function blockOf({ family, series }: FamilySeries): Block {
  const valueOf = new Map<string, number>();
  for (const { labels, value } of series) {
    const text = labelsText(labels);
    if (!valueOf.has(text)) valueOf.set(text, value);
  }
  return { family, lines: [...valueOf].map(([labels, value]) => line(family.name, labels, value)).join("") };
}

/** A family without a series has no head either: a card shows what it has and no list of what it has not. */
export function blocksText(blocks: readonly Block[], format: MetricsFormat): string {
  let text = "";
  for (const { family, lines } of blocks) if (lines !== "") text += headOf(family, format) + lines;
  return text;
}
