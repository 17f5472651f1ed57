// Whether a GPU has got over what events told of it: the driver has withdrawn what it asked for, the GPU that was lost
// answers again, or its counters have begun anew. Events have no opposite, so their end is read from this.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuSample, GpuUuid } from "../../../shared/model/gpu.ts";
import type { Case, Moment } from "./case.ts";

export interface Recovery {
  /** One cycle's sample. @returns which of the GPU's resettable cases are over by it. */
  follow(sample: GpuSample, cases: Iterable<Case>, now: Moment): (one: Case) => boolean;
}

/** The driver has asked for something and has now asked for nothing for so long: what it was about is over. */
const WITHDRAWN_AFTER_MS = 60_000;
/** An event may be heard later than the reading that shows its consequence. */
const HEARD_LATE_MS = 5_000;

interface Trouble {
  /** Steady: when the driver last asked for something, or the GPU was last lost. */
  at: number;
  wasLost: boolean;
  /** Steady: since when neither is so. */
  wellFrom: number | null;
  energy: number | undefined;
}

const NONE = (): boolean => false;
const ALL = (): boolean => true;

export function createRecovery(): Recovery {
  const troubles = new Map<GpuUuid, Trouble>();
  return {
    follow: (sample, cases, now) => {
      const { uuid, readings } = sample;
      const trouble = troubles.get(uuid) ?? newTrouble();
      troubles.set(uuid, trouble);
      const energy = valueOf(readings, "energy");
      // A counter that only grows until the driver is loaded anew or the GPU reset.
      const anew = energy !== undefined && trouble.energy !== undefined && energy < trouble.energy;
      trouble.energy = energy ?? trouble.energy;

      const action = valueOf(readings, "recoveryAction");
      const lost = sample.state === "lost";
      const asked = lost || (action ?? 0) > 0;
      if (asked) {
        trouble.at = now.steady;
        trouble.wasLost = lost;
        trouble.wellFrom = null;
      } else if (action === undefined && !trouble.wasLost) {
        // Nobody can say. A card that cannot be asked is well only when it answers after it was lost.
        trouble.wellFrom = null;
      } else trouble.wellFrom ??= now.steady;
      for (const one of cases)
        if (one.gpu === uuid && (asked || trouble.at >= one.firstAt - HEARD_LATE_MS)) seeAsked(one);

      if (anew) return ALL;
      if (trouble.wellFrom === null || now.steady - trouble.wellFrom < WITHDRAWN_AFTER_MS) return NONE;
      return (one) => one.asked && now.steady - one.badAt >= WITHDRAWN_AFTER_MS;
    },
  };
}

function newTrouble(): Trouble {
  return { at: Number.NEGATIVE_INFINITY, wasLost: false, wellFrom: null, energy: undefined };
}

/** What the driver asks for after an event is the second source of it. */
function seeAsked(one: Case): void {
  one.asked = true;
  if (one.toldAt !== null) one.confirmed = true;
}
