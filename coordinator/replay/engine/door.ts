// The one door through which moves change a replay's groups, whoever decided them. A move takes effect at once, after the
// checks that the act layer makes before its calls, and the journal says what became of it, by the act layer's own pure
// functions. What only calls can meet, lost answers, conflicts, another leader, does not happen here.

import type { PolicyStatus } from "../../../shared/contract/policy/status.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import { takesNode } from "../../../shared/model/interruption.ts";
import type { Random } from "../../../shared/model/random.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createBudgets } from "../../act/budget.ts";
import type { Budgets } from "../../act/budget.ts";
import type { ValidPolicy } from "../../act/context.ts";
import { sharedOut } from "../../act/grow-together.ts";
import { EMPTY_STATUS, inFlight, journalOf, moveHash, withIntents, withOutcomes } from "../../act/moves.ts";
import type { Intended, Outcome, Settled } from "../../act/moves.ts";
import { createPauses } from "../../act/pauses.ts";
import { portionOf } from "../../act/portion.ts";
import { frozenBecause, recalledBecause, stoppedBecause } from "../../act/stopped.ts";
import { targetOf } from "../../cloud/target.ts";
import type { Grow, Move, Replace, Shrink } from "../../decide/plan.ts";
import { allowedNow, removalRefusedNow } from "../../decide/recheck.ts";
import type { Journal } from "../../decide/snapshot-memory.ts";
import type { Snapshot } from "../../decide/snapshot.ts";
import { marketOf } from "../../report/status-market.ts";
import type { SizerStep } from "../sizer.ts";
import type { CloudGroup } from "../world-cloud.ts";
import type { World } from "../world.ts";
import type { Agents } from "./agents.ts";
import type { Book } from "./book.ts";
import { unfilled } from "./readings.ts";

export interface Acted {
  readonly move: Pick<Move, "kind" | "policy" | "pool" | "because">;
  readonly outcome: Outcome;
}

export interface Door {
  journalOf(policy: string): Journal;
  /** Carries out what may be done of a step; `snapshot` is what it was decided on. */
  act(step: SizerStep, snapshot: Snapshot): void;
  /** Ends machines whose removal was begun and whose node is empty now. */
  finish(): void;
}

export interface DoorParts {
  readonly world: World;
  readonly book: Book;
  readonly agents: Agents;
  readonly clock: Clock;
  readonly random: Random;
  readonly onActed: (acted: Acted) => void;
}

const ORDER = ["replace", "grow", "release", "shrink"] as const satisfies readonly Move["kind"][];
/** As in the act layer: a place that was given back is not again for so long. */
const PLACE_LAGS_MS = 60_000;

export function createDoor(parts: DoorParts): Door {
  const { world, book, agents, clock, random, onActed } = parts;
  const statuses = new Map<string, PolicyStatus>();
  const journals = new WeakMap<PolicyStatus, Journal>();
  /** Key of a removal that is under way → its move, as it was decided. */
  const draining = new Map<string, Shrink>();
  const pauses = createPauses();
  let last: Snapshot | null = null;

  const statusOf = (policy: string): PolicyStatus => statuses.get(policy) ?? EMPTY_STATUS;

  function record(move: Intended, outcome: Outcome): void {
    pauses.note(move.key, outcome, { clock, random });
    const settled: Settled = { key: move.key, outcome };
    statuses.set(move.policy, withOutcomes(statusOf(move.policy), [settled], world.now));
    onActed({ move, outcome });
  }

  function groupOf(policy: ValidPolicy, pool: string): CloudGroup | null {
    const target = targetOf(policy.spec.nodePools.find(({ name }) => name === pool)?.group);
    return target?.kind === "simulated" ? world.clouds.group(target.simulated.name) : null;
  }

  function isDue(move: Intended): boolean {
    const known = statusOf(move.policy).moves.find(({ key }) => key === move.key);
    if (known !== undefined && inFlight(known)) return false;
    if (known?.phase === "applied" && (move.kind === "replace" || move.kind === "release")) {
      const at = parseInstant(known.at) ?? world.now;
      if (move.placeholder !== true || elapsed(at, world.now) <= PLACE_LAGS_MS) return false;
    }
    return pauses.isOver(move.key, clock);
  }

  /** Of moves of one kind and one pool, in their order. */
  function perform(moves: readonly Intended[], policy: ValidPolicy, budgets: Budgets): readonly Outcome[] {
    const [first] = moves;
    if (first === undefined) return [];
    const group = groupOf(policy, first.pool);
    if (group === null) return moves.map(() => failed("the pool has no group"));
    if (isGrowth(first)) return grow(moves.filter(isGrowth), group, policy, budgets);
    return moves.map((move) => {
      // Each has changed the group for the next one.
      const now = groupOf(policy, move.pool) ?? group;
      if (move.kind === "release")
        return move.placeholder === true
          ? giveBack(move, now, policy, budgets)
          : take(move, now, policy, budgets);
      if (move.kind !== "shrink") return failed("it is no removal");
      if (move.how === "empty") {
        const [pod] = book.podsOn(move.node);
        if (pod !== undefined) return failed(`pod ${pod.key} is on the node now`);
        return take(move, now, policy, budgets);
      }
      agents.drain(move.node, requestId(move));
      draining.set(move.key, move);
      return { kind: "draining", detail: "waiting for the agent" };
    });
  }

  function grow(
    moves: readonly (Grow | Replace)[],
    { name, desired, max }: CloudGroup,
    policy: ValidPolicy,
    budgets: Budgets,
  ): readonly Outcome[] {
    const end = moves.at(-1);
    if (end === undefined) return [];
    const nodes = moves.reduce((sum, { from, to }) => sum + (to - from), 0);
    if (desired >= end.to) return moves.map(() => ({ kind: "reached", size: desired }));
    const decided = Math.min(end.to - desired, nodes);
    const wanted = Math.min(decided, max - desired);
    if (wanted < 1)
      return moves.map(() =>
        failed(`the group's own maximum is ${max}, and it has ${desired} at the time of the call`),
      );
    const granted = budgets.growth(policy, end.pool).take(desired, wanted);
    if (granted < 1)
      return moves.map(() => failed(`limits leave no room above size ${desired} at the time of the call`));
    world.clouds.setDesired(name, desired + granted);
    const detail = granted < decided ? { detail: `${decided - granted} fewer than decided: limits` } : {};
    return sharedOut(
      moves,
      { kind: "applied", from: desired, to: desired + granted, ...detail },
      end.to - nodes,
    );
  }

  /** A place that no machine fills. */
  function giveBack(move: Intended, group: CloudGroup, policy: ValidPolicy, budgets: Budgets): Outcome {
    const { name, desired } = group;
    if (unfilled(group) === 0 || desired === 0) return { kind: "reached", size: desired };
    if (!budgets.removal(policy, move.pool).take(desired, disruptionOf(move)))
      return failed(`a minimum stands against less than ${desired} at the time of the call`);
    world.clouds.setDesired(name, desired - 1);
    return { kind: "applied", from: desired, to: desired - 1 };
  }

  /** Exactly this machine; one that its cloud takes leaves its group and runs on to its end. */
  function take(
    move: Extract<Intended, { readonly instance: string }>,
    { desired, instances }: CloudGroup,
    policy: ValidPolicy,
    budgets: Budgets,
  ): Outcome {
    const { instance: id, kind, pool } = move;
    if (!instances.some((member) => member.id === id && member.state !== "terminating"))
      return { kind: "reached", size: desired };
    if (!budgets.removal(policy, pool).take(desired, disruptionOf(move)))
      return failed(`a minimum stands against less than ${desired} at the time of the call`);
    if (kind === "release" && disruptionOf(move) === undefined) world.clouds.detach(id, { decrement: true });
    else world.clouds.terminate(id, { decrement: true });
    return { kind: "applied", from: desired, to: desired - 1 };
  }

  /** Null: it goes on. */
  function endOf(move: Shrink, snapshot: Snapshot, recalled: string | null): Outcome | null {
    const policy = snapshot.policies.find(({ name }) => name === move.policy);
    if (policy?.kind !== "valid") return failed("the policy is gone");
    const noticed = snapshot.notices.some((notice) => notice.node === move.node && takesNode(notice));
    const isGone = book.onNode(move.node) === undefined;
    if (isGone)
      return { kind: "applied", from: move.from, to: move.to, detail: "the instance left during the drain" };
    if (noticed) return failed("the node is under an interruption notice, which goes first");
    if (recalled !== null) return failed(recalled);
    if (book.podsOn(move.node).length > 0) return null;
    const group = groupOf(policy, move.pool);
    const limits = { allowedGrowth: allowedNow, removalRefused: removalRefusedNow };
    return group === null
      ? failed("the pool has no group any more")
      : take(move, group, policy, createBudgets(snapshot, limits));
  }

  function finish(recalls: ReadonlyMap<string, string>): void {
    if (last === null) return;
    for (const [key, move] of draining) {
      const outcome = endOf(move, last, recalls.get(key) ?? null);
      if (outcome === null) continue;
      draining.delete(key);
      if (outcome.kind === "failed") agents.callOff(move.node);
      record(move, outcome);
    }
  }

  return {
    journalOf: (policy) => {
      const status = statusOf(policy);
      let journal = journals.get(status);
      if (journal === undefined) {
        journal = journalOf(status);
        journals.set(status, journal);
      }
      return journal;
    },
    act: ({ moves, plan }, snapshot) => {
      last = snapshot;
      // What failed to launch is remembered by the decision and stands in the status, as the report writes it.
      for (const figures of plan?.figures ?? []) {
        const { offerings } = marketOf(figures);
        const status = statusOf(figures.policy);
        const isNew = (offerings?.length ?? 0) > 0 || (status.offerings?.length ?? 0) > 0;
        if (offerings !== undefined && isNew) statuses.set(figures.policy, { ...status, offerings });
      }
      const policies = new Map(snapshot.policies.map((policy) => [policy.name, policy]));
      const recalls = new Map<string, string>();
      for (const recall of plan?.recalls ?? []) recalls.set(recall.key, recalledBecause(recall) ?? "");
      for (const [key, { policy: name }] of draining) {
        const policy = policies.get(name);
        const stop = policy === undefined ? null : (stoppedBecause(policy) ?? frozenBecause(policy));
        if (stop !== null) recalls.set(key, stop);
      }
      finish(recalls);
      if (moves.length === 0) return;

      const due = portionOf(
        moves
          .filter(({ policy }) => {
            const known = policies.get(policy);
            return known !== undefined && stoppedBecause(known) === null;
          })
          .map((move) => intended(move, snapshot))
          .filter(isDue),
        (policy) => statusOf(policy).moves,
        world.now,
      );
      const budgets = createBudgets(snapshot, {
        allowedGrowth: allowedNow,
        removalRefused: removalRefusedNow,
      });
      for (const kind of ORDER) {
        const ofKind = due.filter((move) => move.kind === kind);
        for (const own of Map.groupBy(ofKind, ({ policy, pool }) => `${policy}/${pool}`).values()) {
          const policy = policies.get(own[0]?.policy ?? "");
          if (policy?.kind !== "valid") continue;
          statuses.set(policy.name, withIntents(statusOf(policy.name), own, world.now));
          const outcomes = perform(own, policy, budgets);
          for (const [at, move] of own.entries()) record(move, outcomes[at] ?? failed("nothing was done"));
        }
      }
      pauses.forgetOld(clock);
    },
    finish: () => finish(NOTHING),
  };
}

const NOTHING: ReadonlyMap<string, string> = new Map();

/** With what the group says of the place: whether a machine fills it. */
function intended(move: Move, { policies }: Snapshot): Intended {
  if (move.kind !== "release") return move;
  const policy = policies.find(({ name }) => name === move.policy);
  const pools = policy?.kind === "valid" ? policy.pools : [];
  const members = pools.find(({ name }) => name === move.pool)?.instances ?? [];
  return members.find(({ id }) => id === move.instance)?.placeholder === true
    ? { ...move, placeholder: true }
    : move;
}

function isGrowth(move: Intended): move is Intended & (Grow | Replace) {
  return move.kind === "grow" || move.kind === "replace";
}

function disruptionOf(move: Intended): Shrink["disruption"] {
  return "disruption" in move ? move.disruption : undefined;
}

function requestId({ key }: Shrink): string {
  return `${moveHash(key)}-replay`;
}

function failed(detail: string): Outcome {
  return { kind: "failed", detail };
}
