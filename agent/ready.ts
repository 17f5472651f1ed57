// What the agent's readiness probe asks, and the words of each answer. Only what the agent cannot work without fails
// the probe; the rest is shown.

import type { Check, Checks } from "../shared/runtime/admin.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import type { Drainer } from "./act/drain.ts";
import { sourceDetail } from "./assess/idle.ts";
import type { GpuWatch } from "./gpus.ts";
import type { MetadataWatch } from "./sample/metadata/source.ts";
import type { OwnNode } from "./sample/node-watch.ts";
import type { Sight } from "./sight.ts";

export function readyChecks(parts: {
  readonly sight: Pick<Sight, "seen">;
  readonly own: OwnNode;
  readonly nats: Pick<Nats, "state">;
  readonly gpus: Pick<GpuWatch, "kernelLog" | "podResources">;
  readonly metadata: Pick<MetadataWatch, "health" | "cloud">;
  readonly drainer: Pick<Drainer, "busy" | "state">;
  /** Aborted when the agent is asked to stop. */
  readonly stopping: AbortSignal;
  readonly clock: Pick<Clock, "now">;
}): Checks {
  const { sight, own, nats, gpus, metadata, drainer, clock } = parts;
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
    metadata: (): Check => {
      const { health, cloud } = metadata;
      switch (health.state) {
        case "starting":
          return { ok: false, detail: `${cloud ?? "the cloud"} has not answered yet`, required: false };
        case "up":
          return { ok: true, detail: `${cloud ?? "the metadata"} answers`, required: false };
        case "down":
          return {
            ok: false,
            detail: `not heard for ${secondsSince(health.since)} s: ${health.why}`,
            required: false,
          };
        case "none":
          return { ok: true, detail: "no cloud and no source of notices: drills only", required: false };
      }
    },
    drain: (): Check => {
      const { state, busy } = drainer;
      if (state === null) return { ok: true, detail: "none", required: false };
      const leftS = Math.round((state.deadline - clock.now()) / 1000);
      const until = leftS > 0 ? `${leftS} s left` : "its deadline has passed";
      const end =
        parts.stopping.aborted && busy ? "; the agent was asked to stop and goes on until then" : "";
      return { ok: true, detail: `${state.phase} (${state.source}), ${until}${end}`, required: false };
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
