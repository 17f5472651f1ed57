// Facts of several GPUs side by side, without a wall of words that are all the same: what differs stands in columns,
// what is alike stands once, names without a value stand together by their reason, and so do GPUs that say nothing.

import { table, widthsOf } from "../../shared/runtime/table.ts";
import type { Row } from "../../shared/runtime/table.ts";

interface OneGpu {
  readonly index: number;
}

/** `cell` is a value in words, or a reason as `reasonText` writes it. Empty when there are no GPUs. */
export function byGpu<Gpu extends OneGpu>(options: {
  readonly title: string;
  readonly gpus: readonly Gpu[];
  readonly names: readonly string[];
  readonly cell: (gpu: Gpu, name: string) => string;
  readonly width: number;
}): readonly string[] {
  const { title, names, cell, width } = options;
  const silent = new Map<Gpu, string>();
  for (const gpu of options.gpus) {
    const cells = new Set(names.map((name) => cell(gpu, name)));
    if ([...cells].every(isReason)) silent.set(gpu, [...cells].filter((text) => text !== "").join(", "));
  }
  const gpus = options.gpus.filter((gpu) => !silent.has(gpu));

  const different: string[] = [];
  const alike: Row[] = [];
  const without = new Map<string, string[]>();
  for (const name of gpus.length === 0 ? [] : names) {
    const [first = "", ...others] = new Set(gpus.map((gpu) => cell(gpu, name)));
    if (others.length > 0) different.push(name);
    else if (isReason(first)) without.set(first, [...(without.get(first) ?? []), name]);
    else alike.push([name, first]);
  }

  const unknown = [
    ...[...silent].map(([gpu, why]) => [`GPU ${gpu.index}`, why === "" ? "not asked" : `all ${why}`]),
    ...[...without].map(([why, of]) => [why === "" ? "not asked" : why, of.join(", ")]),
  ];
  const parts: readonly (readonly [string, string])[] = [
    [title, sideBySide(gpus, different, (gpu, name) => shortened(cell(gpu, name)), width)],
    [different.length === 0 ? title : `${title}, ALIKE ON ALL GPUS`, table(inTwoColumns(alike, width))],
    [`${title} WITHOUT A VALUE`, table(unknown, { width })],
  ];
  return parts.flatMap(([head, text]) => (text === "" ? [] : [`${head}\n${text}`]));
}

/** Down the left side first. Rows stay as they are where two of them have no room beside each other. */
function inTwoColumns(rows: readonly Row[], width: number): readonly Row[] {
  const half = Math.ceil(rows.length / 2);
  const beside = rows.slice(0, half).map((row, i) => [...row, ...(rows[half + i] ?? [])]);
  return rows.length > 1 && widthOf(beside) <= width ? beside : rows;
}

/** As many GPUs beside each other as the width has room for, the rest below. */
function sideBySide<Gpu extends OneGpu>(
  gpus: readonly Gpu[],
  names: readonly string[],
  cell: (gpu: Gpu, name: string) => string,
  width: number,
): string {
  if (names.length === 0) return "";
  const rowsOf = (some: readonly Gpu[]): readonly Row[] => [
    ["", ...some.map(({ index }) => `GPU ${index}`)],
    ...names.map((name) => [name, ...some.map((gpu) => cell(gpu, name))]),
  ];
  for (let tables = 1; ; tables++) {
    const each = Math.ceil(gpus.length / tables);
    const parts = Array.from({ length: tables }, (_, i) => rowsOf(gpus.slice(i * each, (i + 1) * each)));
    const isNarrow = parts.every((rows) => widthOf(rows) <= width);
    if (isNarrow || each <= 1) return parts.map((rows) => table(rows)).join("\n\n");
  }
}

/** Of a table of these rows, the last column included, with the space before it. */
function widthOf(rows: readonly Row[]): number {
  return widthsOf(rows.map((row) => [...row, ""])).reduce((sum, one) => sum + one + 2, 0);
}

const REASON = /^(?:unsupported|failed): (\w+) \(-?\d+\)$/;

function isReason(text: string): boolean {
  return text === "" || text === "pending" || REASON.test(text);
}

function shortened(text: string): string {
  return REASON.exec(text)?.[1] ?? text;
}
