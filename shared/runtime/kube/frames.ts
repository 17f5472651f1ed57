// Frames of RFC 6455 on a connection that has been upgraded already: reads the messages that a server sends, answers its
// pings, and writes the few frames that a client needs. Only what running a command in a pod takes: no extensions, no
// text of our own. The platform's WebSocket takes no authority and no token of ours, and costs an agent 18 MiB.

import { createHash, randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

import { AppError } from "../errors.ts";

const OPCODE = { continued: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
/** Appended to the key of a handshake, so that an answer shows that it was understood (RFC 6455, 1.3). */
const HANDSHAKE_ID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The key of a handshake and what the server makes of it. */
export function handshakeKey(): { readonly key: string; readonly accept: string } {
  const key = randomBytes(16).toString("base64");
  return {
    key,
    accept: createHash("sha1")
      .update(key + HANDSHAKE_ID)
      .digest("base64"),
  };
}

/**
 * The server's messages until it closes or the connection ends; leaving the loop closes the connection. `head`: what came
 * behind the handshake. `what` completes "cannot …". @throws AppError malformed; an error of the socket as it is.
 */
export async function* readMessages(options: {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly maxBytes: number;
  readonly what: string;
}): AsyncGenerator<Buffer> {
  const { socket, maxBytes, what } = options;
  const malformed = (why: string): AppError =>
    new AppError("malformed", `cannot ${what}: no WebSocket frame can be read: ${why}`);
  const chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let size = 0;
  let rest = options.head;
  try {
    for (;;) {
      for (let frame = readFrame(rest); frame !== null; frame = readFrame(rest)) {
        const { opcode, final, masked, length, start } = frame;
        if (masked || frame.reserved) throw malformed("it is masked, or of an extension");
        if (size + length > maxBytes) throw malformed(`a message is larger than ${maxBytes} bytes`);
        if (rest.length < start + length) break;
        const payload = rest.subarray(start, start + length);
        rest = rest.subarray(start + length);
        if (opcode >= OPCODE.close) {
          if (opcode === OPCODE.ping) socket.write(clientFrame(OPCODE.pong, payload));
          if (opcode === OPCODE.close) {
            socket.end(clientFrame(OPCODE.close, payload.subarray(0, 2)));
            return;
          }
          continue;
        }
        if ((opcode === OPCODE.continued) !== parts.length > 0) throw malformed("its parts are out of order");
        parts.push(payload);
        size += length;
        if (!final) continue;
        yield Buffer.concat(parts.splice(0));
        size = 0;
      }
      const chunk = await chunks.next();
      if (chunk.done === true) return;
      rest = Buffer.concat([rest, chunk.value]);
    }
  } finally {
    socket.destroy();
  }
}

/** Clients mask what they send, with zeros or not. */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  // Control frames are never longer than 125 bytes, and we send no others.
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]);
}

interface FrameHead {
  readonly opcode: number;
  readonly final: boolean;
  readonly reserved: boolean;
  readonly masked: boolean;
  readonly length: number;
  /** Where the payload begins. */
  readonly start: number;
}

/** Null while its head is not whole. */
function readFrame(bytes: Buffer): FrameHead | null {
  if (bytes.length < 2) return null;
  const first = bytes.readUInt8(0);
  const second = bytes.readUInt8(1);
  const short = second & 0x7f;
  const start = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < start) return null;
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const masked = (second & 0x80) !== 0;
  return {
    opcode: first & 0x0f,
    final: first >= 0x80,
    reserved: (first & 0x70) !== 0,
    masked,
    length,
    start,
  };
}
