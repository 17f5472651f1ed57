// The past as rows of local days by slots of the clock, where "the same time last week" is one step whatever the clocks
// did between. A slot that came twice is averaged, one that was skipped is filled between its neighbours.

import type { LocalBin } from "./calendar.ts";
import type { Model } from "./model.ts";
import type { Setup } from "./options.ts";

/** NaN: not known. `slot` may lie a little outside its day. */
export function valueAt({ days, rowDay }: Model, { slots }: Setup, day: number, slot: number): number {
  if (slot < 0) return cell(days, rowDay, slots, day - 1, slot + slots);
  return slot >= slots
    ? cell(days, rowDay, slots, day + 1, slot - slots)
    : cell(days, rowDay, slots, day, slot);
}

function cell(days: Float32Array, rowDay: Float64Array, slots: number, day: number, slot: number): number {
  const row = day % rowDay.length;
  return rowDay[row] === day ? (days[row * slots + slot] ?? Number.NaN) : Number.NaN;
}

export function putValue(model: Model, { slots }: Setup, { day, slot }: LocalBin, value: number): void {
  const row = openDay(model, slots, day);
  const place = row * slots + slot;
  const there = model.days[place] ?? Number.NaN;
  model.days[place] = Number.isNaN(there) ? value : (there + value) / 2;
}

/** The clock went from `from` straight to `to`: what lies between never was, and is drawn as a line. */
export function fillSkipped(
  model: Model,
  setup: Setup,
  from: LocalBin & { readonly value: number },
  to: LocalBin & { readonly value: number },
): void {
  const { slots } = setup;
  const count = (to.day - from.day) * slots + to.slot - from.slot;
  for (let step = 1; step < count; step++) {
    const at = from.slot + step;
    const day = from.day + Math.floor(at / slots);
    putValue(model, setup, { day, slot: at % slots }, from.value + ((to.value - from.value) * step) / count);
  }
}

/** How far the day has been from its profile so far: what tells an odd day. */
export function addDistance(model: Model, { day }: LocalBin, distance: number): void {
  const row = day % model.rowDay.length;
  if (model.rowDay[row] !== day) return;
  const count = (model.rowCount[row] ?? 0) + 1;
  model.rowCount[row] = count;
  model.rowDistance[row] = (model.rowDistance[row] ?? 0) + (distance - (model.rowDistance[row] ?? 0)) / count;
}

function openDay(model: Model, slots: number, day: number): number {
  const row = day % model.rowDay.length;
  if (model.rowDay[row] !== day) {
    model.rowDay[row] = day;
    model.rowDistance[row] = 0;
    model.rowCount[row] = 0;
    model.days.fill(Number.NaN, row * slots, (row + 1) * slots);
  }
  return row;
}
