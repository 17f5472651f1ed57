// Trouble on demand: rules that make the API slow, silent, cut, wrong or unavailable for the requests that they
// match. A rule acts on requests as they come and on watches that are open; one with `times` wears out.

import type { Millis } from "../../shared/model/units.ts";

export type Fault =
  /** The answer comes later. Watches open later; their events are not slowed. */
  | { readonly kind: "slow"; readonly ms: Millis }
  /** The connection breaks: before the request takes effect, or after it, with the answer lost. */
  | { readonly kind: "cut"; readonly when?: "before" | "after" }
  /** The server refuses. `cause` is the reason of a cause in the details, such as `DisruptionBudget`. */
  | {
      readonly kind: "status";
      readonly code: number;
      readonly retryAfterSeconds?: number;
      readonly cause?: string;
    }
  /** An open watch is told in its stream that its version is too old. For an answer of 410 use `status`. */
  | { readonly kind: "gone-watch" }
  /** A watch gets a line that is no JSON; another request gets half of its answer. */
  | { readonly kind: "malformed-line" }
  /** Nothing comes any more, and nothing is closed, until the client gives the connection up. */
  | { readonly kind: "silence" };

export interface FaultMatch {
  readonly method?: string;
  readonly pathIncludes?: string;
  readonly userAgentIncludes?: string;
  /** Only watches, or only what is no watch. */
  readonly watch?: boolean;
}

export type FaultRule = Fault & {
  readonly match?: FaultMatch;
  /** After so many uses the rule is gone; without it, it stays until cleared. */
  readonly times?: number;
};

/** What rules are matched against. */
export interface Target {
  readonly method: string;
  readonly path: string;
  readonly userAgent: string;
  readonly watch: boolean;
}

export interface Faults {
  /** Adds a rule; the function that comes back takes it away. */
  set(rule: FaultRule): () => void;
  clear(): void;
  /** The first rule of one of these kinds that applies, one use of it spent. */
  take<K extends Fault["kind"]>(target: Target, kinds: readonly K[]): Extract<Fault, { kind: K }> | null;
}

/** `onChange` runs after each change of the rules, so that open watches feel them at once. */
export function createFaults(onChange: () => void): Faults {
  const rules = new Map<FaultRule, number>();

  return {
    set: (rule) => {
      rules.set(rule, rule.times ?? Number.POSITIVE_INFINITY);
      onChange();
      return () => {
        rules.delete(rule);
        onChange();
      };
    },
    clear: () => {
      rules.clear();
      onChange();
    },
    take: <K extends Fault["kind"]>(target: Target, kinds: readonly K[]) => {
      for (const [rule, left] of rules) {
        if (!isOneOf(rule, kinds) || !matches(rule.match, target)) continue;
        if (left <= 1) rules.delete(rule);
        else rules.set(rule, left - 1);
        return rule;
      }
      return null;
    },
  };
}

function isOneOf<K extends Fault["kind"]>(
  rule: FaultRule,
  kinds: readonly K[],
): rule is FaultRule & Extract<Fault, { kind: K }> {
  return kinds.some((kind) => kind === rule.kind);
}

function matches(match: FaultMatch | undefined, target: Target): boolean {
  if (match === undefined) return true;
  return (
    (match.method === undefined || match.method === target.method) &&
    (match.pathIncludes === undefined || target.path.includes(match.pathIncludes)) &&
    (match.userAgentIncludes === undefined || target.userAgent.includes(match.userAgentIncludes)) &&
    (match.watch === undefined || match.watch === target.watch)
  );
}
