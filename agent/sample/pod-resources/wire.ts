// Walks the fields of one protobuf message. It knows the wire format and no schema: whoever reads picks fields by
// number and lets the others pass. Bytes are not copied, and bytes that are no message are refused with a reason.

import { AppError } from "../../../shared/runtime/errors.ts";

export interface WireField {
  /** The field's number in the schema. */
  readonly number: number;
  /** What a string, message or packed list consists of; null for numbers, which no reader of ours needs. */
  readonly bytes: Uint8Array | null;
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;
/** A 64-bit number has 10 groups of 7 bits. */
const VARINT_BYTES_MAX = 10;

/** @throws AppError malformed, from the iteration, at the first byte that cannot be right. */
export function* fieldsOf(message: Uint8Array): Generator<WireField> {
  for (let at = 0; at < message.length;) {
    const tag = varintAt(message, at);
    const number = Math.floor(tag.value / 8);
    const wire = tag.value % 8;
    if (number < 1 || number > 0x1fff_ffff) throw refusal(at, `a field has number ${number}`);
    at = tag.end;
    if (wire === LENGTH_DELIMITED) {
      const length = varintAt(message, at);
      const end = length.end + length.value;
      if (end > message.length) throw refusal(at, `field ${number} goes past the end`);
      yield { number, bytes: message.subarray(length.end, end) };
      at = end;
      continue;
    }
    at = endOfNumber(message, at, number, wire);
    if (at > message.length) throw refusal(at, `field ${number} goes past the end`);
    yield { number, bytes: null };
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws AppError malformed when the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AppError("malformed", "a text is not UTF-8", { cause });
  }
}

function endOfNumber(message: Uint8Array, at: number, field: number, wire: number): number {
  switch (wire) {
    case VARINT:
      return varintAt(message, at).end;
    case FIXED64:
      return at + 8;
    case FIXED32:
      return at + 4;
    default:
      // 3 and 4 are groups, which proto3 does not have; 6 and 7 do not exist.
      throw refusal(at, `field ${field} has wire type ${wire}`);
  }
}

/** Exact up to 2^53; above it the value is not, but no tag and no length of a message that is whole is that large. */
function varintAt(message: Uint8Array, from: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = from; at < from + VARINT_BYTES_MAX; at++) {
    const byte = message[at];
    if (byte === undefined) throw refusal(from, "a number goes past the end");
    value += (byte & 0x7f) * 2 ** (7 * (at - from));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  throw refusal(from, `a number is longer than ${VARINT_BYTES_MAX} bytes`);
}

function refusal(at: number, why: string): AppError {
  return new AppError("malformed", `not a protobuf message at byte ${at}: ${why}`);
}
