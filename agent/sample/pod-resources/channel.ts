// The way to the kubelet's PodResources service: HTTP/2 over its unix socket, one session that is kept open. A
// kubelet that starts anew puts another socket in the old one's place, so each call looks first whether it is still
// the same. It does not repeat anything: when to ask again is the caller's business.

import { stat } from "node:fs/promises";
import http2 from "node:http2";
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
} from "node:http2";
import net from "node:net";

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { ANSWER_BYTES_MAX, EMPTY_MESSAGE, messageIn, statusError } from "./frame.ts";

const LIST = "/v1.PodResourcesLister/List";
export const LIST_DEADLINE_MS: Millis = millis(5_000);
/** An answer to a ping needs no work of the kubelet's. */
export const PING_DEADLINE_MS: Millis = millis(1_000);

export interface PodResourcesChannel {
  /**
   * The bytes of one answer to List.
   * @throws AppError not-found when there is no socket, denied, bad-input (no socket), throttled, timeout, unavailable, refused,
   * malformed (an answer that is no such message, or larger than 4 MiB), or the signal's reason.
   */
  list(signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** `socket` is the path of the kubelet's socket. Nothing is opened before the first call. */
export function createPodResourcesChannel(socket: string, clock: Clock): PodResourcesChannel {
  let open: { readonly session: ClientHttp2Session; readonly file: string } | null = null;

  function drop(): void {
    open?.session.destroy();
    open = null;
  }

  function connect(file: string): ClientHttp2Session {
    const session = http2.connect("http://localhost", {
      createConnection: () => net.connect(socket),
      settings: { enablePush: false },
    });
    const forget = (): void => {
      if (open?.session === session) open = null;
    };
    // Calls in flight learn of it by their streams; without a listener it would end the process.
    session.on("error", forget);
    // The kubelet says that it takes no more calls here; what is in flight is still answered.
    session.on("goaway", forget);
    session.on("close", forget);
    open = { session, file };
    return session;
  }

  async function currentSession(signal: AbortSignal): Promise<ClientHttp2Session> {
    const file = await socketFile(socket);
    signal.throwIfAborted();
    if (open !== null && open.file !== file) drop();
    const kept = open?.session;
    // A session that nobody serves any more is found by a ping within 1 s instead of the 5 s of a call. The kubelet's
    // gRPC server takes frequent pings amiss, but forgives them after each answer that it has sent: one a List is free.
    if (kept !== undefined && !kept.connecting && !(await answersPing(kept, clock, signal))) {
      if (open?.session === kept) open = null;
      kept.destroy();
    }
    return open?.session ?? connect(file);
  }

  return {
    list: async (signal) => {
      signal.throwIfAborted();
      const session = await currentSession(signal);
      signal.throwIfAborted();
      try {
        const stream = session.request({
          ":method": "POST",
          ":path": LIST,
          "content-type": "application/grpc",
          te: "trailers",
          "grpc-timeout": `${LIST_DEADLINE_MS}m`,
        });
        stream.end(EMPTY_MESSAGE);
        return messageIn(await answerOf(stream, clock, signal));
      } catch (error) {
        signal.throwIfAborted();
        // A session on which a call failed is not trusted with the next one.
        if (error instanceof AppError && error.kind === "throttled") throw error;
        if (open?.session === session) open = null;
        session.destroy();
        throw error instanceof AppError ? error : connectionError(socket, error);
      }
    },
    close: drop,
  };
}

/** What tells one socket from the next in the same place; file systems give a freed inode number out again at once. */
async function socketFile(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isSocket()) throw new AppError("bad-input", `${path} is no socket; ${WAY_OUT}`);
    return `${found.dev}:${found.ino}:${found.ctimeMs}`;
  } catch (error) {
    throw error instanceof AppError ? error : connectionError(path, error);
  }
}

const WAY_OUT =
  "mount the kubelet's folder pod-resources, readable for the agent, or name the socket in GPUAS_POD_RESOURCES_SOCKET";

const KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOENT: "not-found",
  ENOTDIR: "not-found",
  EACCES: "denied",
  EPERM: "denied",
};

function connectionError(path: string, cause: unknown): AppError {
  const kind = systemKind(cause) ?? "unavailable";
  // The system's own words follow, from the cause.
  if (kind === "unavailable") return new AppError(kind, `cannot talk to the kubelet at ${path}`, { cause });
  const what =
    kind === "not-found" ? "there is no kubelet socket at" : "the kubelet's socket may not be used at";
  return new AppError(kind, `${what} ${path}; ${WAY_OUT}`, { cause });
}

/** A call that never left is cancelled, and carries why the connection failed as its cause. */
function systemKind(error: unknown): ErrorKind | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = "code" in error ? KINDS[String(error.code)] : undefined;
  return own ?? systemKind(error.cause);
}

async function answersPing(session: ClientHttp2Session, clock: Clock, signal: AbortSignal): Promise<boolean> {
  return await within(PING_DEADLINE_MS, clock, signal, (settle) => {
    // Refused on a session that has ended, and then the callback never runs.
    if (session.closed || session.destroyed) settle(false);
    else
      session.ping((error) => {
        settle(error === null);
      });
    return () => {
      settle(false);
    };
  });
}

/** The whole body of a call that succeeded. */
async function answerOf(stream: ClientHttp2Stream, clock: Clock, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  let head: AnswerHead = {};
  let trailers: IncomingHttpHeaders = {};
  const error = await within<Error | null>(LIST_DEADLINE_MS, clock, signal, (settle) => {
    stream.on("response", (headers) => {
      head = headers;
    });
    stream.on("trailers", (headers: IncomingHttpHeaders) => {
      trailers = headers;
    });
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= ANSWER_BYTES_MAX) chunks.push(chunk);
      else settle(new AppError("malformed", `the answer is larger than ${ANSWER_BYTES_MAX} bytes`));
    });
    stream.on("error", settle);
    // Comes after all data and trailers, and after an error too.
    stream.on("close", () => {
      settle(answerError(head, trailers));
    });
    return () => {
      settle(new AppError("timeout", `the kubelet has not answered within ${LIST_DEADLINE_MS / 1000} s`));
    };
  });
  if (error === null) return Buffer.concat(chunks);
  stream.destroy();
  throw error;
}

type AnswerHead = IncomingHttpHeaders & IncomingHttpStatusHeader;

/** An answer without a body carries its status in its head. */
function answerError(head: AnswerHead, trailers: IncomingHttpHeaders): AppError | null {
  const status = head[":status"];
  if (status !== undefined && status !== 200) {
    return new AppError("unavailable", `the kubelet's socket answers with HTTP status ${status}`);
  }
  return statusError(
    trailers["grpc-status"] ?? head["grpc-status"],
    trailers["grpc-message"] ?? head["grpc-message"],
  );
}

/**
 * What `begin` settles with. When the time is over, what `begin` returned is called, and has to settle.
 * @throws the signal's reason.
 */
async function within<T>(
  ms: Millis,
  clock: Clock,
  signal: AbortSignal,
  begin: (settle: (value: T) => void) => () => void,
): Promise<T> {
  const timer = new AbortController();
  const stop = (): void => {
    timer.abort();
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await new Promise<T>((resolve, reject) => {
      const onTime = begin(resolve);
      clock.sleep(ms, timer.signal).then(onTime, () => {
        if (signal.aborted) reject(signal.reason as Error);
      });
    });
  } finally {
    timer.abort();
    signal.removeEventListener("abort", stop);
  }
}
