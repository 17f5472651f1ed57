// How an answer goes out on the wire, whole or under a fault: which of it the client gets, and how the connection ends.
// Which fault it is was decided before, in fault.ts.

import type { ServerResponse } from "node:http";

import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Fault } from "./fault.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Why the real service would refuse such a request from anybody: the client does not keep to its protocol. */
  readonly breach?: string;
}

const GARBAGE = Buffer.from([0xff, 0xfe, 0x00, 0x7b, 0x22, 0x5b, 0xc3, 0x28, 0x3c, 0x0d, 0x0a, 0x80]);
const HUGE_BYTES = 5 * 1024 * 1024;

/** What the client is to get; null when it gets nothing at all. The service is asked only where its answer is needed. */
export async function answerUnder(
  fault: Fault | null,
  ask: () => Answer | Promise<Answer>,
  { response, clock, gone }: { response: ServerResponse; clock: Clock; gone: AbortSignal },
): Promise<Answer | null> {
  switch (fault?.kind) {
    case "cut":
      response.socket?.resetAndDestroy();
      return null;
    case "hang":
      return null;
    case "status":
      return { status: fault.status, headers: fault.headers ?? {}, body: "" };
    case "redirect":
      return { status: 302, headers: { location: fault.to }, body: "" };
    case "slow":
      await clock.sleep(fault.ms, gone).catch(() => {});
      return await ask();
    case "garbage":
    case "empty":
    case "huge":
      // The client is told that all is well.
      return { ...(await ask()), status: 200 };
    case "drip":
    case "truncated":
    case "half":
    case undefined:
      return await ask();
  }
}

/** `headers` come before those of the answer, which may replace them. */
export async function sendUnder(
  fault: Fault | null,
  answer: Answer,
  headers: Readonly<Record<string, string>>,
  { response, clock, gone }: { response: ServerResponse; clock: Clock; gone: AbortSignal },
): Promise<void> {
  const right = Buffer.from(answer.body);
  const body = bodyUnder(fault, right);
  // What is cut off had been promised in full, and a promise of nothing cannot be broken.
  const promised = fault?.kind === "truncated" ? Math.max(right.length, 2) : body.length;
  // An answer without content has no length either.
  const length = answer.status === 204 ? {} : { "content-length": promised };
  response.writeHead(answer.status, { ...headers, ...answer.headers, ...length });
  if (fault?.kind === "truncated") {
    response.write(body.length === 0 ? Buffer.of(0x20) : body, () => response.destroy());
    return;
  }
  if (fault?.kind === "drip") {
    response.flushHeaders();
    for (const byte of body) {
      await clock.sleep(fault.ms, gone).catch(() => {});
      if (gone.aborted) return;
      response.write(Buffer.of(byte));
    }
    response.end();
    return;
  }
  response.end(body);
}

function bodyUnder(fault: Fault | null, right: Buffer): Buffer {
  switch (fault?.kind) {
    case "garbage":
      return fault.body === undefined ? GARBAGE : Buffer.from(fault.body);
    case "empty":
      return Buffer.alloc(0);
    case "huge":
      return Buffer.alloc(fault.bytes ?? HUGE_BYTES, "9");
    case "truncated":
    case "half":
      return right.subarray(0, Math.floor(right.length / 2));
    default:
      return right;
  }
}
