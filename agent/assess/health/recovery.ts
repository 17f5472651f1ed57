// Whether a GPU has got over what events told of it: the driver has withdrawn what it asked for, the GPU that was lost
// answers again, or its counters have begun anew. Events have no opposite, so their end is read from this.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuSample, GpuUuid } from "../../../shared/model/gpu.ts";
import { SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { Case, Moment, Rhythm } from "./case.ts";
import { RECOVERY_ACTIONS } from "./catalogue.ts";
import { finite } from "./facts.ts";
import type { RememberedGpu } from "./memory.ts";

export interface Recovery {
  /** One cycle's sample. @returns which of the GPU's resettable cases are over by it. */
  follow(sample: GpuSample, cases: Iterable<Case>, now: Moment): (one: Case) => boolean;
  /** Of every GPU that was seen. */
  seen(): readonly Pick<RememberedGpu, "gpu" | "energy" | "wasLost">[];
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

/** `remembered`: of the agent before this one, in this boot. */
export function createRecovery({ slowMs }: Rhythm, remembered: readonly RememberedGpu[]): Recovery {
  const troubles = new Map<GpuUuid, Trouble>(
    remembered.map(({ gpu, energy, wasLost }) => [
      gpu,
      { ...newTrouble(), wasLost, energy: energy ?? undefined },
    ]),
  );
  return {
    follow: (sample, cases, now) => {
      const { uuid, readings } = sample;
      const trouble = troubles.get(uuid) ?? newTrouble();
      troubles.set(uuid, trouble);
      const energy = finite(valueOf(readings, "energy"));
      // It only grows until the driver is loaded anew or the GPU reset, but for a last digit.
      const anew = energy !== undefined && trouble.energy !== undefined && energy < trouble.energy / 2;
      trouble.energy = energy ?? trouble.energy;

      const action = known(valueOf(readings, "recoveryAction"));
      const lost = sample.state === "lost";
      const asked = lost || (action !== undefined && action > 0);
      if (asked) {
        trouble.at = now.steady;
        trouble.wasLost = lost;
        trouble.wellFrom = null;
      } else if (!readings.codes.includes(SUCCESS) || (action === undefined && !trouble.wasLost)) {
        // Nobody can say. A card that cannot be asked is well only when it answers after it was lost.
        trouble.wellFrom = null;
      } else trouble.wellFrom ??= now.steady;
      for (const one of cases)
        if (one.gpu === uuid && (asked || trouble.at >= one.firstAt - HEARD_LATE_MS)) seeAsked(one);

      // The energy is read each slow turn only: what was heard since the last one may be of after the reset.
      if (anew) return (one) => now.steady - one.badAt >= slowMs;
      if (trouble.wellFrom === null || now.steady - trouble.wellFrom < WITHDRAWN_AFTER_MS) return NONE;
      return (one) => one.asked && now.steady - one.badAt >= WITHDRAWN_AFTER_MS;
    },
    seen: () => [...troubles].map(([gpu, { energy, wasLost }]) => ({ gpu, energy: energy ?? null, wasLost })),
  };
}

/** An action that is not in our table asks for something that we cannot tell: neither trouble nor its end. */
function known(action: number | undefined): number | undefined {
  return action === 0 || RECOVERY_ACTIONS.some((row) => row.action === action) ? action : undefined;
}

function newTrouble(): Trouble {
  return { at: Number.NEGATIVE_INFINITY, wasLost: false, wellFrom: null, energy: undefined };
}

/** What the driver asks for after an event is the second source of it. */
function seeAsked(one: Case): void {
  one.asked = true;
  if (one.toldAt !== null) one.confirmed = true;
}
