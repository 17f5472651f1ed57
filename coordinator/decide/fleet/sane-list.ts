// Lists in one order, each key once, and changed only where something has to change. A snapshot that is in order
// already, as nearly all are, comes out as the objects that went in: at rest that is most of what a decision costs.

import { compareText } from "../order.ts";
import { isList } from "./sane-form.ts";

/** What can be read of a list, and what keeps it from being the whole list; null: nothing does. */
export interface ReadList<T> {
  readonly items: readonly T[];
  readonly hole: string | null;
}

export function readList<T>(list: unknown, name: string, isWell: (item: unknown) => item is T): ReadList<T> {
  if (!isList(list)) return { items: [], hole: name };
  const first = list.findIndex((item) => !isWell(item));
  // The list itself where all of it is well.
  if (first < 0) return { items: list as readonly T[], hole: null };
  return { items: list.filter(isWell), hole: `entry ${first + 1} of ${name}` };
}

/** By key, each key once. Of two with one key the choice must not depend on which came first. */
export function sorted<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  if (isSorted(items, keyOf)) return items;
  const byKey = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    const other = byKey.get(key);
    if (other === undefined || JSON.stringify(item) < JSON.stringify(other)) byKey.set(key, item);
  }
  return [...byKey].sort(([a], [b]) => compareText(a, b)).map(([, item]) => item);
}

function isSorted<T>(items: readonly T[], keyOf: (item: T) => string): boolean {
  let before: string | null = null;
  for (const item of items) {
    const key = keyOf(item);
    if (before !== null && compareText(before, key) >= 0) return false;
    before = key;
  }
  return true;
}

/** The list itself where `make` changes nothing. */
export function each<T>(items: readonly T[], make: (item: T) => T): readonly T[] {
  const first = items.findIndex((item) => make(item) !== item);
  return first < 0 ? items : items.map(make);
}

/** Likewise of a record. */
export function eachValue<T>(
  record: Readonly<Record<string, T>>,
  make: (value: T) => T,
): Readonly<Record<string, T>> {
  for (const key in record) {
    const value = record[key];
    if (value !== undefined && make(value) !== value)
      return Object.fromEntries(Object.entries(record).map(([name, old]) => [name, make(old)]));
  }
  return record;
}
