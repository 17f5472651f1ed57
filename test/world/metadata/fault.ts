// What can go wrong at a metadata endpoint, on demand: which of the faults meets a request, and for how long it stays.
// What each one looks like on the wire is in endpoint.ts.

import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";

type Way =
  /** The service is not asked; this comes instead, as from an overloaded or a forbidden endpoint. */
  | { readonly kind: "status"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "redirect"; readonly to: string }
  /** The connection is reset before anything was answered. */
  | { readonly kind: "cut" }
  /** Nothing comes any more, and nothing is closed, until the client gives up. */
  | { readonly kind: "hang" }
  /** The right answer, late. */
  | { readonly kind: "slow"; readonly ms: Millis }
  /** The right answer, whose head comes at once and whose body comes byte by byte, this long apart. */
  | { readonly kind: "drip"; readonly ms: Millis }
  /** Status 200 and bytes that mean nothing. */
  | { readonly kind: "garbage"; readonly body?: string | Uint8Array }
  /** Status 200 and no byte. */
  | { readonly kind: "empty" }
  /** Status 200 and far more than any answer has; 5 MiB when nothing else is said. */
  | { readonly kind: "huge"; readonly bytes?: number }
  /** Half of the right answer, and then the end of the connection instead of the rest. */
  | { readonly kind: "truncated" }
  /** Half of the right answer, said to be the whole. */
  | { readonly kind: "half" };

export type FaultKind = Way["kind"];

/** With neither `times` nor `until` it stays until it is mended. */
export type Fault = Way & {
  /** How the paths begin that it meets; all when absent. */
  readonly path?: string;
  readonly method?: string;
  readonly times?: number;
  /** By the clock of the endpoint; from this instant on it is over. */
  readonly until?: EpochMs;
};

export interface Faults {
  /** Undone by what it returns. Of several that fit, the one set first counts. */
  set(fault: Fault): () => void;
  clear(): void;
  /** The fault that meets this request, one use of it spent. */
  take(method: string, path: string): Fault | null;
}

export function createFaults(clock: Pick<Clock, "now">): Faults {
  /** Fault → uses left. */
  const standing = new Map<Fault, number>();

  return {
    set: (fault) => {
      standing.set(fault, fault.times ?? Number.POSITIVE_INFINITY);
      return () => {
        standing.delete(fault);
      };
    },
    clear: () => {
      standing.clear();
    },
    take: (method, path) => {
      for (const [fault, left] of standing) {
        if (fault.until !== undefined && clock.now() >= fault.until) {
          standing.delete(fault);
          continue;
        }
        if (fault.method !== undefined && fault.method !== method) continue;
        if (fault.path !== undefined && !path.startsWith(fault.path)) continue;
        if (left <= 1) standing.delete(fault);
        else standing.set(fault, left - 1);
        return fault;
      }
      return null;
    },
  };
}
