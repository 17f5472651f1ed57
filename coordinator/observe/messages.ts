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
  /** On how many servers the stream is kept. Default 1. */
  readonly replicas?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const DAY_MS = millis(24 * 3600_000);
const STREAM_BYTES = bytes(64 * 1024 * 1024);
const RETRY_MS = millis(2_000);
const LOOK_AGAIN_MS = millis(60_000);

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
  const made = Promise.withResolvers<void>();
  // What the agents say of their GPUs' health is kept as well, for whoever reads it.
  const keeping = keepStream([...subjects, subjectsOf("health", subjectRoot)], options, made.resolve);
  const start = { kind: "since", at: epochMs(Math.max(0, clock.now() - DAY_MS)) } as const;
  const reading = consumeEvents(nats, { stream: STREAM, subjects, start, signal, clock, log, random });
  const read = async (): Promise<void> => {
    await Promise.race([made.promise, keeping]);
    for await (const { subject, data } of reading) notices.accept(subject, data);
  };
  await Promise.all([keeping, read()]);
}

/**
 * The agents may only publish, so the stream is ours to make; until it is there their notices come by the nodes' marks. It
 * is looked for again and again, with each new connection at once: a server that lost its volume comes back without it.
 */
async function keepStream(
  subjects: readonly string[],
  { nats, clock, log, signal, replicas = 1 }: MessagesOptions,
  onMade: () => void,
): Promise<void> {
  const wanted = { name: STREAM, subjects, maxAgeMs: DAY_MS, maxBytes: STREAM_BYTES, replicas };
  while (!signal.aborted) {
    try {
      const { ended } = await nats.whenConnected(signal);
      await ensureStream(nats, wanted);
      onMade();
      await clock.sleep(LOOK_AGAIN_MS, AbortSignal.any([ended, signal])).catch(() => {});
    } catch (error) {
      if (signal.aborted) return;
      if (kindOf(error) === "bug") throw error;
      log.warn({ stream: STREAM, error }, "cannot make the stream; trying again");
      await clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }
}
