// Feeds what comes over NATS to those who keep it: reports as they come, notices and drain reports from the
// stream of the last day, so that a coordinator that was away misses none. NATS may come and go meanwhile.

import { subjectsOf } from "../../shared/contract/subjects.ts";
import { STREAM } from "../../shared/model/names.ts";
import type { Random } from "../../shared/model/random.ts";
import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { consumeEvents, ensureStream } from "../../shared/runtime/nats-jetstream.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import type { Fleet } from "./fleet.ts";
import type { Notices } from "./notices.ts";

export interface MessagesOptions {
  readonly nats: Nats;
  readonly subjectRoot: string;
  readonly fleet: Pick<Fleet, "accept">;
  readonly notices: Pick<Notices, "accept">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const DAY_MS = millis(24 * 3600_000);
const STREAM_BYTES = bytes(64 * 1024 * 1024);
const RETRY_MS = millis(2_000);

/** Reports of a fleet come in bursts: room for one from each of 20,000 nodes. */
const REPORTS_BOUND = 20_000;

export async function receiveReports({ nats, subjectRoot, fleet, signal }: MessagesOptions): Promise<void> {
  for await (const { subject, data } of nats.subscribe(subjectsOf("report", subjectRoot), {
    signal,
    bound: REPORTS_BOUND,
  })) {
    fleet.accept(subject, data);
  }
}

export async function receiveEvents(options: MessagesOptions): Promise<void> {
  const { nats, subjectRoot, notices, clock, random, log, signal } = options;
  const subjects = [subjectsOf("notice", subjectRoot), subjectsOf("drain", subjectRoot)];
  // What the agents say of their GPUs' health is kept as well, for whoever reads it.
  await makeStream([...subjects, subjectsOf("health", subjectRoot)], options);
  const start = { kind: "since", at: epochMs(Math.max(0, clock.now() - DAY_MS)) } as const;
  for await (const { subject, data } of consumeEvents(nats, {
    stream: STREAM,
    subjects,
    start,
    signal,
    clock,
    log,
    random,
  })) {
    notices.accept(subject, data);
  }
}

/** The agents may only publish, so the stream is ours to make; until it is there their notices come by the nodes' marks. */
async function makeStream(
  subjects: readonly string[],
  { nats, clock, log, signal }: MessagesOptions,
): Promise<void> {
  for (;;) {
    await nats.whenConnected(signal);
    try {
      await ensureStream(nats, { name: STREAM, subjects, maxAgeMs: DAY_MS, maxBytes: STREAM_BYTES });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) === "bug") throw error;
      log.warn({ stream: STREAM, error }, "cannot make the stream; trying again");
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
