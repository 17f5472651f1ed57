// The looks at one GPU's readings that the table of rules consists of. Each answers bad with its numbers, good, or
// nothing when the readings it needs are not there.

import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { Reading } from "../../../shared/model/gpu-readings.ts";
import { nameOf } from "../../../shared/model/nvml-status.ts";
import type { GpuFacts, WatchedCounter } from "./facts.ts";
import type { Telling } from "./rule.ts";

type Look = (facts: GpuFacts) => Telling;

/** The reading counts something of which there must be none. */
export function atLeastOne(name: GpuReadingName, words: string): Look {
  return ({ value }) => {
    const count = value(name);
    if (count === undefined) return undefined;
    return count > 0 ? { bad: `${words}: ${count}` } : "good";
  };
}

export const lostGpu: Look = ({ lost, answers }) => {
  if (lost) return { bad: "GPU_IS_LOST (15) in answer to every call" };
  return answers ? "good" : undefined;
};

/** Not lost, and of no use: its device file may be closed to us, so this is no verdict on the card. */
export const silentGpu: Look = ({ lost, answers, failure }) => {
  if (answers) return "good";
  return lost || failure === null ? undefined : { bad: `no call on it succeeds: ${nameOf(failure)}` };
};

export const resetRequired: Look = ({ answers, resetRequired: isRequired }) => {
  if (isRequired) return { bad: "RESET_REQUIRED (16) in answer to a call" };
  return answers ? "good" : undefined;
};

/** Nothing is said by an action that the table does not have. */
export function recoveryAction(action: number, words: string, known: readonly number[]): Look {
  return ({ value }) => {
    const asked = value("recoveryAction");
    if (asked === action) return { bad: `recovery action ${action}: the driver asks to ${words}` };
    return asked === 0 || (asked !== undefined && known.includes(asked)) ? "good" : undefined;
  };
}

const SLOWED_WINDOW_S = 600;
const SLOWED_SHARE = 0.01;
/** From here on the GPU should be given no new work until somebody has looked. */
const SLOWED_MUCH = 0.1;

/** A counter of seconds grew by more than 1 % of the last 10 minutes. */
export function slowedShare(counter: WatchedCounter, words: string): Look {
  return ({ growth }) => {
    const grown = growth(counter);
    if (grown === undefined) return undefined;
    // What has not been seen of the window counts as not slowed.
    const share = grown / SLOWED_WINDOW_S;
    if (share <= SLOWED_SHARE) return "good";
    const much = share > SLOWED_MUCH ? ", more than 10 %" : "";
    return { bad: `${words} for ${round(share * 100)} % of the last 10 minutes${much}` };
  };
}

/** A core at this temperature is far from every limit of every card: what says otherwise is not filled in. */
const COOL_C = 50;

export const noMargin: Look = ({ value }) => {
  const margin = value("temperatureMargin");
  if (margin === undefined || (margin <= 0 && (value("temperature") ?? COOL_C) < COOL_C)) return undefined;
  return margin <= 0 ? { bad: `${margin} degrees left until clocks are lowered, for 5 minutes` } : "good";
};

export const hotMemory: Look = ({ value, identity }) => {
  const temperature = value("memoryTemperature");
  const limit = known(identity?.details.memoryTemperatureMax);
  // Newer cards may give a distance where older ones give a temperature.
  if (temperature === undefined || limit === undefined || limit < COOL_C) return undefined;
  return temperature >= limit ? { bad: `memory at ${temperature} °C, its limit is ${limit} °C` } : "good";
};

/**
 * The card's highest width is what the machine can give only on bare metal. A guest is shown the card's own where the
 * host wires fewer lanes (T4 and A10G are sold so), and a GPU beside its CPU has its lanes for show: there, only what
 * this GPU or another of its model was seen to have can be missing.
 */
export const narrowLink: Look = ({ value, identity, pcieWidthSeen, siblings }) => {
  const width = value("pcieWidth");
  const most = known(identity?.details.pcieWidthMax);
  if (width === undefined || most === undefined || identity === undefined) return undefined;
  const { virtualization, numaNode } = identity.details;
  const isBare = known(virtualization) === BARE_METAL && numaNode.kind !== "value";
  const full = isBare ? most : Math.min(most, Math.max(width, pcieWidthSeen ?? 0, siblings?.pcieWidth ?? 0));
  return width < full ? { bad: `PCIe with ${width} of ${full} lanes` } : "good";
};

const BARE_METAL = 0;
const FABRIC_COMPLETED = 3;

/**
 * Replays for each lane and minute at a bit error rate of 1e-12, by PCIe generation: 16 GT/s and 60 s make 0.96. The
 * generation is the highest one of the link, since the link's own falls when it is idle.
 */
const REPLAYS_BY_GENERATION: Readonly<Record<number, number>> = {
  1: 0.15,
  2: 0.3,
  3: 0.48,
  4: 0.96,
  5: 1.92,
  6: 3.84,
};

export const replaysAboveLimit: Look = ({ value, growth, identity }) => {
  const replays = growth("pcieReplays");
  const lanes = value("pcieWidth") ?? known(identity?.details.pcieWidthMax);
  const generation = known(identity?.details.pcieGenerationMax) ?? value("pcieGeneration");
  const each = generation === undefined ? undefined : REPLAYS_BY_GENERATION[generation];
  if (replays === undefined || lanes === undefined || each === undefined) return undefined;
  const limit = each * lanes;
  if (replays <= limit) return "good";
  return {
    bad: `${replays} PCIe replays in a minute, the limit is ${round(limit)} at Gen${generation} x${lanes}`,
  };
};

/**
 * The GPU hangs on an NVSwitch and is a full member of its fabric. One that still registers has no links to speak of;
 * at a boot that takes minutes, and in a guest that was given one GPU of many it never ends.
 */
function onSwitch({ value }: GpuFacts): boolean {
  return value("fabricState") === FABRIC_COMPLETED;
}

/** The look, on systems with an NVSwitch, or on those without. */
export function switched(wanted: boolean, look: Look): Look {
  return (facts) => (onSwitch(facts) === wanted ? look(facts) : undefined);
}

/**
 * Without a switch the bridges of a card may join only some of its links: only what was up can be down. With a switch
 * all are wanted, unless none is: a partition of one GPU has its links off. So has a GPU that is cut by MIG.
 */
export function linksDown(withSwitch: boolean): Look {
  return ({ value, identity, nvlinksSeenUp, siblings }) => {
    const active = value("nvlinksActive");
    if (active !== undefined && identity?.mig.kind === "on") return "good";
    const isJoined = (nvlinksSeenUp ?? 0) > 0 || (siblings?.nvlinksUp ?? 0) > 0;
    const wanted = withSwitch && isJoined ? value("nvlinks") : nvlinksSeenUp;
    if (active === undefined || wanted === undefined) return undefined;
    return active < wanted ? { bad: `${active} of ${wanted} NVLinks up` } : "good";
  };
}

export function fabricIs(health: number, words: string): Look {
  return ({ value }) => {
    const reading = value("fabricHealth");
    // 0: the fabric has no word of its health, as while it registers.
    if (reading === undefined || reading === 0) return undefined;
    return reading === health ? { bad: `NVLink fabric ${words}` } : "good";
  };
}

const FAR_BELOW_POWER = 0.5;
const FAR_BELOW_CLOCK = 0.7;

/** Power or clocks far below the middle of at least two others of its model that are as busy. */
export const slowerThanPeers: Look = ({ value, peers }) => {
  // A GPU that is not busy has no peers.
  if (peers === undefined) return undefined;
  const power = pairOf(value("power"), peers.power);
  const clock = pairOf(value("smClock"), peers.smClock);
  if (power !== undefined && power.own < FAR_BELOW_POWER * power.theirs)
    return {
      bad: `${round(power.own)} W where ${peers.count} equally busy GPUs draw ${round(power.theirs)} W`,
    };
  if (clock !== undefined && clock.own < FAR_BELOW_CLOCK * clock.theirs) {
    const [own, theirs] = [round(clock.own / 1e6), round(clock.theirs / 1e6)];
    return { bad: `${own} MHz where ${peers.count} equally busy GPUs run at ${theirs} MHz` };
  }
  return power === undefined && clock === undefined ? undefined : "good";
};

function pairOf(
  own: number | undefined,
  theirs: number | undefined,
): { readonly own: number; readonly theirs: number } | undefined {
  return own === undefined || theirs === undefined ? undefined : { own, theirs };
}

function known(reading: Reading<number> | undefined): number | undefined {
  return reading?.kind === "value" ? reading.value : undefined;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
