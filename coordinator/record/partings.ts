// Where two rows of plans go apart: for each pool what the one does and the other does not. Moments on end in which a pool
// is answered by the same two kinds are one parting, so that a month of cycles is a list that can be read.

import type { Reason } from "../../shared/model/reasons.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Move, Plan } from "../decide/plan.ts";

/** What a plan says of one pool. */
export interface Answer {
  /** Kinds of its moves in order, joined by " and "; "hold" where there is none, "nothing" where the plan knows no such pool. */
  readonly kind: string;
  /** The moves as a person names them; empty for a hold. */
  readonly moves: readonly string[];
  readonly because: readonly Reason[];
}

export interface Parting {
  readonly at: EpochMs;
  /** The last decision at which it was so. */
  readonly until: EpochMs;
  readonly decisions: number;
  readonly policy: string;
  readonly pool: string;
  readonly recorded: Answer;
  readonly now: Answer;
}

export interface Partings {
  /** The first ones in order of time, at most 1,000. */
  readonly first: readonly Parting[];
  readonly leftOut: number;
  /** `<recorded> → <now>` → how often. */
  readonly byKind: Readonly<Record<string, { readonly partings: number; readonly decisions: number }>>;
  /** Answers for a pool with the same moves and other reasons. */
  readonly otherReasons: number;
}

const MAX_LISTED = 1_000;

export function createPartings(): {
  add(at: EpochMs, recorded: Plan, now: Plan): void;
  end(): Partings;
} {
  const open = new Map<string, { parting: Parting; signature: string }>();
  const first: Parting[] = [];
  const byKind: Record<string, { partings: number; decisions: number }> = {};
  let leftOut = 0;
  let otherReasons = 0;

  function close(key: string): void {
    const ending = open.get(key);
    if (ending === undefined) return;
    open.delete(key);
    const { parting } = ending;
    const kind = `${parting.recorded.kind} → ${parting.now.kind}`;
    const count = (byKind[kind] ??= { partings: 0, decisions: 0 });
    count.partings++;
    count.decisions += parting.decisions;
    if (first.length < MAX_LISTED) first.push(parting);
    else leftOut++;
  }

  return {
    add: (at, recordedPlan, nowPlan) => {
      const [recorded, now] = [answersOf(recordedPlan), answersOf(nowPlan)];
      for (const key of new Set([...recorded.keys(), ...now.keys(), ...open.keys()])) {
        const [one, other] = [recorded.get(key) ?? NOTHING, now.get(key) ?? NOTHING];
        if (one.kind === other.kind && one.moves.join() === other.moves.join()) {
          if (JSON.stringify(one.because) !== JSON.stringify(other.because)) otherReasons++;
          close(key);
          continue;
        }
        const signature = `${one.kind}|${other.kind}`;
        const known = open.get(key);
        if (known?.signature === signature) {
          const { parting } = known;
          known.parting = { ...parting, until: at, decisions: parting.decisions + 1 };
          continue;
        }
        close(key);
        const [policy = "", pool = ""] = key.split("/");
        const parting = { at, until: at, decisions: 1, policy, pool, recorded: one, now: other };
        open.set(key, { parting, signature });
      }
    },
    end: () => {
      for (const key of open.keys()) close(key);
      return { first: first.toSorted((a, b) => a.at - b.at), leftOut, byKind, otherReasons };
    },
  };
}

const NOTHING: Answer = { kind: "nothing", moves: [], because: [] };

/** `<policy>/<pool>` → what the plan says of it. */
function answersOf(plan: Plan): ReadonlyMap<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const { policy, pool, because } of plan.holds)
    answers.set(`${policy}/${pool}`, { kind: "hold", moves: [], because });
  for (const move of plan.moves) {
    const key = `${move.policy}/${move.pool}`;
    const before = answers.get(key);
    const earlier = before === undefined || before.kind === "hold" ? null : before;
    answers.set(key, {
      kind: earlier === null ? move.kind : joined(earlier.kind, move.kind),
      moves: [...(earlier?.moves ?? []), textOf(move)],
      because: [...(earlier?.because ?? []), ...move.because],
    });
  }
  return answers;
}

function joined(kinds: string, kind: string): string {
  return kinds.split(" and ").includes(kind) ? kinds : `${kinds} and ${kind}`;
}

function textOf(move: Move): string {
  const sizes = `${move.kind} ${move.from} → ${move.to}`;
  return "node" in move ? `${sizes} (${move.node})` : sizes;
}
