// The connection itself: made and remade in the background for ever, with a state that everybody can ask. What is
// said over it is nats.ts and nats-jetstream.ts. Errors of the client library become kinds here.

import {
  connect,
  credsAuthenticator,
  errors,
  InvalidArgumentError,
  nkeyAuthenticator,
  tokenAuthenticator,
} from "@nats-io/transport-node";
import type { Authenticator, NatsConnection } from "@nats-io/transport-node";

import type { Random } from "../model/random.ts";
import { millis } from "../model/units.ts";
import type { EpochMs, Millis } from "../model/units.ts";
import type { Clock } from "./clock.ts";
import { AppError, describe } from "./errors.ts";
import type { ErrorKind } from "./errors.ts";
import { createQuietLog } from "./log.ts";
import type { Log } from "./log.ts";

export interface NatsOptions {
  /** `host:port` or `nats://host:port`, any number of one cluster. */
  readonly servers: readonly string[];
  /** Shown by the server's monitoring. */
  readonly name: string;
  /** Read again for each attempt to connect, so that a rotated credential is taken up. */
  readonly auth?:
    | { readonly kind: "token"; readonly read: () => string }
    /** `read` gives the seed; the server is shown the public key and a signature. */
    | { readonly kind: "nkey"; readonly read: () => Uint8Array }
    | { readonly kind: "creds"; readonly read: () => Uint8Array };
  /**
   * Path of the authorities, as PEM, that may stand behind the servers' certificates: the connection is then by TLS or not
   * at all. Read again for each attempt to connect.
   */
  readonly caFile?: string;
  /** Before the subjects on which answers come. Default: one that all clients of the account share. */
  readonly inboxPrefix?: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Spreads the attempts of many clients after a server came back. */
  readonly random: Random;
}

export type NatsState =
  | { readonly kind: "connected"; readonly since: EpochMs; readonly server: string }
  | { readonly kind: "away"; readonly since: EpochMs; readonly why: string };

/** The connection as long as it lasts. `ended` fires when it breaks, also when it is about to be remade. */
export interface NatsLink {
  readonly connection: NatsConnection;
  readonly ended: AbortSignal;
}

/** Keeps a connection. The part of a Nats that knows nothing of messages. */
export interface NatsKeeper {
  state(): NatsState;
  /** Calls back at each change of state; the returned function ends that. */
  onState(listener: (state: NatsState) => void): () => void;
  /** @throws AppError unavailable when NATS is away. */
  link(): NatsLink;
  /** Waits for a connection; rejects with the signal's reason, or unavailable after close(). */
  whenConnected(signal: AbortSignal): Promise<NatsLink>;
  /** Fires with close(). */
  readonly closed: AbortSignal;
  /** Sends what is on its way and closes. */
  close(): Promise<void>;
}

const ATTEMPT_TIMEOUT_MS = 5_000;
const RETRY_MS = 500;
const RETRY_JITTER_MS = 1_000;
/** A dead peer is noticed after two missed answers. The library's default of two minutes would outlast a notice. */
const PING_MS = 5_000;
const PINGS_MISSED = 2;
const DRAIN_MS = millis(2_000);

/** Returns at once; the first connection is made in the background. */
export function keepConnected(options: NatsOptions): NatsKeeper {
  const { clock, log } = options;
  const quiet = createQuietLog(log, clock);
  const closing = new AbortController();
  const listeners = new Set<(state: NatsState) => void>();
  let made: NatsConnection | null = null;
  let state: NatsState = { kind: "away", since: clock.now(), why: "not connected yet" };
  let link: {
    readonly connection: NatsConnection;
    readonly ended: AbortSignal;
    readonly end: () => void;
  } | null = null;

  const change = (next: NatsState): void => {
    state = next;
    for (const listener of listeners) listener(next);
  };
  const goAway = (why: string): void => {
    link?.end();
    link = null;
    if (state.kind === "away") return;
    if (!closing.signal.aborted) log.warn({ part: "nats", reason: why }, "nats away");
    change({ kind: "away", since: clock.now(), why });
  };
  const arrive = (connection: NatsConnection): void => {
    const ended = new AbortController();
    link = {
      connection,
      ended: ended.signal,
      end: () => {
        ended.abort(unavailable("NATS went away"));
      },
    };
    const server = connection.getServer();
    log.info({ part: "nats", url: server }, "nats connected");
    change({ kind: "connected", since: clock.now(), server });
  };

  /** One connection from its making to its end; the library remakes it meanwhile as often as it breaks. */
  const live = async (): Promise<void> => {
    const connection = await dial(options, closing.signal);
    made = connection;
    arrive(connection);
    for await (const status of connection.status()) {
      if (status.type === "disconnect") goAway(`disconnected from ${status.server}`);
      if (status.type === "reconnect") arrive(connection);
      if (status.type === "error") {
        quiet.log(
          status.error.message,
          "warn",
          { part: "nats", error: natsError(status.error, "NATS refused") },
          "nats error",
        );
      }
    }
    const error = await connection.closed();
    goAway(error === undefined ? "closed" : describe(error));
  };

  const keepOn = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await live();
      } catch (error) {
        if (closing.signal.aborted) return;
        const translated = natsError(error, `cannot connect to ${options.servers.join(", ")}`);
        quiet.log("connect", "warn", { part: "nats", error: translated }, "nats away");
        if (state.kind === "away") change({ ...state, why: translated.message });
      }
      // close() ends the wait; the loop's condition sees it.
      await clock.sleep(retryDelay(options.random), closing.signal).catch(() => {});
    }
  };
  const running = keepOn();

  const current = (): NatsLink => {
    if (link !== null) return link;
    const why = state.kind === "away" ? state.why : "closed";
    throw unavailable(`NATS is away since ${new Date(state.since).toISOString()}: ${why}`);
  };

  const whenConnected = async (signal: AbortSignal): Promise<NatsLink> => {
    for (;;) {
      signal.throwIfAborted();
      closing.signal.throwIfAborted();
      if (link !== null) return link;
      const changed = Promise.withResolvers<void>();
      const wake = (): void => {
        changed.resolve();
      };
      listeners.add(wake);
      const ends = AbortSignal.any([signal, closing.signal]);
      ends.addEventListener("abort", wake);
      await changed.promise;
      listeners.delete(wake);
      ends.removeEventListener("abort", wake);
    }
  };

  return {
    state: () => state,
    onState: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    link: current,
    whenConnected,
    closed: closing.signal,
    close: async () => {
      closing.abort(unavailable("the NATS connection was closed"));
      if (link !== null) await drain(link.connection, clock);
      // While NATS is away there is nothing to send, but the library is looking for it.
      await made?.close();
      await running;
      goAway("closed");
    },
  };
}

/** Before the next try: spread, so that ten thousand agents do not come back in one moment. */
export function retryDelay(random: Random): Millis {
  return millis(RETRY_MS + random() * RETRY_JITTER_MS);
}

/** Foreign errors become kinds here and in nats-jetstream.ts, and nowhere else. */
export function natsError(error: unknown, what: string): AppError {
  if (error instanceof AppError) return error;
  return new AppError(natsKind(error), what, { cause: error });
}

function natsKind(error: unknown): ErrorKind {
  // What a request failed by is told as its cause.
  if (error instanceof errors.RequestError && error.cause instanceof errors.PermissionViolationError)
    return "denied";
  if (error instanceof errors.TimeoutError) return "timeout";
  if (error instanceof errors.PermissionViolationError) return "denied";
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError)
    return "denied";
  // Too large a payload, or a server without a feature: the same call will not go through later.
  if (error instanceof InvalidArgumentError) return "refused";
  if (error instanceof errors.InvalidSubjectError || error instanceof errors.InvalidOperationError)
    return "bug";
  return "unavailable";
}

function unavailable(message: string): AppError {
  return new AppError("unavailable", message);
}

/** One round over all servers. Ends at once with the signal, and then leaves no open connection behind. */
async function dial(options: NatsOptions, signal: AbortSignal): Promise<NatsConnection> {
  const { auth, caFile, inboxPrefix } = options;
  const dialing = connect({
    servers: [...options.servers],
    name: options.name,
    timeout: ATTEMPT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RETRY_MS,
    reconnectJitter: RETRY_JITTER_MS,
    reconnectJitterTLS: RETRY_JITTER_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MISSED,
    // A token that was refused twice may be a good one soon: a rotated secret, a slow authoriser.
    ignoreAuthErrorAbort: true,
    ...(auth === undefined ? {} : { authenticator: authenticatorOf(auth) }),
    ...(caFile === undefined ? {} : { tls: { caFile } }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  });
  try {
    return await orEnded(dialing, signal);
  } catch (error) {
    dialing.then((late) => late.close()).catch(() => {});
    throw error;
  }
}

function authenticatorOf(auth: NonNullable<NatsOptions["auth"]>): Authenticator {
  switch (auth.kind) {
    case "token":
      return tokenAuthenticator(auth.read);
    case "nkey":
      return nkeyAuthenticator(auth.read);
    case "creds":
      return credsAuthenticator(auth.read);
    default:
      return auth satisfies never;
  }
}

/** The promise, or the signal's reason when that comes first. */
export async function orEnded<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const ended = Promise.withResolvers<never>();
  const end = (): void => {
    ended.reject(signal.reason as Error);
  };
  if (signal.aborted) end();
  signal.addEventListener("abort", end);
  try {
    return await Promise.race([promise, ended.promise]);
  } finally {
    signal.removeEventListener("abort", end);
    // Whichever lost may still reject; nobody waits for it.
    promise.catch(() => {});
  }
}

async function drain(connection: NatsConnection, clock: Clock): Promise<void> {
  const timer = new AbortController();
  const late = clock.sleep(DRAIN_MS, timer.signal).catch(() => {});
  await Promise.race([connection.drain().catch(() => {}), late]);
  timer.abort();
}
