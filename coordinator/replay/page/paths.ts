// Paths of an SVG from columns of numbers: steps, because a mean holds over its whole column, and areas between two of
// them. x counts columns, y counts from 0 at the bottom to HEIGHT at the top, so that a page can zoom by the view box
// alone. Whole numbers and relative moves keep a month small.

/** Height of every plot in its own units; the screen stretches it. */
export const HEIGHT = 1000;

export type Values = readonly (number | null)[];

/** One line of steps. Where nothing is known the line breaks. */
export function stepLine(values: Values, top: number): string {
  let path = "";
  let open = false;
  let last = 0;
  let run = 0;
  const flush = (): void => {
    if (run > 0) path += `h${run}`;
    run = 0;
  };
  values.forEach((value, at) => {
    if (value === null) {
      flush();
      open = false;
      return;
    }
    const y = yOf(value, top);
    if (!open) {
      path += `M${at} ${y}`;
      open = true;
    } else if (y !== last) {
      flush();
      path += `v${y - last}`;
    }
    last = y;
    run += 1;
  });
  flush();
  return path;
}

/** The area from `lower` up to `upper`, both of one length; it is left out where either is unknown. */
export function stepArea(lower: Values, upper: Values, top: number): string {
  let path = "";
  for (let from = 0; from < upper.length; from += 1) {
    if (at(lower, from) === null || at(upper, from) === null) continue;
    let to = from;
    while (to < upper.length && at(lower, to) !== null && at(upper, to) !== null) to += 1;
    const above = upper.slice(from, to).map((value) => yOf(value ?? 0, top));
    const below = lower.slice(from, to).map((value) => yOf(value ?? 0, top));
    path += `M${from} ${above[0] ?? HEIGHT}${steps(above, 1)}`;
    path += `V${below.at(-1) ?? HEIGHT}${steps([...below].reverse(), -1)}Z`;
    from = to;
  }
  return path;
}

/** Sums of the series from the first to each, so that they stand on each other. An unknown one adds nothing. */
export function stacked(series: readonly Values[]): readonly Values[] {
  const sums: (number | null)[][] = [];
  for (const values of series) {
    const below = sums.at(-1);
    sums.push(values.map((value, index) => (below?.[index] ?? 0) + (value ?? 0)));
  }
  return sums;
}

/** An upright mark at each place, `x` in columns; those nearer to each other than `grain` columns are one. */
export function ticks(places: readonly number[], grain: number, from = 0, to = HEIGHT): string {
  const rounded = new Set(places.map((x) => Number((Math.round(x / grain) * grain).toFixed(2))));
  return [...rounded].map((x) => `M${x} ${from}V${to}`).join("");
}

function steps(ys: readonly number[], direction: 1 | -1): string {
  let path = "";
  let last = ys[0] ?? 0;
  let run = 0;
  for (const y of ys) {
    if (y !== last) {
      if (run > 0) path += `h${run * direction}`;
      run = 0;
      path += `v${y - last}`;
      last = y;
    }
    run += 1;
  }
  return run > 0 ? `${path}h${run * direction}` : path;
}

function yOf(value: number, top: number): number {
  return Math.round(HEIGHT - (Math.max(0, Math.min(value, top)) / top) * HEIGHT);
}

function at(values: Values, index: number): number | null {
  return values[index] ?? null;
}
