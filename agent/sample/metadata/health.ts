// How the metadata services answer, over all places that are asked: one word for probes and metrics, and one log line
// for each change of it. It asks nobody.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createQuietLog } from "../../../shared/runtime/log.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import type { MetadataHealth } from "./source.ts";

export interface Health {
  /** This place may carry a notice, and has not answered yet. */
  expect(place: string): void;
  /** It has given a whole answer. */
  answered(place: string): void;
  failed(place: string, why: string): void;
  /** It can carry no notice on this machine and is no longer asked. */
  retire(place: string): void;
  readonly state: Exclude<MetadataHealth, { readonly state: "none" }>;
  /** Whether each place has given a whole answer at some time. */
  readonly complete: boolean;
}

interface Place {
  readonly everAnswered: boolean;
  /** Null: its last answer was a whole one, or there was none yet. */
  readonly why: string | null;
}

export function createHealth(options: {
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly log: Log;
  readonly onChange: () => void;
}): Health {
  const { clock, log, onChange } = options;
  const quiet = createQuietLog(log, clock);
  const places = new Map<string, Place>();
  let state: Health["state"] = { state: "starting" };
  let downSinceMs = 0;
  let complete = false;
  let told = false;

  function become(next: Health["state"]): void {
    if (next.state === "down" && state.state !== "down") {
      downSinceMs = clock.monotonic();
      quiet.log("down", "warn", { reason: next.why }, "the metadata service does not answer as it should");
      told = true;
    }
    if (next.state === "up" && state.state !== "up") {
      const ms = told ? { ms: Math.round(clock.monotonic() - downSinceMs) } : {};
      quiet.log("up", "info", ms, "the metadata service answers");
      told = false;
    }
    state = next;
  }

  function look(): void {
    const before = state.state;
    const wasComplete = complete;
    const all = [...places.values()];
    const why = all.find((place) => place.why !== null)?.why ?? null;
    complete = all.length > 0 && all.every(({ everAnswered }) => everAnswered);
    const since: EpochMs = clock.now();
    if (why !== null) become({ state: "down", since: state.state === "down" ? state.since : since, why });
    else if (!complete) become({ state: "starting" });
    else if (state.state !== "up") become({ state: "up", since });
    if (state.state !== before || complete !== wasComplete) onChange();
  }

  return {
    expect: (place) => {
      places.set(place, { everAnswered: false, why: null });
      look();
    },
    answered: (place) => {
      const known = places.get(place);
      // The usual case, each second.
      if (known?.everAnswered === true && known.why === null) return;
      places.set(place, { everAnswered: true, why: null });
      look();
    },
    failed: (place, why) => {
      places.set(place, { everAnswered: places.get(place)?.everAnswered ?? false, why });
      look();
    },
    retire: (place) => {
      if (places.delete(place)) look();
    },
    get state() {
      return state;
    },
    get complete() {
      return complete;
    },
  };
}
