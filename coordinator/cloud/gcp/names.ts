// Names of machines that do not exist yet, as a managed instance group gives them: its base name and some letters. They
// are made before the call and kept until its end is known, so that the same growth asked for again names the same
// machines, and Google refuses the second of two that arrive.

import type { Clock } from "../../../shared/runtime/clock.ts";
import { createRecent } from "../recent.ts";

export interface Names {
  /** For a growth of the group from one size to another. */
  of(key: string, baseName: string, from: number, to: number): readonly string[];
  /** The size by now: a growth to it has been carried out, whatever its caller was told. */
  seen(key: string, size: number): void;
  /** The growth has been carried out or refused: the next one has names of its own. */
  settled(key: string): void;
}

interface Kept {
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
}

const NAME_MAX = 63;
/** As many as Google itself appends; more where the name has room, so that nobody guesses one that is taken. */
const LETTERS_MIN = 4;
const LETTERS_MAX = 8;

/** `letters` gives so many random ones of a to z and 0 to 9. */
export function createNames(clock: Clock, letters: (count: number) => string): Names {
  const kept = createRecent<Kept>(clock);

  return {
    of: (key, baseName, from, to) => {
      kept.sweep();
      const known = kept.get(key);
      if (known?.from === from && known.to === to) return known.names;
      const count = Math.max(LETTERS_MIN, Math.min(LETTERS_MAX, NAME_MAX - baseName.length - 1));
      const base = baseName.slice(0, NAME_MAX - count - 1);
      const names = new Set<string>();
      while (names.size < to - from) names.add(`${base}-${letters(count)}`);
      kept.set(key, { from, to, names: [...names] });
      return [...names];
    },
    seen: (key, size) => {
      if (kept.get(key)?.to === size) kept.delete(key);
    },
    settled: (key) => kept.delete(key),
  };
}
