// Whether the agent's memory grows: half an hour at twenty cycles a second, ten hours' worth of an agent's usual ones,
// in a process of its own that is measured from outside, while the metadata of three clouds fails in one way after the
// other. `npm run soak`, or with `-- --minutes N` as a shorter trial, whose answer is less sure. A slope counts as growth
// only when it is more than twice its own error (slope.ts).

import { AGENT_NODE_FLAGS } from "../../agent/flags.ts";
import { bundle, ENTRIES } from "../../deploy/bundle.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { lastLines, startProgram } from "../build/program.ts";
import type { Program } from "../build/program.ts";
import { createDouble, healthyGpus } from "../nvml-double/fixture.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";
import type { Look } from "./look.ts";
import { slopeOf } from "./slope.ts";
import type { Slope } from "./slope.ts";
import { SOAK_INTERVAL_MS } from "./soak-interval.ts";
import { startSoakMetadata } from "./soak-metadata.ts";

const GPUS = 8;
const MINUTES = 30;
const MINUTES_AT_LEAST = 2;
/** Of the time, but no more than this: compiled code, caches and the heap's own size settle. */
const WARM_UP_SHARE = 1 / 6;
const WARM_UP_AT_MOST_MIN = 5;
const LOOK_EVERY_MS = millis(10_000);
const LOOKS_PER_LINE = 6;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** Below it the process was kept from its work, and a leak by the cycle from showing. */
const CYCLES_SHARE = 0.9;
/** In half an hour it is about 1. A trial too short to see anything must not pass for one that has seen nothing. */
const ERROR_AT_MOST = 5;
const BUNDLE_DIR = ".cache/soak";

export async function run({ minutes = MINUTES }: { readonly minutes?: number } = {}): Promise<Figure[]> {
  if (!(minutes >= MINUTES_AT_LEAST))
    throw new AppError("bad-input", `--minutes must be ${MINUTES_AT_LEAST} or more, got ${minutes}`);
  const warmUpMs = Math.min(WARM_UP_AT_MOST_MIN, minutes * WARM_UP_SHARE) * MINUTE_MS;
  const measureMs = minutes * MINUTE_MS - warmUpMs;

  const folder = await bundle({
    outdir: BUNDLE_DIR,
    entries: { "soak-agent.js": "test/bench/soak-agent.ts", "nvml-worker.js": ENTRIES["nvml-worker.js"] },
  });
  await using metadata = await startSoakMetadata(systemClock.now());
  // Its file stands still, and it is not looked at either: what the double allocates would count as the agent's.
  using double = await createDouble({ gpus: healthyGpus(GPUS), recheckMs: -1 });
  const soaked = await startProgram({
    name: "soak",
    flags: AGENT_NODE_FLAGS,
    entry: `${folder}/soak-agent.js`,
    listening: "sampling",
    env: { LD_LIBRARY_PATH: double.directory, ...metadata.env },
  });
  try {
    console.error(`soak: ${minutes} minutes, the first ${shown(warmUpMs / MINUTE_MS)} of them to warm up`);
    await systemClock.sleep(millis(warmUpMs));
    const before = doneBy(soaked);
    const looks = await lookFor(measureMs, soaked);
    const after = doneBy(soaked);
    const passedS = (after.at - before.at) / 1000;
    requireMetadata(before, after, passedS);
    return figuresOf(looks, { cycles: after.cycles - before.cycles, passedS });
  } finally {
    await soaked.kill();
  }
}

interface TimedLook extends Look {
  readonly at: number;
}

async function lookFor(forMs: number, soaked: Program): Promise<readonly TimedLook[]> {
  const startedAt = systemClock.monotonic();
  const looks: TimedLook[] = [];
  for (let next = 0; next <= forMs; next += LOOK_EVERY_MS) {
    await systemClock.sleep(millis(Math.max(0, startedAt + next - systemClock.monotonic())));
    const look = lookAt(soaked.pid);
    looks.push({ ...look, at: systemClock.monotonic() - startedAt });
    if (looks.length % LOOKS_PER_LINE === 0) {
      const leftMin = (forMs - next) / MINUTE_MS;
      console.error(
        `soak: ${shown(look.rssMib)} MiB, ${shown(look.anonMib)} of it anonymous; ${shown(leftMin)} minutes left`,
      );
    }
  }
  return looks;
}

function figuresOf(
  looks: readonly TimedLook[],
  { cycles, passedS }: { readonly cycles: number; readonly passedS: number },
): Figure[] {
  const rss = slopeOf(looks.map(({ at, rssMib }) => ({ at: at / HOUR_MS, value: rssMib })));
  const anon = slopeOf(looks.map(({ at, anonMib }) => ({ at: at / HOUR_MS, value: anonMib })));
  tell("rss", rss, looks.length);
  tell("anonymous", anon, looks.length);
  const meant = (passedS * 1000) / SOAK_INTERVAL_MS;
  return [
    figure("rss_slope_mib_per_h", atLeast(rss), "MiB/h", { max: 0 }),
    figure("anon_slope_mib_per_h", atLeast(anon), "MiB/h", { max: 0 }),
    figure("slope_error_mib_per_h", Math.max(rss.error, anon.error), "MiB/h", { max: ERROR_AT_MOST }),
    figure("cycles_share", cycles / meant, "of those due", { min: CYCLES_SHARE }),
  ];
}

/** What the slope is at least: the slope less two errors. */
function atLeast({ perUnit, error }: Slope): number {
  return perUnit - 2 * error;
}

function tell(what: string, { perUnit, error, autocorrelation }: Slope, looks: number): void {
  console.error(
    `soak: ${what}: slope ${shown(perUnit)} MiB/h, standard error ${shown(error)}, from ${looks} looks with an autocorrelation of ${shown(autocorrelation)}`,
  );
}

/** Of all clouds together, on their hurried clock: a tenth of what an agent asks for at its usual pace. */
const METADATA_PER_S = 6;

/** @throws Error when the metadata was hardly asked, or did not both answer and fail: nothing of it was measured. */
function requireMetadata(before: Done, after: Done, passedS: number): void {
  const answers = after.answers - before.answers;
  const failures = after.failures - before.failures;
  const changes = after.changes - before.changes;
  console.error(`soak: metadata: ${answers} answers, ${failures} failures, ${changes} changes`);
  const few = METADATA_PER_S * passedS * 0.1;
  if (answers + failures < METADATA_PER_S * passedS || answers < few || failures < few || changes < 10)
    throw new Error("the metadata was hardly asked, so that nothing of it was measured");
}

interface Done {
  readonly at: number;
  readonly cycles: number;
  /** Of the metadata services. */
  readonly answers: number;
  readonly failures: number;
  readonly changes: number;
}

/** By its own last word, which comes each five seconds. @throws Error when it has not begun to work. */
function doneBy(soaked: Program): Done {
  const last = soaked.logs.findLast(({ message }) => message === "done so far");
  if (last === undefined) throw new Error(`nothing was done so far:\n${lastLines(soaked.logs)}`);
  const count = (name: keyof Done): number => Number(last[name]);
  return {
    at: count("at"),
    cycles: count("cycles"),
    answers: count("answers"),
    failures: count("failures"),
    changes: count("changes"),
  };
}

function shown(value: number): string {
  return String(Number(value.toPrecision(3)));
}
