// What the coordinator answers to probes. Ready means that its picture of the cluster is complete; NATS and
// leadership are told and do not decide, because a replica that only follows, or has lost NATS, does its work.

import type { Check, Checks } from "../shared/runtime/admin.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import type { Observer } from "./observe/snapshot.ts";

export const LIVE_CHECKS: Checks = { process: () => ({ ok: true, detail: "running" }) };

export function readyChecks(parts: {
  readonly observer: Pick<Observer, "missing">;
  readonly nats: Pick<Nats, "state">;
  readonly isLeading: () => boolean;
  readonly clock: Pick<Clock, "now">;
}): Checks {
  const { observer, nats, isLeading, clock } = parts;
  return {
    kubernetes: (): Check => {
      const lacking = observer.missing(clock.now());
      return {
        ok: lacking.length === 0,
        detail: lacking.length === 0 ? "every watch is complete" : lacking.join("; "),
      };
    },
    nats: (): Check => {
      const state = nats.state();
      const detail = state.kind === "connected" ? `connected to ${state.server}` : `away: ${state.why}`;
      return { ok: state.kind === "connected", required: false, detail };
    },
    leader: (): Check => ({
      ok: true,
      required: false,
      detail: isLeading() ? "this replica leads" : "another replica leads, or none yet",
    }),
  };
}
