// The only file that knows the FFI library: load, bind, memory, text. Everything above it speaks addresses,
// return codes and DataViews, so that another FFI can take koffi's place. Buffers are native memory with a
// fixed address that is never freed: a call that hangs may still write to its buffer when it wakes up, long
// after we gave up on it, and passing a fixed address costs a tenth of passing an object.

import koffi from "koffi";

import type { CallForm } from "./calls.ts";

/** A pointer: a device handle or the address of a buffer. */
export type Address = bigint;

/** Native memory that both sides see. */
export interface Block {
  readonly address: Address;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

/** What a bound call looks like from here; each returns the driver's code. */
export interface Bound {
  readonly none: () => number;
  readonly flags: (flags: number) => number;
  readonly out: (out: Address) => number;
  readonly text: (out: Address, size: number) => number;
  readonly "index-out": (index: number, out: Address) => number;
  readonly handle: (handle: Address) => number;
  readonly "handle-out-timeout": (handle: Address, out: Address, timeoutMs: number) => number;
  readonly "device-out": (device: Address, out: Address) => number;
  readonly "device-out-out": (device: Address, first: Address, second: Address) => number;
  readonly "device-four-out": (device: Address, a: Address, b: Address, c: Address, d: Address) => number;
  readonly "device-text": (device: Address, out: Address, size: number) => number;
  /** The selector is an enumeration, an index or a count. */
  readonly "device-selector-out": (device: Address, selector: number, out: Address) => number;
  readonly "device-handle": (device: Address, handle: Address) => number;
  readonly "device-number-handle": (device: Address, number: number, handle: Address) => number;
  readonly "device-mask-handle": (device: Address, mask: number, handle: Address) => number;
}

const PARAMETERS: Readonly<Record<CallForm, readonly string[]>> = {
  none: [],
  flags: ["uint32_t"],
  out: ["void *"],
  text: ["void *", "uint32_t"],
  "index-out": ["uint32_t", "void *"],
  handle: ["void *"],
  "handle-out-timeout": ["void *", "void *", "uint32_t"],
  "device-out": ["void *", "void *"],
  "device-out-out": ["void *", "void *", "void *"],
  "device-four-out": ["void *", "void *", "void *", "void *", "void *"],
  "device-text": ["void *", "void *", "uint32_t"],
  "device-selector-out": ["void *", "int", "void *"],
  "device-handle": ["void *", "void *"],
  "device-number-handle": ["void *", "uint32_t", "void *"],
  "device-mask-handle": ["void *", "uint64_t", "void *"],
};

export interface NativeLibrary {
  /** Null when the library does not export the name. */
  readonly bind: <F extends CallForm>(symbol: string, form: F) => Bound[F] | null;
  /** Unmaps the library; nothing bound from it may be called any more. */
  readonly unload: () => void;
}

/** @throws Error with the dynamic loader's text when the file cannot be loaded. */
export function loadNative(path: string): NativeLibrary {
  const library = koffi.load(path, { lazy: true });
  return {
    bind: <F extends CallForm>(symbol: string, form: F): Bound[F] | null => {
      try {
        // The cast is the FFI's boundary: PARAMETERS[form] is what Bound[form] declares.
        return library.func(symbol, "int", [...PARAMETERS[form]]) as unknown as Bound[F];
      } catch (error) {
        if (error instanceof Error && error.message.startsWith("Cannot find function")) return null;
        throw error;
      }
    },
    unload: () => library.unload(),
  };
}

/** Zeroed memory that lives as long as the process. */
export function allocate(size: number): Block {
  const pointer: unknown = koffi.alloc("uint8_t", size);
  const buffer = koffi.view(pointer, size);
  const bytes = new Uint8Array(buffer);
  bytes.fill(0);
  return { address: koffi.address(pointer), view: new DataView(buffer), bytes };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });
const latin1 = new TextDecoder("latin1");

/**
 * Text up to the first NUL, or all of it when there is none. Drivers write ASCII; where a board's name is
 * Latin-1, it is read as that rather than refused. Control characters become "?", since names end in labels.
 */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  // A copy: decoders refuse views on memory that they cannot own.
  const copy = Uint8Array.from(end < 0 ? bytes : bytes.subarray(0, end));
  let text: string;
  try {
    text = utf8.decode(copy);
  } catch {
    text = latin1.decode(copy);
  }
  return text.replaceAll(/\p{Cc}/gu, "?").trim();
}
