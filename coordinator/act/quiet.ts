// How long a new leader leaves groups alone that refuse nothing (`conditional: false`), because a call of the leader
// before may still reach them: such a group takes the late size as it takes any. Groups that refuse what was computed
// from an older reading need no waiting. Pure, but for the clock it is given.
//
// The arithmetic, with a lease of L, on clocks that run at about the same speed:
// - A leader counts L from before his renewal left, we count it from when we saw the renewal, which is later. So at the
//   instant at which we take a silent leader's lease, his has run out, and he begins no call any more.
// - The deadline of each of his calls was at most what was left of his lease. So by then he has given all of them up,
//   and what is left is what had been sent and is not carried out yet: LATE_CALLS_MS, far above what a provider takes
//   over a size that it has accepted, is for that.
// - With the defaults: he dies at 0, just after a renewal. We see it within 0.9 s (we look each 0.75 s, or up to a fifth
//   later), take the lease as it runs out at 10.9 s, and call at 12.9 s, with 2.1 s left of the 15 that are allowed.
// - A process that was stopped between its last look at the clock and its request, and goes on when it is woken, is
//   beyond any waiting: only a group that refuses can help there.

import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { Leadership } from "../../shared/runtime/kube/lease.ts";

/** What was sent is carried out so long after nobody waits for it any more, or never. */
export const LATE_CALLS_MS = millis(2_000);

/**
 * For how long what leaders before have sent may still take effect, at whatever group. One who gave the lease back may
 * have cut off a call that was on its way (`lingering`): such a one has had no time yet, and gets that of any call.
 */
export function inheritedAfter(
  { predecessor: { kind }, sinceMs }: Pick<Leadership, "predecessor" | "sinceMs">,
  options: {
    readonly clock: Pick<Clock, "monotonic">;
    readonly leaseMs: Millis;
    readonly callDeadlineMs: Millis;
  },
): () => Millis {
  const { clock, leaseMs, callDeadlineMs } = options;
  const forMs = kind === "gave-back" ? callDeadlineMs + LATE_CALLS_MS : quietFor(kind, leaseMs);
  return () => millis(Math.max(0, sinceMs + forMs - clock.monotonic()));
}

/**
 * How long the groups of a policy, or of any policy, are still left alone. A leader who gave the lease back had stopped
 * before, and a policy that nobody led has nothing on its way.
 */
export function quietAfter(
  { predecessor, sinceMs }: Pick<Leadership, "predecessor" | "sinceMs">,
  {
    clock,
    leaseMs,
    wasLed,
  }: {
    readonly clock: Pick<Clock, "monotonic">;
    readonly leaseMs: Millis;
    readonly wasLed: (policy: string) => boolean;
  },
): (policy?: string) => Millis {
  const untilMs = sinceMs + quietFor(predecessor.kind, leaseMs);
  return (policy) => {
    if (policy !== undefined && !wasLed(policy)) return millis(0);
    return millis(Math.max(0, untilMs - clock.monotonic()));
  };
}

function quietFor(kind: Leadership["predecessor"]["kind"], leaseMs: Millis): number {
  switch (kind) {
    case "gave-back":
      return 0;
    case "silent":
      return LATE_CALLS_MS;
    case "none":
      // Somebody may have deleted the Lease under a leader, who learns of it with his next renewal.
      return leaseMs + LATE_CALLS_MS;
    default:
      return kind satisfies never;
  }
}
