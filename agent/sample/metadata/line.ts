// One connection to a service, on which one question at a time is put: kept as long as the service keeps it, opened
// again when it is needed. Node's own HTTP client does the same and more for twice the processor time, which a question
// in each second does not allow. How long an answer may take is the asker's business.

import net from "node:net";
import type { Socket } from "node:net";
import tls from "node:tls";

import { createAnswerReader, createHeadReader } from "./http-answer.ts";
import type { AnswerReader, HttpAnswer } from "./http-answer.ts";

/** Either the whole answer or what kept it away: AppError malformed, or an error of the socket. */
export type Done = (answer: HttpAnswer | null, error: unknown) => void;

export interface Line {
  readonly base: URL;
  /** `text`: head and body. `isLong`: the service may be silent for long, and one that is gone is found out. */
  put(text: string, isLong: boolean, done: Done): void;
  /** Nobody waits for the answer any more. Closes the connection; the next question opens it again. */
  drop(): void;
}

interface Exchange {
  readonly text: string;
  readonly done: Done;
  readonly reader: AnswerReader;
  /** The connection has carried an answer before, so the service may have closed it as we took it. */
  readonly onKept: boolean;
}

/** A peer that vanished without a word is found after this and a few probes. */
const PROBE_MS = 10_000;
/** Answers are of a few hundred bytes. */
const READ_BYTES = 8 * 1024;

export function createLine(base: URL, maxBytes: number): Line {
  const host = base.hostname.replace(/^\[|\]$/g, "");
  const isSecure = base.protocol === "https:";
  const to = { host, port: base.port === "" ? (isSecure ? 443 : 80) : Number(base.port) };
  const readHead = createHeadReader();
  let socket: Socket | null = null;
  /** Its "close" has come after a whole answer: it may be connected anew, which costs less than a new one. */
  let isClosed = false;
  let isKept = false;
  let probes = false;
  let exchange: Exchange | null = null;

  /** One that has failed is never connected again: Node would send what it had still to send of the time before. */
  function forget(): void {
    const failed = socket;
    socket = null;
    isKept = false;
    failed?.destroy();
  }

  function finish(answer: HttpAnswer | null, error: unknown): void {
    const ended = exchange;
    exchange = null;
    isKept = answer !== null && answer.keeps;
    if (answer === null) forget();
    else if (!isKept) socket?.destroy();
    ended?.done(answer, error);
  }

  function read(bytes: Buffer): void {
    // Nobody has asked for it.
    if (exchange === null) {
      forget();
      return;
    }
    try {
      const answer = exchange.reader.add(bytes);
      if (answer !== null) finish(answer, null);
    } catch (error) {
      finish(null, error);
    }
  }

  function lost(error: unknown): void {
    const was = exchange;
    // Nobody has read the question, so it may be put again.
    if (was !== null && was.onKept && !was.reader.begun && isReset(error)) {
      const isLong = probes;
      forget();
      send(was.text, isLong, was.done);
      return;
    }
    if (was === null) forget();
    else finish(null, error);
  }

  function over(): void {
    isClosed = true;
    if (exchange === null) {
      isKept = false;
      return;
    }
    try {
      const answer = exchange.reader.end();
      if (answer === null) lost(cutOff());
      else finish(answer, null);
    } catch (error) {
      finish(null, error);
    }
  }

  function open(): Socket {
    const onread = {
      buffer: Buffer.allocUnsafeSlow(READ_BYTES),
      callback: (length: number, buffer: Uint8Array): boolean => {
        if (made === socket) read((buffer as Buffer).subarray(0, length));
        return true;
      },
    };
    const made: Socket = isSecure
      ? tls.connect({ ...to, ...(net.isIP(host) === 0 ? { servername: host } : {}) })
      : new net.Socket({ onread });
    if (isSecure)
      made.on("data", (bytes: Buffer) => {
        if (made === socket) read(bytes);
      });
    made.on("error", (error) => {
      if (made === socket) lost(error);
    });
    made.on("close", () => {
      if (made === socket) over();
    });
    return made;
  }

  function send(text: string, isLong: boolean, done: Done): void {
    const onKept = isKept && socket !== null && !socket.destroyed;
    exchange = { text, done, reader: createAnswerReader(maxBytes, readHead), onKept };
    if (!onKept) {
      isKept = false;
      if (socket === null || isSecure || !isClosed) socket = open();
      isClosed = false;
      probes = false;
      if (!isSecure) socket.connect(to);
    }
    if (socket === null) return;
    if (isLong && !probes) socket.setKeepAlive(true, PROBE_MS);
    probes ||= isLong;
    socket.write(text);
  }

  return {
    base,
    put: send,
    drop: () => {
      exchange = null;
      forget();
    },
  };
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

function cutOff(): Error {
  return Object.assign(new Error("the connection ended before the answer was whole"), { code: "ECONNRESET" });
}
