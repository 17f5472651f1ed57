// The metadata services of soak.ts: each cloud's fake, beside the process that is measured, failing in one way after the
// other, with moments of health in which a notice comes and goes. What is kept of a failure, an answer or a notice would
// show as growth.

import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { CLOUDS, startCloudMetadata } from "../build/metadata.ts";
import type { CloudMetadata } from "../build/metadata.ts";
import type { Fault } from "../world/metadata/fault.ts";
import { hurriedClock } from "./soak-interval.ts";

export interface SoakMetadata extends AsyncDisposable {
  /** For the process that is measured: what `readSoakMetadata` reads. */
  readonly env: Readonly<Record<string, string>>;
}

type Step = Fault | "a notice" | "no notice" | "down";

/** By the hurried clock, on which a reader asks about once a second. */
const STEP_MS = millis(10_000);
const NOTICE_MS = 120_000;

const STEPS: readonly Step[] = [
  "a notice",
  { kind: "status", status: 500 },
  { kind: "cut" },
  { kind: "garbage" },
  { kind: "empty" },
  "no notice",
  // Above what any reader takes, and less work for this machine than the usual 5 MiB.
  { kind: "huge", bytes: 400_000 },
  { kind: "truncated" },
  { kind: "hang" },
  { kind: "slow", ms: millis(3_000) },
  "down",
  { kind: "status", status: 401 },
  { kind: "status", status: 429 },
];

export async function startSoakMetadata(since: EpochMs): Promise<SoakMetadata> {
  await using building = new AsyncDisposableStack();
  const clock = hurriedClock(since);
  const clouds: CloudMetadata[] = [];
  for (const source of CLOUDS) clouds.push(building.use(await startCloudMetadata(source, clock)));
  const over = new AbortController();
  const rounds = (async (): Promise<void> => {
    for (let step = 0; !over.signal.aborted; step++) {
      const now = STEPS[step % STEPS.length] ?? "down";
      for (const cloud of clouds) await take(now, cloud, epochMs(clock.now() + NOTICE_MS));
      // The end of the run is no error of the wait.
      await clock.sleep(STEP_MS, over.signal).catch(() => {});
    }
  })();
  const held = building.move();
  return {
    env: {
      SOAK_SINCE: String(since),
      SOAK_METADATA: clouds.map(({ source, endpoint }) => `${source}=${endpoint.url}`).join(","),
    },
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await rounds;
      await held.disposeAsync();
    },
  };
}

async function take(step: Step, { endpoint, terminate, renew }: CloudMetadata, at: EpochMs): Promise<void> {
  endpoint.mend();
  // Nobody reads the record, which this process would keep for half an hour.
  endpoint.forget();
  await endpoint.up();
  if (step === "down") await endpoint.down();
  else if (step === "a notice") terminate(at);
  else if (step === "no notice") renew();
  else endpoint.fail(step);
}
