// Messages over one connection that may be there or not: every call answers at once whether NATS is away, and
// nothing is queued while it is. The connection is nats-link.ts, streams and buckets are nats-jetstream.ts;
// subjects and message formats are shared/contract.

import { headers } from "@nats-io/transport-node";
import type { Msg } from "@nats-io/transport-node";

import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import { AppError, describe, ERROR_KINDS } from "./errors.ts";
import type { ErrorKind } from "./errors.ts";
import { createQuietLog } from "./log.ts";
import { keepConnected, natsError, orEnded, retryDelay } from "./nats-link.ts";
import type { NatsKeeper, NatsOptions } from "./nats-link.ts";
import { createQueue } from "./nats-queue.ts";
import type { Queue } from "./nats-queue.ts";

export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** A message that waits for an answer. */
export interface NatsRequest extends NatsMessage {
  /** The value of a header; null when there is none of that name. */
  header(name: string): string | null;
}

export interface SubscribeOptions {
  readonly signal: AbortSignal;
  /** Of all that subscribe under the same name, one gets each message. Default: everybody gets it. */
  readonly queue?: string;
  /** Messages that wait for the reader; beyond it the oldest is dropped and counted in the log. Default 8192. */
  readonly bound?: number;
}

export interface ReplyOptions extends SubscribeOptions {
  /** How many requests are worked on beside each other. Default 1: one after the other. */
  readonly concurrency?: number;
}

export interface Nats extends NatsKeeper {
  /** For what the next message replaces anyway. false: NATS is away and the message is gone. */
  publishLatest(subject: string, data: Uint8Array): boolean;
  /**
   * For what must not be lost: resolves when a stream has stored it. Rejects at once while NATS is away; the caller
   * tries again with the same id, and the stream drops what it has already.
   * @throws AppError unavailable, timeout, denied, refused
   */
  publishEvent(
    subject: string,
    data: Uint8Array,
    messageId: string,
    timeoutMs?: Millis,
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
  /** Subscribes at once and again after each break; what is sent in between is missed. Ends with the signal. */
  subscribe(subject: string, options: SubscribeOptions): AsyncIterable<NatsMessage>;
  /** @throws AppError unavailable (away, or nobody answers), timeout, denied, or the kind that the answerer threw. */
  request(subject: string, data: Uint8Array, timeoutMs?: Millis): Promise<Uint8Array>;
  /** Answers requests until the signal, by default one after the other. A throwing handler answers with its error's kind. */
  reply(
    subject: string,
    handler: (request: NatsRequest) => Uint8Array | Promise<Uint8Array>,
    options: ReplyOptions,
  ): Promise<void>;
}

const REQUEST_MS = millis(2_000);
const SUBSCRIPTION_BOUND = 8_192;
const ERROR_HEADER = "Nats-Service-Error";
const ERROR_KIND_HEADER = "Nats-Service-Error-Code";

/** Returns at once; the first connection is made in the background. */
export function connectNats(options: NatsOptions): Nats {
  const { clock, log } = options;
  const quiet = createQuietLog(log, clock);
  const keeper = keepConnected(options);

  const ask = async (subject: string, data: Uint8Array, timeoutMs: Millis, id?: string): Promise<Msg> => {
    const { connection, ended } = keeper.link();
    const named = headers();
    if (id !== undefined) named.set("Nats-Msg-Id", id);
    try {
      const answer = connection.request(subject, data, {
        timeout: timeoutMs,
        ...(id === undefined ? {} : { headers: named }),
      });
      return await orEnded(answer, ended);
    } catch (error) {
      throw natsError(error, `no answer on ${subject}`);
    }
  };

  /** Feeds `queue` from a subscription that is made again on each new connection. */
  const feed = async (
    subject: string,
    queue: Queue<Msg>,
    group: string | undefined,
    signal: AbortSignal,
  ): Promise<void> => {
    while (!signal.aborted) {
      // Without a wait when there is a connection: what the caller publishes next comes after our subscription.
      const connected = keeper.state().kind === "connected";
      const { connection } = connected ? keeper.link() : await keeper.whenConnected(signal);
      const over = Promise.withResolvers<void>();
      const stop = (): void => {
        over.resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
      const subscription = connection.subscribe(subject, {
        ...(group === undefined ? {} : { queue: group }),
        callback: (error, message) => {
          // An error here is a refused subscription, and the last that it says.
          if (error === null) queue.push(message);
          else stop();
        },
      });
      await Promise.race([over.promise, subscription.closed]);
      signal.removeEventListener("abort", stop);
      if (!subscription.isClosed()) subscription.unsubscribe();
      // A refusal is for this connection and its rights: the next try is not at once.
      if (!signal.aborted) await clock.sleep(retryDelay(options.random), signal);
    }
  };

  const subscribeMessages = (
    subject: string,
    { signal, bound = SUBSCRIPTION_BOUND, queue: group }: SubscribeOptions,
  ): AsyncIterable<Msg> => {
    const over = new AbortController();
    const ends = AbortSignal.any([signal, keeper.closed, over.signal]);
    const queue = createQueue<Msg>(bound, () => {
      const fields = { part: "nats", subject, count: bound };
      quiet.log(subject, "warn", fields, "messages dropped: the reader is too slow");
    });
    feed(subject, queue, group, ends)
      .catch((error: unknown) => {
        if (!ends.aborted) log.error({ part: "nats", subject, error }, "subscription failed");
      })
      .finally(() => {
        queue.end();
      })
      // Both handlers above settle; nothing can be left to report.
      .catch(() => {});
    return queue.read(() => {
      over.abort();
    });
  };

  return {
    ...keeper,
    publishLatest: (subject, data) => {
      if (keeper.state().kind === "away") return false;
      try {
        keeper.link().connection.publish(subject, data);
        return true;
      } catch (error) {
        const translated = natsError(error, `cannot publish on ${subject}`);
        if (translated.kind === "unavailable") return false;
        throw translated;
      }
    },
    publishEvent: async (subject, data, messageId, timeoutMs = REQUEST_MS) =>
      // The answer is read here and not by the jetstream package, which would cost an agent 0.8 MiB for this alone.
      readAcknowledgement(subject, await ask(subject, data, timeoutMs, messageId)),
    subscribe: (subject, subscribeOptions) => subscribeMessages(subject, subscribeOptions),
    request: async (subject, data, timeoutMs = REQUEST_MS) => {
      const answer = await ask(subject, data, timeoutMs);
      const problem = answer.headers?.get(ERROR_HEADER) ?? "";
      if (problem === "") return answer.data;
      const kind = answer.headers?.get(ERROR_KIND_HEADER) ?? "";
      throw new AppError(isKind(kind) ? kind : "refused", `${subject} answered: ${problem}`);
    },
    reply: async (subject, handler, { concurrency = 1, ...subscribeOptions }) => {
      const answerTo = async (message: Msg): Promise<void> => {
        try {
          message.respond(await handler(requestOf(message)));
        } catch (error) {
          const answer = headers();
          answer.set(ERROR_HEADER, describe(error).replaceAll(/[\r\n]+/g, " "));
          answer.set(ERROR_KIND_HEADER, error instanceof AppError ? error.kind : "bug");
          message.respond(new Uint8Array(), { headers: answer });
          quiet.log(`reply ${subject}`, "warn", { part: "nats", subject, error }, "request failed");
        }
      };
      // Each worker takes the next message as soon as it is done with its last one.
      const messages = subscribeMessages(subject, subscribeOptions)[Symbol.asyncIterator]();
      const work = async (): Promise<void> => {
        for (let next = await messages.next(); next.done !== true; next = await messages.next())
          await answerTo(next.value);
      };
      await Promise.all(Array.from({ length: concurrency }, work));
    },
  };
}

function requestOf(message: Msg): NatsRequest {
  const { subject, data } = message;
  return {
    subject,
    data,
    header: (name) => {
      const value = message.headers?.get(name) ?? "";
      return value === "" ? null : value;
    },
  };
}

function isKind(text: string): text is ErrorKind {
  return Object.hasOwn(ERROR_KINDS, text);
}

/** A stream's answer to a message that it stored, or why it did not. */
function readAcknowledgement(
  subject: string,
  answer: Msg,
): { readonly seq: number; readonly duplicate: boolean } {
  let body: {
    readonly seq?: unknown;
    readonly duplicate?: unknown;
    readonly error?: { readonly code?: unknown; readonly description?: unknown };
  };
  try {
    // Each field is checked below.
    body = JSON.parse(new TextDecoder().decode(answer.data)) as typeof body;
  } catch (cause) {
    throw new AppError("malformed", `the answer on ${subject} is no acknowledgement`, { cause });
  }
  if (body.error !== undefined) {
    const code = Number(body.error.code);
    const kind = code === 503 ? "unavailable" : code === 404 ? "not-found" : "refused";
    throw new AppError(kind, `the stream did not store ${subject}: ${String(body.error.description)}`);
  }
  if (typeof body.seq !== "number") {
    throw new AppError("malformed", `the answer on ${subject} has no sequence number`);
  }
  return { seq: body.seq, duplicate: body.duplicate === true };
}
