// Draws a list of faults from a seed: how often each kind comes and how bad it is. Pure, and the same for the same seed.
// Reclaims come in bursts (bursts.ts), all else by itself.

import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { burstsOf, exponential, pickOf } from "./bursts.ts";
import { POLICY_EDITS } from "./fault.ts";
import type { Fault, FaultKind } from "./fault.ts";

export interface DrawOptions {
  readonly seed: number;
  /** Those that whoever plays them can bring about. */
  readonly kinds: readonly FaultKind[];
  readonly lengthMs: number;
  /** Between two faults, on average, reclaims apart. */
  readonly gapMs: number;
  /** The shortest and the longest trouble that lasts. */
  readonly spansMs: readonly [shortest: number, longest: number];
  readonly zones: readonly string[];
  readonly bursts: {
    readonly gapMs: number;
    readonly withinMs: number;
    readonly most: number;
    readonly noticesMs: readonly number[];
  };
  /** How far a clock may be set. */
  readonly stepMs: number;
}

const LAUNCH_FAILURES = ["no-capacity", "quota", "misconfigured"] as const;
const REFUSALS = [429, 500, 503, 504] as const;
const POINTS = ["now", "before-status", "after-status", "after-node", "in-call", "after-call"] as const;
const METADATA = ["silent", "refuses", "broken"] as const;

/** In the order of their moments. */
export function drawFaults(options: DrawOptions): readonly Fault[] {
  const { seed, kinds, lengthMs, gapMs, zones, bursts } = options;
  const random = seededRandom(seed);
  const single = kinds.filter((kind) => kind !== "reclaim");
  const faults: Fault[] = [];
  for (let at = exponential(random, gapMs); at < lengthMs; at += exponential(random, gapMs))
    faults.push(drawn(pickOf(single, random()), Math.floor(at), random, options));
  if (kinds.includes("reclaim"))
    for (const reclaim of burstsOf({ random, lengthMs, zones, ...bursts }))
      faults.push({ kind: "reclaim", ...reclaim });
  return faults.toSorted((a, b) => a.at - b.at);
}

function drawn(kind: FaultKind, at: number, random: Random, options: DrawOptions): Fault {
  const { spansMs, zones, stepMs, bursts } = options;
  const [shortest, longest] = spansMs;
  // Short troubles are frequent and long ones rare.
  const span = { at, forMs: Math.floor(shortest + (longest - shortest) * random() ** 3) };
  const pick = random();
  const count = 1 + Math.floor(4 * random());
  switch (kind) {
    case "stock-out":
      return { kind, ...span, zone: pickOf(zones, random()), left: Math.floor(3 * random()) };
    case "launches-fail":
      return { kind, ...span, pick, why: pickOf(LAUNCH_FAILURES, random()) };
    case "cloud-throttles":
      return { kind, ...span, retryAfterMs: Math.floor(1000 + 9000 * random()) };
    case "cloud-away":
    case "api-away":
    case "nats-away":
      return { kind, ...span };
    case "cloud-answers-lost":
    case "api-answers-lost":
    case "api-conflicts":
      return { kind, at, count };
    case "cloud-late":
      return { kind, at, count, lateMs: Math.floor(1900 * random()) };
    case "api-slow":
      return { kind, ...span, ms: Math.floor(50 + 2000 * random() ** 2) };
    case "api-refuses":
      return { kind, at, count, code: pickOf(REFUSALS, random()) };
    case "api-cut":
    case "watches-expire":
    case "leader-stops":
      return { kind, at };
    case "watches-stale":
      return { kind, ...span, silent: random() < 0.5 };
    case "leader-dies":
      return { kind, at, point: pickOf(POINTS, random()), nth: 1 + Math.floor(3 * random()) };
    case "agent-dies":
      return { kind, ...span, pick };
    case "metadata-away":
      return { kind, ...span, pick, how: pickOf(METADATA, random()) };
    case "node-lost":
      return { kind, at, pick };
    case "node-not-ready":
      return { kind, ...span, pick };
    case "reclaim":
      return { kind, at, pick, zone: pickOf(zones, random()), noticeMs: pickOf(bursts.noticesMs, random()) };
    case "policy-edit":
      return { kind, ...span, pick, edit: pickOf(POLICY_EDITS, random()) };
    case "clock-step":
      return { kind, ...span, pick, byMs: Math.floor(stepMs * (2 * random() - 1)) };
    default:
      return kind satisfies never;
  }
}
