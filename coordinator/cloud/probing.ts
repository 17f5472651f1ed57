// The limiter as a probe of rights uses it: the same pace, as reads, under names of their own, and a refusal that the probe
// is after counts as an answer. So no alarm rings for a call that was made to be refused.

import { kindOf } from "../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import type { Limiter } from "./limiter.ts";

/** What says something of the other side and nothing of our rights. */
export const SAYS_NOTHING_OF_RIGHTS: readonly ErrorKind[] = [
  "throttled",
  "unavailable",
  "timeout",
  "malformed",
  "bug",
];

/** Throws what `send` throws, as the limiter does; only what the limiter makes of it is another thing. */
export function probingLimiter(limiter: Pick<Limiter, "run">): Pick<Limiter, "run"> {
  return {
    run: async (call, options, send) => {
      const answer = await limiter.run(`ReadRight:${call}`, options, async (signal) => {
        try {
          return { kind: "sent", value: await send(signal) } as const;
        } catch (error) {
          if (signal.aborted || SAYS_NOTHING_OF_RIGHTS.includes(kindOf(error))) throw error;
          return { kind: "refused", error } as const;
        }
      });
      if (answer.kind === "refused") throw answer.error;
      return answer.value;
    },
  };
}
