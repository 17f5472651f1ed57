// What the agent's readiness probe asks, and the words of each answer. Only what the agent cannot work without fails
// the probe; the rest is shown.

import type { Check, Checks } from "../shared/runtime/admin.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import { sourceDetail } from "./assess/idle.ts";
import type { GpuWatch } from "./gpus.ts";
import type { OwnNode } from "./sample/node-watch.ts";
import type { Sight } from "./sight.ts";

export function readyChecks(parts: {
  readonly sight: Pick<Sight, "seen">;
  readonly own: OwnNode;
  readonly nats: Pick<Nats, "state">;
  readonly gpus: Pick<GpuWatch, "kernelLog" | "podResources">;
  readonly clock: Pick<Clock, "now">;
}): Checks {
  const { sight, own, nats, gpus, clock } = parts;
  const secondsSince = (at: number): number => Math.max(0, Math.round((clock.now() - at) / 1000));
  return {
    gpus: (): Check => ({ ok: sight.seen.source.state === "ready", detail: sourceDetail(sight.seen.source) }),
    kubernetes: (): Check => {
      const { synced, staleSince } = own.store;
      if (!synced) return { ok: false, detail: "the node has not been read yet" };
      if (own.current() === undefined)
        return { ok: false, detail: "the API server knows no node of this name" };
      if (staleSince === null) return { ok: true, detail: "the node is watched" };
      return { ok: false, detail: `nothing heard for ${secondsSince(staleSince)} s` };
    },
    nats: (): Check => {
      const state = nats.state();
      const detail = state.kind === "connected" ? `connected to ${state.server}` : `away: ${state.why}`;
      // The agent does its work without it; taking the pod out of service would help nobody.
      return { ok: state.kind === "connected", detail, required: false };
    },
    pods: (): Check => {
      const state = gpus.podResources.state();
      const detail =
        state.kind === "known"
          ? `${state.devices.length} devices held, heard ${secondsSince(state.at)} s ago`
          : `not known which pods hold which GPU: ${state.why}`;
      return { ok: state.kind === "known", detail, required: false };
    },
    kernelLog: (): Check => {
      const state = gpus.kernelLog.state();
      const detail =
        state.kind === "reading"
          ? `XIDs are read from ${state.from} as well`
          : `XIDs come from the driver alone: ${state.why}`;
      return { ok: state.kind === "reading", detail, required: false };
    },
  };
}
