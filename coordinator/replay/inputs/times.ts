// How long things take in a replay where the scenario does not say: one table, printed with every result, so that nobody
// reads a figure without the times behind it. None of them is measured on the user's own fleet.

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { PoolModel, TimeModel } from "../scenario.ts";
import type { Span } from "../world-options.ts";
import type { TimesWritten } from "./scenario-file.ts";

const S = 1000;

/** Notices as the clouds publish them; of several clouds the shortest counts for all. */
const NOTICE_MS: Readonly<Record<PoolModel["provider"], number>> = {
  aws: 120 * S,
  gcp: 30 * S,
  azure: 30 * S,
};

const DEFAULTS = {
  nodeReadyMs: millis(240 * S),
  jobStartMs: millis(0),
  /** A replica loads its model: between the half and the nine tenths of what production pods took. */
  serviceStartMs: [millis(23 * S), millis(42 * S)] as const,
  checkpointEveryMs: millis(1800 * S),
  checkpointTakesMs: millis(60 * S),
  restartMs: millis(180 * S),
  launchRetryMs: millis(300 * S),
};

export function timesOf(written: TimesWritten, pools: readonly Pick<PoolModel, "provider">[]): TimeModel {
  const { checkpointEvery, serviceStart, nodeReady } = written;
  const shortest = Math.min(...pools.map(({ provider }) => NOTICE_MS[provider]));
  return {
    nodeReadyMs: nodeReady ?? DEFAULTS.nodeReadyMs,
    jobStartMs: written.jobStart ?? DEFAULTS.jobStartMs,
    serviceStartMs: serviceStart ?? DEFAULTS.serviceStartMs,
    noticeMs: written.notice ?? millis(Number.isFinite(shortest) ? shortest : 0),
    handlesNotices: written.handlesNotices ?? true,
    checkpointEveryMs: checkpointEvery === "never" ? null : (checkpointEvery ?? DEFAULTS.checkpointEveryMs),
    checkpointTakesMs: written.checkpointTakes ?? DEFAULTS.checkpointTakesMs,
    restartMs: written.restart ?? DEFAULTS.restartMs,
    launchRetryMs: written.launchRetry ?? DEFAULTS.launchRetryMs,
  };
}

/** As one sentence. */
export function timesText(times: TimeModel): string {
  const notice = times.handlesNotices ? `acted on ${inWords(times.noticeMs)} before` : "not acted on";
  const saved = times.checkpointEveryMs === null ? "never" : `each ${inWords(times.checkpointEveryMs)}`;
  return `Times: a node is ready ${inWords(times.nodeReadyMs)} after it is asked for, a job runs ${inWords(times.jobStartMs)} and a replica ${inWords(times.serviceStartMs)} after it is placed; an interruption is ${notice}; work is saved ${saved}, which takes ${inWords(times.checkpointTakesMs)} at a notice, and goes on ${inWords(times.restartMs)} after a loss; a group tries again ${inWords(times.launchRetryMs)} after a failed launch.`;
}

function inWords(span: Span): string {
  if (typeof span === "number") return lengthText(span);
  const [shortest, longest] = span;
  return shortest === longest ? lengthText(shortest) : `${lengthText(shortest)} to ${lengthText(longest)}`;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400 * S],
  ["h", 3600 * S],
  ["m", 60 * S],
  ["s", S],
  ["ms", 1],
];

/** Written as a duration is read: 90000 → 1m30s. */
export function lengthText(ms: Millis | number): string {
  let left = Math.round(ms);
  const parts = UNITS.map(([unit, size]) => {
    const whole = Math.floor(left / size);
    left -= whole * size;
    return whole === 0 ? "" : `${whole}${unit}`;
  });
  return parts.join("") || "0s";
}
