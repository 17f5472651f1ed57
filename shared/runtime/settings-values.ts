// The kinds of settings: how each is written, what it becomes, and what to say when a text does not have the
// form. Pure text work; which settings exist and where they come from is settings.ts.

import { bytes, millis } from "../model/units.ts";
import type { Bytes, Millis } from "../model/units.ts";
import { AppError } from "./errors.ts";

/** Ours start with GPUAS_; the others are set by Kubernetes itself or by the usual downward API names. */
type EnvironmentName =
  | `GPUAS_${string}`
  | "NODE_NAME"
  | "POD_NAME"
  | "POD_NAMESPACE"
  | "POD_IP"
  | `KUBERNETES_SERVICE_${"HOST" | "PORT"}`;

interface RowBase {
  readonly env: EnvironmentName;
  /** As a person would write it. `null`: optional, the value is null. Absent: required. */
  readonly default?: string | null;
  /** What the setting does, for the reference page: one sentence. */
  readonly sentence: string;
  /** Never printed. */
  readonly secret?: boolean;
}

/** `min` and `max` are written like a value of the row, both inclusive. */
export type SettingRow = RowBase &
  (
    | { readonly kind: "string" | "boolean" | "list" | "path" | "url" }
    | {
        readonly kind: "duration" | "size" | "integer" | "number";
        readonly min?: string;
        readonly max?: string;
      }
    | { readonly kind: "enum"; readonly values: readonly string[] }
  );

interface ValueOfKind {
  readonly string: string;
  readonly boolean: boolean;
  readonly list: readonly string[];
  readonly path: string;
  readonly url: string;
  readonly duration: Millis;
  readonly size: Bytes;
  readonly integer: number;
  readonly number: number;
}

export type ValueOf<Row extends SettingRow> = Row extends {
  readonly kind: "enum";
  readonly values: readonly (infer V)[];
}
  ? V
  : Row["kind"] extends keyof ValueOfKind
    ? ValueOfKind[Row["kind"]]
    : never;

/** "1h30m", "250ms", "0.5s" → milliseconds; null when it is not a duration. */
export function parseDuration(text: string): Millis | null {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (DURATION_UNITS_MS[unit ?? ""] ?? Number.NaN);
  }
  return Number.isFinite(total) ? millis(total) : null;
}

/** "16GiB", "512MiB", "100B" → bytes; null when it is not a size. Powers of 1000 are refused: people mean both. */
export function parseSize(text: string): Bytes | null {
  const match = /^(\d+(?:\.\d+)?)(B|KiB|MiB|GiB|TiB)$/.exec(text);
  const total = Number(match?.[1]) * (SIZE_UNITS_BYTES[match?.[2] ?? ""] ?? Number.NaN);
  return Number.isFinite(total) ? bytes(Math.round(total)) : null;
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

export type Parsed = { readonly value: unknown; readonly problem?: never } | { readonly problem: string };

export function parseValue(row: SettingRow, text: string): Parsed {
  const value = parseKind(row, text);
  // The value of a secret stays out of the error too: start-up errors end in logs.
  const shown = row.secret === true ? "the given value" : JSON.stringify(text);
  if (value === null) return { problem: `must be ${expectedForm(row)}, got ${shown}` };
  if (typeof value === "number" && "min" in row && row.min !== undefined && value < bound(row, row.min)) {
    return { problem: `must be at least ${row.min}, got ${shown}` };
  }
  if (typeof value === "number" && "max" in row && row.max !== undefined && value > bound(row, row.max)) {
    return { problem: `must be at most ${row.max}, got ${shown}` };
  }
  return { value };
}

function bound(row: SettingRow, text: string): number {
  const value = parseKind(row, text);
  if (typeof value !== "number") throw new AppError("bug", `${row.env}: the bound ${text} is no ${row.kind}`);
  return value;
}

/** null: the text does not have the form. */
function parseKind(row: SettingRow, text: string): string | number | boolean | readonly string[] | null {
  switch (row.kind) {
    case "string":
      return text;
    case "path":
      return text.includes("\0") ? null : text;
    case "url":
      return URL.canParse(text) ? text : null;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : null;
    case "list":
      return Object.freeze(
        text
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== ""),
      );
    case "enum":
      return row.values.includes(text) ? text : null;
    case "integer":
      return /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null;
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : null;
    case "duration":
      return parseDuration(text);
    case "size":
      return parseSize(text);
  }
}

/** ", from 200ms to 60s" */
export function boundsOf(row: SettingRow): string {
  if (!("min" in row || "max" in row)) return "";
  const { min, max } = row;
  if (min !== undefined && max !== undefined) return `, from ${min} to ${max}`;
  return min === undefined ? `, at most ${max ?? ""}` : `, at least ${min}`;
}

export function expectedForm(row: SettingRow): string {
  switch (row.kind) {
    case "string":
      return "text";
    case "path":
      return "a path";
    case "url":
      return "a URL";
    case "boolean":
      return "true or false";
    case "list":
      return "a list separated by commas";
    case "enum":
      return `one of ${row.values.join(", ")}`;
    case "integer":
      return "a whole number";
    case "number":
      return "a number";
    case "duration":
      return "a duration such as 30s, 500ms or 1h30m";
    case "size":
      return "a size such as 16GiB or 512MiB";
  }
}
