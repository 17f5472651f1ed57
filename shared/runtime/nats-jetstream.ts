// Streams over the connection: messages that have to survive a restart. A consumer goes on where it was after a
// break, and starts over when the stream was made anew. Writing to a stream is publishEvent() of nats.ts.

import {
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  JetStreamApiCodes,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { Consumer, JetStreamClient, JetStreamManager, JsMsg, StreamConfig } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";

import type { Random } from "../model/random.ts";
import { epochMs, millis } from "../model/units.ts";
import type { Bytes, EpochMs, Millis } from "../model/units.ts";
import type { Clock } from "./clock.ts";
import { AppError } from "./errors.ts";
import type { ErrorKind } from "./errors.ts";
import { createQuietLog } from "./log.ts";
import type { Log } from "./log.ts";
import { natsError, orEnded, retryDelay } from "./nats-link.ts";
import type { Nats } from "./nats.ts";

/** Two minutes: longer than a writer tries again after a break of its connection. */
const DUPLICATE_WINDOW_MS = millis(120_000);
const NANOS_PER_MS = 1_000_000;
const CALL_MS = 2_000;
/** Silence after which a consumer is made anew. */
const HEARTBEAT_MS = 5_000;

export interface StreamOptions {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly maxAgeMs: Millis;
  readonly maxBytes: Bytes;
  /** Within it a second message with the same id is dropped. Default 2 minutes, or the age if that is less. */
  readonly duplicateWindowMs?: Millis;
  readonly replicas?: number;
}

/**
 * Makes the stream, or changes it to these options. Oldest messages go first when it is full.
 * @throws AppError unavailable, denied, refused
 */
export async function ensureStream(nats: Nats, options: StreamOptions): Promise<void> {
  const wanted = {
    subjects: [...options.subjects],
    max_age: options.maxAgeMs * NANOS_PER_MS,
    max_bytes: options.maxBytes,
    duplicate_window:
      (options.duplicateWindowMs ?? Math.min(DUPLICATE_WINDOW_MS, options.maxAgeMs)) * NANOS_PER_MS,
    num_replicas: options.replicas ?? 1,
    discard: DiscardPolicy.Old,
  } as const satisfies Partial<StreamConfig>;
  await call(nats, `cannot make the stream ${options.name}`, async (connection) => {
    const { streams } = await managerOf(connection);
    const existing = await streams.info(options.name).catch(nullIfNotFound);
    if (existing === null) {
      const fixed = { storage: StorageType.File, retention: RetentionPolicy.Limits };
      await streams.add({ ...wanted, ...fixed, name: options.name });
    } else if (
      Object.entries(wanted).some(([key, value]) => !same(existing.config[key as keyof StreamConfig], value))
    ) {
      await streams.update(options.name, wanted);
    }
  });
}

export interface StreamEvent {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Position in the stream, growing. */
  readonly seq: number;
  /** When the stream stored it, by the server's clock. */
  readonly at: EpochMs;
}

export interface ConsumeOptions {
  readonly stream: string;
  readonly subjects: readonly string[];
  /**
   * since: everything stored after an instant, again after each start. last: the newest of each subject, then what comes.
   * The server remembers nothing of a reader, so nothing that one had fetched ahead is kept from the next.
   */
  readonly start: { readonly kind: "since"; readonly at: EpochMs } | { readonly kind: "last" };
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
}

/** Ends with the signal only; a missing stream, a break or a lost server is waited out. */
export async function* consumeEvents(nats: Nats, options: ConsumeOptions): AsyncIterable<StreamEvent> {
  const { signal, clock, stream } = options;
  const quiet = createQuietLog(options.log, clock);
  let place: Place = { created: null, nextSeq: null };
  while (!signal.aborted) {
    try {
      const { connection, ended } = await nats.whenConnected(signal);
      const opened = await orEnded(openConsumer(connection, options, place), ended);
      place = opened.place;
      const stop = AbortSignal.any([signal, ended]);
      for await (const message of await readConsumer(opened.consumer, stop)) {
        // Fetched ahead, and not wanted any more.
        if (signal.aborted) return;
        place = { ...place, nextSeq: message.seq + 1 };
        yield eventOf(message);
      }
    } catch (error) {
      if (signal.aborted) return;
      const translated = streamError(error, `cannot read the stream ${stream}`);
      quiet.log(translated.kind, "warn", { part: "nats", stream, error: translated }, "events away");
    }
    await clock.sleep(retryDelay(options.random), signal).catch(() => {});
  }
}

/** How far a consumer has read, and in which making of the stream. */
interface Place {
  readonly created: string | null;
  readonly nextSeq: number | null;
}

async function openConsumer(
  connection: NatsConnection,
  { stream, subjects, start }: ConsumeOptions,
  place: Place,
): Promise<{ readonly consumer: Consumer; readonly place: Place }> {
  const client = clientOf(connection);
  const manager = await managerOf(connection);
  const { created } = await manager.streams.info(stream);
  const filter = { filter_subjects: [...subjects] };
  // Sequence numbers begin again in a stream that was made anew: what we had read says nothing there.
  const nextSeq = place.created === created ? place.nextSeq : null;
  const from =
    nextSeq !== null
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: nextSeq }
      : start.kind === "since"
        ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(start.at).toISOString() }
        : { deliver_policy: DeliverPolicy.LastPerSubject };
  return {
    consumer: await client.consumers.get(stream, { ...filter, ...from }),
    place: { created, nextSeq },
  };
}

async function readConsumer(consumer: Consumer, stop: AbortSignal): Promise<AsyncIterable<JsMsg>> {
  const messages = await consumer.consume({
    idle_heartbeat: HEARTBEAT_MS,
    expires: 6 * HEARTBEAT_MS,
    abort_on_missing_resource: true,
  });
  const end = (): void => {
    messages.stop();
  };
  if (stop.aborted) end();
  stop.addEventListener("abort", end);
  return messages;
}

function eventOf(message: JsMsg): StreamEvent {
  return {
    subject: message.subject,
    data: message.data,
    seq: message.seq,
    at: epochMs(Math.floor(message.info.timestampNanos / NANOS_PER_MS)),
  };
}

/** One call on the present connection, given up as soon as that breaks. */
export async function call<T>(
  nats: Nats,
  what: string,
  act: (connection: NatsConnection) => Promise<T>,
): Promise<T> {
  const { connection, ended } = nats.link();
  try {
    return await orEnded(act(connection), ended);
  } catch (error) {
    throw streamError(error, what);
  }
}

export function clientOf(connection: NatsConnection): JetStreamClient {
  return jetstream(connection, { timeout: CALL_MS });
}

async function managerOf(connection: NatsConnection): Promise<JetStreamManager> {
  // Without a check of the account, which is a round trip that tells nothing the next call does not.
  return await clientOf(connection).jetstreamManager(false);
}

export function streamError(error: unknown, what: string): AppError {
  const kind = streamKind(error);
  return kind === null ? natsError(error, what) : new AppError(kind, what, { cause: error });
}

/** null: no answer of the stream's interface. */
export function streamKind(error: unknown): ErrorKind | null {
  if (!(error instanceof JetStreamApiError)) return null;
  if (error.code === JetStreamApiCodes.StreamWrongLastSequence) return "conflict";
  if (error.status === 404) return "not-found";
  if (error.status === 503) return "unavailable";
  return "refused";
}

function nullIfNotFound(error: unknown): null {
  if (streamKind(error) === "not-found") return null;
  throw error;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
