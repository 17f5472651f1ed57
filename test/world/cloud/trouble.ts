// Trouble on demand at a cloud's API: rules that make its answers refused, lost, silent, slow, cut in half or changed.
// A rule with `times` wears out. What a refusal looks like on the wire is for the face that speaks the protocol.

import type { Millis } from "../../../shared/model/units.ts";

/** `before`: the call never takes effect. `after`: it does, and nobody is told. */
type When = "before" | "after";

export type Trouble =
  | {
      readonly kind: "refuse";
      readonly code: string;
      readonly message?: string;
      readonly retryAfterSeconds?: number;
    }
  /** The connection breaks. */
  | { readonly kind: "lost"; readonly when: When }
  /** Nothing comes any more, and nothing is closed, until the client gives up. */
  | { readonly kind: "silence"; readonly when: When }
  /** The answer comes later. */
  | { readonly kind: "slow"; readonly ms: Millis }
  /** The first half of the answer and then the end of the connection, in order. */
  | { readonly kind: "half-body" }
  /** Another text than the answer, under the answer's status. */
  | {
      readonly kind: "edit";
      readonly edit: (text: string) => string;
      /** What of it no service would write. Without it a face that judges its answers judges this one as well. */
      readonly breaks?: string;
    };

export interface TroubleMatch {
  readonly action?: string;
  readonly group?: string;
  /** Only what may change something, or only what reads. */
  readonly write?: boolean;
}

export type TroubleRule = Trouble & {
  readonly match?: TroubleMatch;
  /** Without it the rule stays until it is taken away. */
  readonly times?: number;
};

/** A call at a cloud, whatever its protocol. */
export interface CloudRequest {
  readonly action: string;
  /** The groups that it names; empty when it names none. */
  readonly groups: readonly string[];
  readonly write: boolean;
}

export interface Troubles {
  /** Adds a rule; the function that comes back takes it away. */
  set(rule: TroubleRule): () => void;
  clear(): void;
  /** The first rule of one of these kinds that applies, one use of it spent. */
  take<K extends Trouble["kind"]>(
    request: CloudRequest,
    kinds: readonly K[],
  ): Extract<Trouble, { kind: K }> | null;
}

export function createTroubles(): Troubles {
  const rules = new Map<TroubleRule, number>();

  return {
    set: (rule) => {
      rules.set(rule, rule.times ?? Number.POSITIVE_INFINITY);
      return () => {
        rules.delete(rule);
      };
    },
    clear: () => rules.clear(),
    take: <K extends Trouble["kind"]>(request: CloudRequest, kinds: readonly K[]) => {
      for (const [rule, left] of rules) {
        if (!isOneOf(rule, kinds) || !matches(rule.match ?? {}, request)) continue;
        if (left <= 1) rules.delete(rule);
        else rules.set(rule, left - 1);
        return rule;
      }
      return null;
    },
  };
}

function isOneOf<K extends Trouble["kind"]>(
  rule: TroubleRule,
  kinds: readonly K[],
): rule is TroubleRule & Extract<Trouble, { kind: K }> {
  return kinds.some((kind) => kind === rule.kind);
}

function matches({ action, group, write }: TroubleMatch, request: CloudRequest): boolean {
  return (
    (action === undefined || action === request.action) &&
    (group === undefined || request.groups.includes(group)) &&
    (write === undefined || write === request.write)
  );
}
