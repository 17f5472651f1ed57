// The way to a metadata service: one question and its whole answer within a deadline, over connections that are kept.
// It follows no redirect, knows no proxy, takes no answer above its size and adds no header that tells of a proxy. What
// an answer means, and when to ask again, is the caller's business.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { networkError, timeoutError } from "../../../shared/runtime/kube/translate.ts";
import type { HttpAnswer } from "./http-answer.ts";
import { createLine } from "./line.ts";
import type { Line } from "./line.ts";
import { cloudTime } from "./reading.ts";

export interface Question {
  readonly method?: "GET" | "PUT" | "POST";
  /** With the query, below the service's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole answer. */
  readonly withinMs: Millis;
  /** Completes "cannot …". */
  readonly what: string;
}

export interface Answer extends Omit<HttpAnswer, "keeps" | "date"> {
  /** The service's own time, where its answer has one. */
  readonly serverNow: EpochMs | null;
}

export interface MetadataClient {
  /**
   * The whole answer, whatever its status.
   * @throws AppError timeout, unavailable, malformed (no HTTP, or too large), denied (TLS), or the signal's reason.
   */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

const USER_AGENT = "gpu-autoscaler-agent";
/** An answer that may take longer is waited for on a connection that is probed. */
const LONG_MS = 10_000;
const NO_WAY: ReadonlySet<string> = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

/** `bases`: where the service is; where there is no way to the one, the next is tried with the next question. */
export function createMetadataClient(options: {
  readonly bases: readonly [URL, ...URL[]];
  readonly clock: Pick<Clock, "alarm">;
  readonly maxBytes: number;
  readonly maxSockets: number;
}): MetadataClient {
  const { bases, clock, maxBytes, maxSockets } = options;
  let turn = 0;
  let open = 0;
  let isClosed = false;
  const free: Line[] = [];
  /** Questions for which no connection is free. */
  const queue: (() => void)[] = [];
  /** Ends of the questions under way. A listener for each of them would cost more than the rest of a question. */
  const ends = new Map<AbortSignal, Set<() => void>>();

  const baseNow = (): URL => bases[turn % bases.length] ?? bases[0];

  function takeLine(): Line | null {
    const line = free.pop();
    if (line === undefined && open >= maxSockets) return null;
    if (line === undefined) open++;
    if (line?.base === baseNow()) return line;
    line?.drop();
    return createLine(baseNow(), maxBytes);
  }

  function release(line: Line): void {
    free.push(line);
    if (isClosed) line.drop();
    queue.shift()?.();
  }

  function endsUnder(signal: AbortSignal): Set<() => void> {
    const known = ends.get(signal);
    if (known !== undefined) return known;
    const under = new Set<() => void>();
    ends.set(signal, under);
    const onAbort = (): void => {
      ends.delete(signal);
      for (const end of under) end();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return under;
  }

  function exchange(question: Question, signal: AbortSignal, done: (answer: HttpAnswer | AppError) => void) {
    const { what, withinMs } = question;
    const under = endsUnder(signal);
    let line: Line | null = null;
    const settle = (answer: HttpAnswer | AppError): void => {
      stopAlarm();
      under.delete(onEnd);
      done(answer);
      if (line !== null) release(line);
      else if (queue.includes(start)) queue.splice(queue.indexOf(start), 1);
    };
    const giveUp = (error: AppError): void => {
      line?.drop();
      settle(error);
    };
    const start = (): void => {
      line = takeLine();
      if (line === null) {
        queue.push(start);
        return;
      }
      const { base } = line;
      line.put(textOf(question, base), withinMs > LONG_MS, (answer, error) => {
        if (answer !== null) {
          settle(answer);
          return;
        }
        const said =
          error instanceof AppError ? new AppError(error.kind, `cannot ${what}: ${error.message}`) : null;
        const failure = said ?? networkError(what, base, error);
        if (base === baseNow() && NO_WAY.has(String(failure.data["code"]))) turn++;
        settle(failure);
      });
    };
    const onEnd = (): void => {
      giveUp(ENDED);
    };
    const stopAlarm = clock.alarm(withinMs, () => {
      giveUp(timeoutError(what, line?.base ?? baseNow(), withinMs));
    });
    under.add(onEnd);
    start();
  }

  return {
    ask: async (question, signal) => {
      signal.throwIfAborted();
      const answer = await new Promise<HttpAnswer | AppError>((resolve) => {
        exchange(question, signal, resolve);
      });
      signal.throwIfAborted();
      if (answer instanceof AppError) throw answer;
      const { status, headers, body, date } = answer;
      return {
        status,
        headers,
        body,
        // Seldom asked for.
        get serverNow() {
          return cloudTime(date);
        },
      };
    },
    close: () => {
      isClosed = true;
      for (const line of free) line.drop();
    },
  };
}

/** In its place the signal's own reason is thrown. */
const ENDED = new AppError("timeout", "the question was ended by its signal");

function textOf({ method = "GET", path, headers, body }: Question, base: URL): string {
  const length = body === undefined ? 0 : Buffer.byteLength(body);
  let fields = `host: ${base.host}\r\nuser-agent: ${USER_AGENT}\r\nconnection: keep-alive\r\n`;
  for (const name in headers) fields += `${name}: ${headers[name] ?? ""}\r\n`;
  if (method !== "GET") fields += `content-length: ${length}\r\n`;
  return `${method} ${base.pathname.replace(/\/$/, "")}${path} HTTP/1.1\r\n${fields}\r\n${body ?? ""}`;
}

/** An answer that is none of those that the caller knows. */
export function statusError(what: string, { status, headers }: Pick<Answer, "status" | "headers">): AppError {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  const retryAfterMs = seconds > 0 && seconds < 3600 ? millis(seconds * 1000) : null;
  const isRedirect = status >= 300 && status < 400;
  const why = isRedirect ? "with a redirect, which is not followed" : `with status ${status}`;
  return new AppError(kindOfStatus(status), `cannot ${what}: the service answers ${why}`, {
    data: { status },
    retryAfterMs,
  });
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not-found";
  if (status === 429) return "throttled";
  if (status === 408 || status === 504) return "timeout";
  return status >= 500 ? "unavailable" : "refused";
}

/** @throws AppError settings when the text is no http address. */
export function baseUrl(setting: string, text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new AppError(
    "settings",
    `${setting} must be an http address such as http://169.254.169.254, got ${JSON.stringify(text)}`,
  );
}
