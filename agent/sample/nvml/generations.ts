// The line of generations: the current one is sampled, a dead one is closed, and the next is opened after a
// pause that grows from 1 to 30 seconds, for as long as the agent lives. Each cycle has an answer: samples, or
// the named reason for having none.

import type { GpuCycle, GpuIdentity, GpuSource } from "../../../shared/model/gpu.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { openGeneration } from "./generation.ts";
import type { Generation } from "./generation.ts";
import type { LibraryOptions } from "./library.ts";
import type { MarkWriter } from "./marks.ts";
import { createBlocks } from "./reader.ts";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A generation that lived this long was a good one: the next failure starts from the shortest pause again. */
const GOOD_LIFE_MS = 30_000;

export interface Generations {
  /** One cycle. Calls the driver, so it takes as long as the driver does. */
  readonly cycle: () => GpuCycle;
  readonly close: () => void;
}

export function createGenerations(options: {
  readonly library: LibraryOptions;
  readonly marks: MarkWriter;
  readonly clock: Clock;
}): Generations {
  const { library, marks, clock } = options;
  const blockOf = createBlocks();
  let generation: Generation | null = null;
  let source: GpuSource = { state: "starting" };
  let known: readonly GpuIdentity[] = [];
  let openedAt = 0;
  let pauseMs = FIRST_PAUSE_MS;
  let retryAt = 0;

  const open = (): Generation | null => {
    const now = clock.monotonic();
    const result = openGeneration({ library, marks, blockOf, known, now });
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
  };

  const samples = (): GpuCycle["samples"] => {
    if (generation === null && clock.monotonic() >= retryAt) generation = open();
    let result = generation?.sample(clock.monotonic());
    if (result?.kind === "changed") {
      end();
      generation = open();
      result = generation?.sample(clock.monotonic());
    }
    if (result?.kind === "over") {
      pause(result.source);
      end();
    }
    return result?.kind === "samples" ? result.samples : [];
  };

  return {
    cycle: () => {
      const at = clock.now();
      const taken = samples();
      return { at, source, samples: taken };
    },
    close: end,
  };
}
