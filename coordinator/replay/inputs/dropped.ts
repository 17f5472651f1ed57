// Rows that are well written and yet cannot be played, such as a job that never ran. They are left out and counted, by file
// and reason; what is wrongly written is not dropped but refused.

export interface Dropped {
  readonly file: string;
  readonly why: string;
  readonly rows: number;
  /** Where the first of them stands. */
  readonly firstLine: number;
}

export interface Drops {
  drop(line: number, why: string): void;
  list(): readonly Dropped[];
}

export function createDrops(file: string): Drops {
  const byReason = new Map<string, Dropped>();
  return {
    drop: (line, why) => {
      const known = byReason.get(why) ?? { file, why, rows: 0, firstLine: line };
      byReason.set(why, { ...known, rows: known.rows + 1 });
    },
    list: () => [...byReason.values()],
  };
}

export function droppedText({ file, why, rows, firstLine }: Dropped): string {
  return `${file}: ${rows} ${rows === 1 ? "row" : "rows"} left out, ${why} (first on line ${firstLine}).`;
}
