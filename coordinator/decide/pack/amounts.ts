// Amounts as arrays: each resource name that some place has is a number, and each place a row. Packing asks millions
// of times whether amounts fit, and by name that costs ten times as much. A name that no place has fits nowhere.

import type { Resources } from "../../../shared/model/resources.ts";
import { gpusIn, isGpuResource } from "../../../shared/model/resources.ts";
import { gpuShare } from "../fit/amounts.ts";
import type { PodKind } from "../fit/kind.ts";
import { compareText, firstDifference } from "../order.ts";

/** What pods of one kind request, as far as it is more than nothing. */
export interface Ask {
  readonly index: Int32Array;
  readonly amount: Float64Array;
  /** It wants a resource that no place has at all. */
  readonly nowhere: boolean;
  readonly gpus: number;
  /** Of physical cards. */
  readonly share: number;
}

export interface Amounts {
  readonly width: number;
  rowOf(resources: Resources): Float64Array;
  /** The same, written into a table. */
  writeRow(resources: Resources, table: Float64Array, at: number): void;
  toRecord(row: Float64Array, at: number): Record<string, number>;
  askOf(kind: PodKind): Ask;
}

export function createAmounts(places: Iterable<Resources>): Amounts {
  const numbers = new Map<string, number>();
  for (const resources of places)
    for (const name in resources) if (!numbers.has(name)) numbers.set(name, numbers.size);
  const names = [...numbers.keys()];
  const asks: Ask[] = [];

  const writeRow = (resources: Resources, table: Float64Array, at: number): void => {
    for (let index = 0; index < names.length; index++)
      table[at + index] = resources[names[index] as string] ?? 0;
  };
  const ask = ({ requests }: PodKind["pod"]): Ask => {
    const wanted = Object.entries(requests).filter(([, amount]) => amount > 0);
    // What runs out first is compared first.
    const known = wanted
      .filter(([name]) => numbers.has(name))
      .sort(([a], [b]) => firstDifference(scarcity(b) - scarcity(a), compareText(a, b)));
    return {
      index: Int32Array.from(known, ([name]) => numbers.get(name) ?? 0),
      amount: Float64Array.from(known, ([, amount]) => amount),
      nowhere: known.length < wanted.length,
      gpus: gpusIn(requests),
      share: gpuShare(requests),
    };
  };

  return {
    width: names.length,
    rowOf: (resources) => {
      const row = new Float64Array(names.length);
      writeRow(resources, row, 0);
      return row;
    },
    writeRow,
    toRecord: (row, at) => Object.fromEntries(names.map((name, index) => [name, row[at + index] ?? 0])),
    askOf: (kind) => (asks[kind.ask] ??= ask(kind.pod)),
  };
}

function scarcity(name: string): number {
  return isGpuResource(name) ? 2 : name === "pods" ? 0 : 1;
}

/** Whether the row that begins at `at` has what is asked for. */
export function holds(row: Float64Array, at: number, { index, amount, nowhere }: Ask): boolean {
  if (nowhere) return false;
  for (let each = 0; each < index.length; each++) {
    const has = row[at + (index[each] as number)] as number;
    if ((amount[each] as number) > has) return false;
  }
  return true;
}

export function change(row: Float64Array, at: number, { index, amount }: Ask, by: number): void {
  for (let each = 0; each < index.length; each++) {
    const to = at + (index[each] as number);
    row[to] = (row[to] as number) + by * (amount[each] as number);
  }
}
