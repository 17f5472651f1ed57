// What everything that asks the driver needs of its generation: the library, the marks, the buffers, and whom to tell
// that the connection is dead. It asks nothing itself.

import type { CallName } from "./calls.ts";
import type { Library } from "./library.ts";
import type { MarkWriter } from "./marks.ts";
import { allocate } from "./native.ts";
import type { Block } from "./native.ts";

export interface Driver {
  readonly library: Library;
  readonly marks: MarkWriter;
  /**
   * The one buffer of this name, with at least `size` bytes. Calls are made one after the other, so all GPUs share the
   * buffer of a call; whoever needs one of his own adds the GPU to the name.
   */
  readonly blockOf: (name: string, size: number) => Block;
  /** Told of each code that ends the generation. */
  readonly onFatal: (call: CallName, code: number) => void;
}

/** Buffers by name, made when first needed and kept while the process lives (native.ts says why). */
export function createBlocks(): Driver["blockOf"] {
  const blocks = new Map<string, Block>();
  return (name, size) => {
    let block = blocks.get(name);
    if (block === undefined || block.bytes.length < size) {
      block = allocate(size);
      blocks.set(name, block);
    }
    return block;
  };
}
