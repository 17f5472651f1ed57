// Rows of text under each other for a terminal, each column as wide as its widest cell. The last cell of a row pushes
// nothing to the right, so it may be long: where a width is given it goes on in further lines. Nothing is cut.

export type Row = readonly string[];

/** Below it, words under each other are harder to read than a line that is too long. */
const NARROWEST = 40;

export function table(
  rows: readonly Row[],
  { indent = "  ", width = Infinity }: { readonly indent?: string; readonly width?: number } = {},
): string {
  const widths = widthsOf(rows);
  return rows
    .map((row) => {
      const before = row.slice(0, -1).map((cell, at) => `${cell.padEnd(widths[at] ?? 0)}  `);
      const start = indent + before.join("");
      const room = Math.max(NARROWEST, width - start.length);
      const lines = wrapped(row.at(-1) ?? "", room);
      return `${start}${lines.join(`\n${" ".repeat(start.length)}`)}`.trimEnd();
    })
    .join("\n");
}

/** Of each column but the last cells of rows. */
export function widthsOf(rows: readonly Row[]): readonly number[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.slice(0, -1).entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return widths;
}

/** At spaces; a word that is longer than a line stays whole. */
function wrapped(text: string, width: number): readonly string[] {
  if (text.length <= width) return [text];
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
