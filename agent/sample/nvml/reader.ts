// Asks one GPU for one reading, cycle after cycle, with as little work as possible: everything that does not
// change is bound once. What a GPU does not support is asked once and remembered for as long as the reader
// lives, which is one generation.

import type { Reading } from "../../../shared/model/gpu-readings.ts";
import { FUNCTION_NOT_FOUND, meaningOf, NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { numberOf } from "./calls.ts";
import type { CallName } from "./calls.ts";
import type { Library } from "./library.ts";
import { marked } from "./marks.ts";
import type { MarkWriter } from "./marks.ts";
import { allocate } from "./native.ts";
import type { Address, Block } from "./native.ts";
import type { Question, Way } from "./readings.ts";

/** What a reader needs of its generation. */
export interface Driver {
  readonly library: Library;
  readonly marks: MarkWriter;
  /** The one buffer of a call, shared by all GPUs: calls are made one after the other. */
  readonly blockOf: (call: CallName, size: number) => Block;
  /** Told of each code that ends the generation. */
  readonly onFatal: (call: CallName, code: number) => void;
}

export type Reader<T> = (device: Address) => Reading<T>;

/** Buffers by call, made when first needed and kept while the process lives (native.ts says why). */
export function createBlocks(): Driver["blockOf"] {
  const blocks = new Map<CallName, Block>();
  return (call, size) => {
    let block = blocks.get(call);
    if (block === undefined) {
      block = allocate(size);
      blocks.set(call, block);
    }
    return block;
  };
}

interface Asker<T> {
  readonly call: CallName;
  readonly ask: (device: Address) => number;
  readonly block: Block;
  readonly decode: Way<T>["decode"];
  /** The code with which this GPU declined for good. */
  declined: number | null;
}

/**
 * A reader that settles on the first way that answers. Until one has, an unknown failure tries the next way
 * as well: under WSL the newer memory call fails with 999 where the older one works. Once one has, a failure
 * is a failure, since two ways can mean slightly different things and a series must not switch between them.
 */
export function createReader<T>(driver: Driver, question: Question<T>, gpu: number): Reader<T> {
  const askers = question.map((way) => createAsker(driver, way, gpu));
  let settled: Asker<T> | null = null;

  const search = (device: Address): Reading<T> => {
    let refusal = FUNCTION_NOT_FOUND;
    let failure: number | null = null;
    for (const asker of askers) {
      const code = asker.declined ?? asker.ask(device);
      const meaning = meaningOf(code);
      if (meaning === "success") {
        settled = asker;
        return decoded(asker);
      }
      if (meaning === "unsupported") {
        asker.declined = code;
        refusal = code;
        continue;
      }
      // A lost GPU or a dead driver says nothing about this way of asking.
      if (meaning !== "failed") return failed(driver, asker.call, code);
      failure ??= code;
    }
    if (failure !== null) return { kind: "failed", code: failure };
    return { kind: "unsupported", code: refusal };
  };

  return (device) => {
    if (settled === null) return search(device);
    const code = settled.ask(device);
    if (code === SUCCESS) return decoded(settled);
    if (meaningOf(code) !== "unsupported") return failed(driver, settled.call, code);
    // The GPU has changed its mind, as when MIG mode is switched on: look again, from the first way on.
    settled.declined = code;
    settled = null;
    return search(device);
  };
}

function createAsker<T>(driver: Driver, way: Way<T>, gpu: number): Asker<T> {
  const block = driver.blockOf(way.call, way.size);
  const ask = bindWay(driver, way, block, gpu);
  const absent = { ask: () => FUNCTION_NOT_FOUND, declined: FUNCTION_NOT_FOUND };
  return {
    call: way.call,
    block,
    decode: way.decode,
    ...(ask === null ? absent : { ask, declined: null }),
  };
}

/** One closure for each form and no call between it and the driver: this is the inner loop of every cycle. */
function bindWay<T>(driver: Driver, way: Way<T>, block: Block, gpu: number): Asker<T>["ask"] | null {
  const { library, marks } = driver;
  const { address, view } = block;
  const { stamp, size } = way;
  const number = numberOf(way.call);
  switch (way.form) {
    case "device-out": {
      const call = library.bind(way.call);
      if (call === null) return null;
      return (device) => {
        if (stamp !== null) view.setUint32(0, stamp, true);
        marks.enter(number, gpu);
        const code = call(device, address);
        marks.leave();
        return code;
      };
    }
    case "device-text": {
      const call = library.bind(way.call);
      return call && ((device) => marked(marks, way.call, gpu, () => call(device, address, size)));
    }
    case "device-selector-out": {
      const call = library.bind(way.call);
      if (call === null) return null;
      const { selector } = way;
      return (device) => {
        marks.enter(number, gpu);
        const code = call(device, selector, address);
        marks.leave();
        return code;
      };
    }
  }
}

function decoded<T>(asker: Asker<T>): Reading<T> {
  const value = asker.decode(asker.block);
  return value === undefined ? { kind: "failed", code: NO_DATA } : { kind: "value", value };
}

function failed<T>(driver: Driver, call: CallName, code: number): Reading<T> {
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  return { kind: "failed", code };
}
