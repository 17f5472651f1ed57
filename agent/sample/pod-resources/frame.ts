// One call of gRPC in its outer form: the request's body, the answer's frame, and what a status means to us. A table
// and two functions, no sockets.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";

/** A message of no bytes: one byte that says "not compressed", four of length. List asks for nothing in particular. */
export const EMPTY_MESSAGE: Uint8Array = new Uint8Array(5);
/** A node with hundreds of pods stays below 100 KiB; more than this is no answer to a question of ours. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

const PREFIX_BYTES = 5;

/** The one message of a whole body, not copied. @throws AppError malformed when it is none, or not exactly one. */
export function messageIn(body: Uint8Array): Uint8Array {
  if (body.length < PREFIX_BYTES) {
    throw new AppError("malformed", `the answer ends after ${body.length} bytes, before its message begins`);
  }
  // We announce no compression, so there must be none.
  if (body[0] !== 0)
    throw new AppError("malformed", `the answer's message is marked with ${body[0]}, not with 0`);
  const length = new DataView(body.buffer, body.byteOffset, body.byteLength).getUint32(1);
  if (PREFIX_BYTES + length !== body.length) {
    throw new AppError(
      "malformed",
      `the answer's message should be ${length} bytes long and is ${body.length - PREFIX_BYTES}`,
    );
  }
  return body.subarray(PREFIX_BYTES);
}

/** The codes of gRPC that we tell apart; the others are passing troubles of the other side. */
const KINDS: Readonly<Record<string, ErrorKind>> = {
  "4": "timeout",
  "7": "denied",
  "8": "throttled",
  "12": "refused",
  "16": "denied",
};

/** Null: the call succeeded. `status` and `message` as the trailers carry them. */
export function statusError(status: unknown, message: unknown): AppError | null {
  if (status === "0") return null;
  if (typeof status !== "string" || !/^\d{1,3}$/.test(status)) {
    return new AppError("unavailable", "the answer ended without a status");
  }
  const words = typeof message === "string" && message !== "" ? `: ${decoded(message).slice(0, 300)}` : "";
  return new AppError(
    KINDS[status] ?? "unavailable",
    `the kubelet answers with gRPC status ${status}${words}`,
  );
}

/** Messages are percent-encoded; one that is not quite so is shown as it came. */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message);
  } catch {
    return message;
  }
}
