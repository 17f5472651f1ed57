// From where a replay begins, so many times: drawn by the seed, the same for every policy. Where there is a market with room
// it is shifted under the workload; else the window is shifted along the workload. Nothing wraps around.

import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { Inputs } from "./inputs/inputs.ts";
import type { Offset } from "./inputs/window.ts";

/** To whole minutes: finer draws would tell nobody anything. */
const GRAIN_MS = 60_000;

export type Room = Pick<Inputs, "fromMs" | "lengthMs" | "drainMs" | "workMs" | "marketMs">;

/** How far each of the two can be shifted, in milliseconds. */
export function roomOf({ fromMs, lengthMs, drainMs, workMs, marketMs }: Room): {
  readonly market: number;
  readonly work: number;
} {
  return {
    market: Math.max(0, (marketMs ?? 0) - lengthMs - drainMs),
    work: Math.max(0, workMs - fromMs - lengthMs),
  };
}

/** The first one is the beginning itself. @throws AppError bad-input where there is no room for more than one. */
export function drawOffsets(room: Room, count: number, seed: number): readonly Offset[] {
  const { market, work } = roomOf(room);
  const { fromMs } = room;
  const shifted = market > 0 ? market : work;
  // A draw lies below what is left to shift by, so that there are no more places than whole or begun minutes in it.
  if (count > Math.max(1, Math.ceil(shifted / GRAIN_MS)))
    throw new AppError(
      "bad-input",
      `offsets: ${count} starts do not fit, since the window of ${(room.lengthMs + room.drainMs) / 1000} s leaves ${shifted / 1000} s to shift it by; set a shorter length, or 1 offset`,
    );
  const random = seededRandom(seed);
  const places = new Set([0]);
  while (places.size < count) places.add(Math.floor((random() * shifted) / GRAIN_MS) * GRAIN_MS);
  return [...places].map((by, index) =>
    market > 0
      ? { index, workMs: fromMs, marketMs: by }
      : { index, workMs: fromMs + by, marketMs: room.marketMs === null ? by : 0 },
  );
}
