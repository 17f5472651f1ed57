// The line of generations: the current one is sampled, a dead one is closed, and the next is opened after a
// pause that grows from 1 to 30 seconds, for as long as the agent lives. Each cycle has an answer: samples, or
// the named reason for having none. It also lets go of the driver when somebody wants to unload it.

import type { GpuCycle, GpuEvent, GpuIdentity, GpuSource, GpuSurvey } from "../../../shared/model/gpu.ts";
import { NOT_ASKED } from "../../../shared/model/nvml-status.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { kept } from "./device.ts";
import { createBlocks } from "./driver.ts";
import type { Events } from "./events.ts";
import { openGeneration } from "./generation.ts";
import type { Generation, GenerationOptions } from "./generation.ts";
import type { Library } from "./library.ts";
import { NO_SURVEY } from "./survey.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A generation that lived this long was a good one: the next failure starts from the shortest pause again. */
const GOOD_LIFE_MS = 30_000;
/**
 * A GPU that answers nothing may need a new connection, as after a reset. That is tried after this time, and then ever
 * less often, since a new connection costs the other GPUs the events of a moment.
 */
const FIRST_SILENCE_MS = 10_000;
const LONGEST_SILENCE_MS = 300_000;

/** Cutting a card tells of every instance; more than one new connection in this time would be for nothing. */
const RECUT_PAUSE_MS = 1_000;

const RELEASED: GpuSource = {
  state: "failed",
  call: "release",
  code: NOT_ASKED,
  detail: "released so that the driver can be unloaded",
};

export interface Generations {
  /** One cycle. Calls the driver, so it takes as long as the driver does. */
  readonly cycle: () => GpuCycle;
  /** What the driver reports by itself; null while there is no connection. */
  readonly events: () => Events | null;
  /** Does what an event asks for, besides being told. */
  readonly onEvents: (events: readonly GpuEvent[]) => void;
  readonly survey: () => GpuSurvey;
  /** Closes the driver and does not open it again until `resume`. */
  readonly release: () => void;
  readonly resume: () => void;
  readonly close: () => void;
}

export type GenerationsOptions = Omit<GenerationOptions, "blockOf" | "known" | "loaded" | "clock"> & {
  readonly clock: Pick<Clock, "now" | "monotonic">;
};

export function createGenerations(options: GenerationsOptions): Generations {
  const { clock } = options;
  const blockOf = createBlocks();
  let generation: Generation | null = null;
  let source: GpuSource = { state: "starting" };
  let known: readonly GpuIdentity[] = [];
  let loaded: Library | null = null;
  let released = false;
  let openedAt = 0;
  let pauseMs = FIRST_PAUSE_MS;
  let retryAt = 0;
  let recutAt: number | null = null;
  /** A MIG change was told too soon after another one; the next cycle looks. */
  let isRecut = false;
  let silentSince: number | null = null;
  let silenceMs = FIRST_SILENCE_MS;

  const open = (): Generation | null => {
    const result = openGeneration({ ...options, blockOf, known, loaded });
    loaded = result.kind === "not-open" ? result.loaded : null;
    if (result.kind === "not-open") {
      pause(result.source);
      return null;
    }
    openedAt = clock.monotonic();
    ({ source } = result.generation);
    known = result.generation.source.gpus;
    return result.generation;
  };

  const pause = (because: GpuSource): void => {
    const now = clock.monotonic();
    if (generation !== null && now - openedAt >= GOOD_LIFE_MS) pauseMs = FIRST_PAUSE_MS;
    source = because;
    retryAt = now + pauseMs;
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
  };

  const end = (): void => {
    generation?.close();
    generation = null;
    loaded?.unload();
    loaded = null;
  };

  /** As `end`, but for the library, which the next generation takes over. */
  const leave = (): void => {
    loaded = generation?.leave() ?? null;
    generation = null;
  };

  const reopen = (): void => {
    isRecut = false;
    leave();
    generation = open();
  };

  /** Whether a GPU has been silent for so long that a new connection is worth a try. */
  const isSilenceOver = (anySilent: boolean): boolean => {
    const now = clock.monotonic();
    if (!anySilent) {
      silentSince = null;
      silenceMs = FIRST_SILENCE_MS;
      return false;
    }
    silentSince ??= now;
    if (now - silentSince < silenceMs) return false;
    silentSince = now;
    silenceMs = Math.min(LONGEST_SILENCE_MS, silenceMs * 2);
    return true;
  };

  const samples = (): GpuCycle["samples"] => {
    if (released) return [];
    if (generation === null && clock.monotonic() >= retryAt) generation = open();
    else if (generation !== null && isRecut) reopen();
    let result = generation?.sample(clock.monotonic());
    if (result?.kind === "changed" && result.what === "driver") end();
    if (result?.kind === "changed" || (result?.kind === "samples" && isSilenceOver(result.anySilent))) {
      reopen();
      result = generation?.sample(clock.monotonic());
    }
    if (result?.kind === "over") {
      pause(result.source);
      leave();
    }
    return result?.kind === "samples" ? result.samples.map(kept) : [];
  };

  return {
    cycle: () => {
      const at = clock.now();
      const taken = samples();
      return { at, source, samples: taken };
    },
    events: () => generation?.events ?? null,
    onEvents: (events) => {
      if (generation === null) return;
      if (events.some(({ what }) => what.kind === "mig-changed")) {
        const now = clock.monotonic();
        isRecut = recutAt !== null && now - recutAt < RECUT_PAUSE_MS;
        if (isRecut) return;
        recutAt = now;
        reopen();
      } else if (events.some(({ what }) => what.kind === "recovery-action" || what.kind === "unavailable"))
        generation.hasten();
    },
    survey: () => generation?.survey() ?? NO_SURVEY,
    release: () => {
      released = true;
      end();
      source = RELEASED;
    },
    resume: () => {
      if (!released) return;
      released = false;
      source = { state: "starting" };
      retryAt = 0;
      pauseMs = FIRST_PAUSE_MS;
    },
    close: end,
  };
}
