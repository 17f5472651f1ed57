// Calls that nobody waits for any more and that may still take effect: given up at their deadline, cut off with the leader
// that made them, or of a process that died. Until that time is over a move that is found not carried out is not called
// undone. Everything here is told by our own monotonic clock: wall clocks jump, and those of two replicas differ.
//
// How long a replacement waits at worst before it is asked for again, at the defaults: its leader dies at 0, with the
// intent written and the call not made; another one leads at 10.9 s (quiet.ts) and concludes at 12.9 s. A notice of 30 s
// leaves 17 s, one of two minutes 107 s. Where the leader lives on, it is two seconds after the call was given up.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { ActContext } from "./context.ts";
import type { Claim } from "./term.ts";

type Times = Pick<ActContext, "clock" | "maybeMs" | "inheritedMs">;

export interface LateCalls {
  /** Nobody saw the end of the move's call, and nobody waits for it from now on. */
  givenUp(key: string, times: Times): void;
  /** The move has ended, or has no call under way. */
  ended(key: string): void;
  /**
   * For how long the move's call may still take effect; 0: not any more. One of our own that we never gave up, because
   * its intent was written and nobody heard of it, counts from when it is first asked for here.
   */
  leftMs(move: MoveState, claim: Claim | null, times: Times): Millis;
  /** Whoever asks for one of these again counts it anew. */
  forgetOld(times: Times): void;
  /** When the next of our own calls can take effect no more; null: none waits. */
  soonestMs(times: Times): Millis | null;
}

/** Far longer than anything may be late; a move that is open so long after waits for its group to be read. */
const REMEMBERED_MS = 10 * 60_000;

export function createLateCalls(): LateCalls {
  /** Key → when it was given up. */
  const given = new Map<string, Millis>();

  const left = (atMs: Millis, { clock, maybeMs }: Times): Millis =>
    millis(Math.max(0, atMs + maybeMs - clock.monotonic()));

  return {
    givenUp: (key, { clock }) => void given.set(key, clock.monotonic()),
    ended: (key) => void given.delete(key),
    leftMs: (move, claim, times) => {
      if (claim !== null && move.term !== claim.term) return times.inheritedMs();
      const atMs = given.get(move.key) ?? times.clock.monotonic();
      given.set(move.key, atMs);
      return left(atMs, times);
    },
    forgetOld: ({ clock }) => {
      for (const [key, atMs] of given) if (clock.monotonic() - atMs > REMEMBERED_MS) given.delete(key);
    },
    soonestMs: (times) => {
      const waits = [...given.values()].map((atMs) => left(atMs, times)).filter((ms) => ms > 0);
      return waits.length === 0 ? null : millis(Math.min(...waits));
    },
  };
}
