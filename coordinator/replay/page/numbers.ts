// Figures as people read them, each with its exact value beside it: `<data value>` holds what the run says and the text
// what fits a table. Unknown is a word, never a zero. It works out nothing.

import { html } from "./html.ts";
import type { Html } from "./html.ts";

export type Unit =
  | "usd"
  | "share"
  | "seconds"
  | "hours"
  | "gpu-hours"
  | "gpu-minutes"
  | "count"
  | "factor"
  | "rate";

export const UNKNOWN = "unknown";

const DIGITS: Readonly<Record<Unit, number>> = {
  usd: 2,
  share: 1,
  seconds: 0,
  hours: 1,
  "gpu-hours": 1,
  "gpu-minutes": 0,
  count: 0,
  factor: 2,
  rate: 4,
};

/** `value` in its unit; null is unknown. Shares come as fractions and are shown in percent. */
export function shown(value: number | null, unit: Unit): string {
  if (value === null || !Number.isFinite(value)) return UNKNOWN;
  switch (unit) {
    case "usd":
      return usd(value);
    case "share":
      return `${grouped(value * 100, DIGITS.share)} %`;
    case "seconds":
      return seconds(value);
    case "factor":
      return `× ${grouped(value, DIGITS.factor)}`;
    case "count":
      // A mean over runs is rarely whole.
      return grouped(value, Number.isInteger(value) ? 0 : 1);
    case "hours":
    case "gpu-hours":
    case "gpu-minutes":
    case "rate":
      return grouped(value, DIGITS[unit]);
  }
}

/** A figure for a table or a sentence. */
export function figure(value: number | null, unit: Unit): Html {
  return value === null
    ? html`<span class="unknown">${UNKNOWN}</span>`
    : html`<data value="${value}">${shown(value, unit)}</data>`;
}

export function usd(value: number): string {
  // From a thousand dollars on nobody reads the cents; below a cent zero would be a lie.
  const digits = Math.abs(value) >= 10_000 ? 0 : Math.abs(value) >= 0.01 || value === 0 ? 2 : 4;
  return `${value < 0 ? "−" : ""}$${grouped(Math.abs(value), digits)}`;
}

function seconds(value: number): string {
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size < 10) return `${sign}${grouped(size, Number.isInteger(size) ? 0 : 1)} s`;
  const whole = Math.round(size);
  if (whole < 120) return `${sign}${whole} s`;
  if (whole < 7200) return `${sign}${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(size / 60);
  return `${sign}${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 1234567.8 → 1,234,567.8, the same in every locale. */
export function grouped(value: number, digits: number): string {
  const [whole = "0", rest] = Math.abs(value).toFixed(digits).split(".");
  const negative = value < 0 && Number(Math.abs(value).toFixed(digits)) !== 0;
  const marked = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${negative ? "−" : ""}${marked}${rest === undefined ? "" : `.${rest}`}`;
}

/** For the side of a plot: three figures at most, with k and M. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (size >= 1e4) return `${trimmed(value / 1e3)}k`;
  return size >= 1000 ? grouped(value, 0) : trimmed(value);
}

function trimmed(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}
