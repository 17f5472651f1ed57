// How far a back-test is and how long it will still take, by the runs of this call alone: runs that were kept cost nothing.

export interface Progress {
  begin(text: string): void;
  played(name: string): void;
}

export interface ProgressOptions {
  readonly now: () => number;
  readonly write: (text: string) => void;
}

/** A line at most so often. */
const EVERY_MS = 5_000;

export function createProgress(of: number, { now, write }: ProgressOptions): Progress {
  const begun = now();
  let done = 0;
  let saidAt = -Infinity;
  return {
    begin: (text) => write(`${text}\n`),
    played: (name) => {
      done += 1;
      const at = now();
      if (at - saidAt < EVERY_MS && done < of) return;
      saidAt = at;
      const leftS = (((at - begun) / done) * (of - done)) / 1000;
      write(`${done} of ${of}, about ${Math.ceil(leftS / 60)} min left: ${name}\n`);
    },
  };
}
