// What the sampler has told, kept for whoever asks: the history for windows, the last samples for a scrape, the
// source for probes. It takes in and answers; what follows from it is decided in assess and in the loop.

import type { GpuCycle, GpuSample, GpuSource } from "../shared/model/gpu.ts";
import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { changedAtOnce, NOTHING_SEEN, seenAfter, viewOf } from "./assess/view.ts";
import type { NodeView, Seen } from "./assess/view.ts";
import { createHistory } from "./assess/window.ts";

export interface Sight {
  onCycle(cycle: GpuCycle): void;
  onSource(source: GpuSource): void;
  view(): NodeView;
  /** Counts the changes that must not wait for the next report. */
  readonly revision: number;
  readonly seen: Seen;
  /** Of the last cycle; none once the source has stopped answering. */
  readonly samples: readonly GpuSample[];
  /** Null before the first cycle. */
  readonly ageMs: Millis | null;
}

/** `onChange` is called when `revision` has changed. */
export function createSight(options: {
  readonly intervalMs: Millis;
  readonly clock: Pick<Clock, "monotonic">;
  readonly onChange: () => void;
}): Sight {
  const { clock } = options;
  const history = createHistory(options.intervalMs);
  let seen = NOTHING_SEEN;
  let samples: readonly GpuSample[] = [];
  let sampledAt: Millis | null = null;
  let revision = 0;

  const become = (next: Seen): void => {
    const changed = changedAtOnce(seen, next);
    const others = next.gpus !== seen.gpus;
    seen = next;
    if (others) history.keepOnly(next.gpus.map((gpu) => gpu.uuid));
    if (!changed) return;
    revision++;
    options.onChange();
  };

  return {
    onCycle: (cycle) => {
      sampledAt = clock.monotonic();
      samples = cycle.samples;
      history.add(cycle.samples, sampledAt);
      become(seenAfter(seen, cycle));
    },
    onSource: (source) => {
      // Its last values would stand for as long as the driver does not answer, and pass for new ones in a scrape.
      if (source.state !== "ready") samples = [];
      become(seenAfter(seen, { source, samples: [] }));
    },
    view: () => viewOf(seen, history, clock.monotonic()),
    get revision() {
      return revision;
    },
    get seen() {
      return seen;
    },
    get samples() {
      return samples;
    },
    get ageMs() {
      return sampledAt === null ? null : millis(clock.monotonic() - sampledAt);
    },
  };
}
