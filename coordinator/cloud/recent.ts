// What is remembered of groups by their names, and forgotten half an hour after the last word of one: groups come and
// go under ever new names, and a coordinator runs for months.

import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface Recent<V> {
  get(name: string): V | undefined;
  set(name: string, value: V): void;
  delete(name: string): void;
  /** Forgets what nobody has set for half an hour. */
  sweep(): void;
}

const KEPT_MS = 30 * 60_000;

export function createRecent<V>(clock: Pick<Clock, "monotonic">): Recent<V> {
  const entries = new Map<string, { readonly value: V; readonly setMs: Millis }>();
  return {
    get: (name) => entries.get(name)?.value,
    set: (name, value) => {
      entries.set(name, { value, setMs: clock.monotonic() });
    },
    delete: (name) => {
      entries.delete(name);
    },
    sweep: () => {
      const oldestMs = clock.monotonic() - KEPT_MS;
      for (const [name, { setMs }] of entries) if (setMs < oldestMs) entries.delete(name);
    },
  };
}
