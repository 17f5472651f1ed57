// What the sampler, the kubelet and the verdicts on health have told, kept for whoever asks: the history for windows,
// the last samples for a scrape, the source for probes. It takes in and answers; what follows from it is decided in
// assess and in the loop.

import type { GpuAllocation } from "../shared/model/gpu-allocation.ts";
import type { HealthFinding, NodeHealth } from "../shared/model/gpu-health.ts";
import type { GpuCycle, GpuSample, GpuSource } from "../shared/model/gpu.ts";
import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import {
  changedAtOnce,
  markOf,
  NOTHING_KNOWN,
  NOTHING_SEEN,
  seenAfter,
  unsupportedBy,
  viewOf,
} from "./assess/view.ts";
import type { Known, NodeView, Seen } from "./assess/view.ts";
import { createHistory } from "./assess/window.ts";

export interface Sight {
  onCycle(cycle: GpuCycle): void;
  onSource(source: GpuSource): void;
  onAllocation(allocation: GpuAllocation): void;
  /** All findings that stand now, and what they make of the node. */
  onHealth(findings: readonly HealthFinding[], node: NodeHealth): void;
  view(): NodeView;
  /** Counts the changes that must not wait for the next report. */
  readonly revision: number;
  readonly seen: Seen;
  readonly allocation: GpuAllocation;
  readonly findings: readonly HealthFinding[];
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
  let known = NOTHING_KNOWN;
  let mark = markOf(known);
  let samples: readonly GpuSample[] = [];
  let sampledAt: Millis | null = null;
  let revision = 0;

  const become = (nextSeen: Seen, nextKnown: Known): void => {
    const nextMark = nextKnown === known ? mark : markOf(nextKnown);
    const changed = changedAtOnce(seen, nextSeen) || nextMark !== mark;
    const others = nextSeen.gpus !== seen.gpus;
    seen = nextSeen;
    known = nextKnown;
    mark = nextMark;
    if (others) history.keepOnly(nextSeen.gpus.map((gpu) => gpu.uuid));
    if (!changed) return;
    revision++;
    options.onChange();
  };
  const learn = (more: Partial<Known>): void => {
    become(seen, { ...known, ...more });
  };

  return {
    onCycle: (cycle) => {
      sampledAt = clock.monotonic();
      samples = cycle.samples;
      const next = seenAfter(seen, cycle);
      history.add(cycle.samples, next.gpus, sampledAt);
      const unsupported = unsupportedBy(cycle.samples);
      const same = unsupported === null || unsupported.join() === known.unsupported.join();
      become(next, same ? known : { ...known, unsupported });
    },
    onSource: (source) => {
      // Its last values would stand for as long as the driver does not answer, and pass for new ones in a scrape.
      if (source.state !== "ready") samples = [];
      become(seenAfter(seen, { source, samples: [] }), known);
    },
    onAllocation: (allocation) => {
      learn({ allocation });
    },
    onHealth: (findings, health) => {
      learn({ findings, health });
    },
    view: () => viewOf(seen, known, history, clock.monotonic()),
    get revision() {
      return revision;
    },
    get seen() {
      return seen;
    },
    get allocation() {
      return known.allocation;
    },
    get findings() {
      return known.findings;
    },
    get samples() {
      return samples;
    },
    get ageMs() {
      return sampledAt === null ? null : millis(clock.monotonic() - sampledAt);
    },
  };
}
