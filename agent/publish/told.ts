// When the stream had what was told: a drain's own account of itself says how soon its notice was with everybody who
// listens. The newest few are kept; an agent sees no more in its life.

import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";

export interface Told {
  /** The stream has the message of this id (contract/notice.ts). */
  stored(messageId: string): void;
  /** When it had the first word of this interruption; null while it has not. */
  at(interruption: string): EpochMs | null;
}

const KEPT = 64;

export function createTold(clock: Pick<Clock, "now">): Told {
  const times = new Map<string, EpochMs>();
  return {
    stored: (messageId) => {
      const interruption = messageId.slice(0, messageId.lastIndexOf("/seen"));
      if (!messageId.endsWith("/seen") || times.has(interruption)) return;
      times.set(interruption, clock.now());
      const [oldest] = times.keys();
      if (times.size > KEPT && oldest !== undefined) times.delete(oldest);
    },
    at: (interruption) => times.get(interruption) ?? null,
  };
}
