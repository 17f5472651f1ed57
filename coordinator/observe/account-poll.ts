// Asks one cloud account for all the groups that we follow there, together: at a slow beat, sooner while places are on
// their way, and soon after our own write. It keeps what was seen last and when it was asked; what that means for a
// pool is cloud-reading.ts's business. A failure ends nothing: the next question comes when the account may be asked.

import type { Random } from "../../shared/model/random.ts";
import { elapsed, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS, kindOf } from "../../shared/runtime/errors.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { createPulse } from "../../shared/runtime/stream.ts";
import type { CloudAccount, GroupLook } from "../cloud/account.ts";

/** `at`: when it was asked, so that it is never younger than what it tells. */
export interface Seen {
  readonly look: GroupLook;
  readonly at: EpochMs;
}

export interface AccountPoll {
  /** What was seen last of a group; null: not yet. The first question about a key follows it from then on. */
  seen(key: string): Seen | null;
  /** Why the last question had no answer; null: it had one. */
  trouble(): string | null;
  /** Of all groups that are followed. Another object after each answer. */
  all(): ReadonlyMap<string, Seen | null>;
  /** Follows only these of those that it follows. */
  keepOnly(keys: ReadonlySet<string>): void;
  /** We have just written: ask soon, once for all writes of this moment. */
  touched(): void;
  /** How long ago the oldest answer was asked for; null when one group has none or none is followed. */
  ageMs(now: EpochMs): Millis | null;
  /** Ends with the signal. */
  run(signal: AbortSignal): Promise<void>;
}

export interface AccountPollOptions {
  readonly name: string;
  readonly account: () => Promise<CloudAccount>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Pick<Log, "warn" | "error">;
  /** Whether the group waits for machines that nobody else would tell us of. */
  readonly isMoving: (look: GroupLook) => boolean;
  readonly onChange: () => void;
}

const POLL_MS = 10_000;
/** While places are on their way. */
const MOVING_MS = 2_000;
/** After a question without an answer, so that one such costs no pool its size. */
const FAILED_MS = 3_000;
/** Writes of one cycle follow each other closely. */
const GATHER_MS = millis(50);
const GAP_MS = 1_000;
const DEADLINE_MS = millis(10_000);

export function createAccountPoll(options: AccountPollOptions): AccountPoll {
  const { name, clock, random, log, isMoving, onChange } = options;
  const pulse = createPulse(clock);
  let known = new Map<string, Seen | null>();
  let trouble: string | null = null;
  /** What `onChange` was called for. */
  let told = "";

  /** Null: it went well or there was nothing to ask; else for how long to leave the account alone at least. */
  async function ask(signal: AbortSignal): Promise<Millis | null> {
    if (known.size === 0) return null;
    const at = clock.now();
    const keys = [...known.keys()];
    let restMs: Millis | null = null;
    try {
      const account = await options.account();
      const looks = await account.look(keys, { signal, deadlineMs: DEADLINE_MS });
      const answered = new Set(keys);
      // What is followed may have changed meanwhile.
      known = new Map(
        [...known].map(([key, seen]) => {
          const look = looks.get(key) ?? {
            kind: "unknown",
            detail: `${name}: the answer says nothing of ${key}`,
          };
          return [key, answered.has(key) ? { look, at } : seen];
        }),
      );
      trouble = null;
    } catch (error) {
      signal.throwIfAborted();
      const detail = describe(error);
      if (detail !== trouble)
        log[ERROR_KINDS[kindOf(error)].logLevel]({ resource: name, error }, "cannot read groups");
      trouble = detail;
      restMs = millis((error instanceof AppError ? error.retryAfterMs : null) ?? 0);
    }
    const state = stateOf();
    if (state !== told) onChange();
    told = state;
    return restMs;
  }

  /** All that a reading is made of, but for its age. */
  function stateOf(): string {
    return JSON.stringify([trouble, [...known].map(([key, seen]) => [key, seen?.look])]);
  }

  return {
    seen: (key) => {
      const seen = known.get(key);
      if (seen !== undefined) return seen;
      known.set(key, null);
      pulse.trigger();
      return null;
    },
    trouble: () => trouble,
    all: () => known,
    keepOnly: (keys) => {
      known = new Map([...known].filter(([key]) => keys.has(key)));
    },
    touched: () => pulse.trigger(),
    ageMs: (now) => {
      const ages = [...known.values()].map((seen) => (seen === null ? Infinity : elapsed(seen.at, now)));
      const oldest = Math.max(...ages);
      return ages.length === 0 || oldest === Infinity ? null : millis(oldest);
    },
    run: async (signal) => {
      while (!signal.aborted) {
        const restMs = await ask(signal);
        const moving =
          restMs === null && [...known.values()].some((seen) => seen !== null && isMoving(seen.look));
        const usualMs = restMs === null ? POLL_MS : FAILED_MS;
        const beatMs = (moving ? MOVING_MS : usualMs) * (0.9 + 0.2 * random());
        await pulse.next({
          minGapMs: millis(Math.max(GAP_MS, restMs ?? 0)),
          maxWaitMs: millis(Math.max(beatMs, restMs ?? 0)),
          gatherMs: GATHER_MS,
          signal,
        });
      }
    },
  };
}
