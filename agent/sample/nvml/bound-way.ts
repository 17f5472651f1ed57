// A way to ask, bound to the driver's function and to its buffer, and the one place where getters are called. Nothing is
// looked up or allocated for a call here: this is what every cycle consists of.

import { FUNCTION_NOT_FOUND } from "../../../shared/model/nvml-status.ts";
import { numberOf } from "./calls.ts";
import type { CallName } from "./calls.ts";
import type { Driver } from "./driver.ts";
import type { MarkWriter } from "./marks.ts";
import type { Address, Block, Bound } from "./native.ts";
import type { Way } from "./question.ts";

/**
 * A way with everything that does not change bound once. All have the same members, so that the inner loop is compiled
 * for one shape; of the calls, the one of the way's form is there.
 */
export interface BoundWay {
  readonly call: CallName;
  readonly number: number;
  readonly out: Bound["device-out"] | null;
  readonly selected: Bound["device-selector-out"] | null;
  readonly pair: Bound["device-out-out"] | null;
  readonly four: Bound["device-four-out"] | null;
  readonly text: Bound["device-text"] | null;
  readonly selector: number;
  readonly stamp: number | null;
  readonly size: number;
  readonly block: Block;
  readonly view: DataView;
  readonly address: Address;
  readonly second: Address;
  /** The code with which this GPU declined for good; at once when the driver does not export the call. */
  declined: number | null;
}

export function bindWay({ library, blockOf }: Driver, way: Way): BoundWay {
  const block = blockOf(way.call, way.size);
  return {
    call: way.call,
    number: numberOf(way.call),
    out: way.form === "device-out" ? library.bind(way.call) : null,
    selected: way.form === "device-selector-out" ? library.bind(way.call) : null,
    pair: way.form === "device-out-out" ? library.bind(way.call) : null,
    four: way.form === "device-four-out" ? library.bind(way.call) : null,
    text: way.form === "device-text" ? library.bind(way.call) : null,
    selector: way.form === "device-selector-out" ? way.selector : 0,
    stamp: way.stamp,
    size: way.size,
    block,
    view: block.view,
    address: block.address,
    second: block.address + 4n,
    declined: library.bind(way.call) === null ? FUNCTION_NOT_FOUND : null,
  };
}

/** One call between its marks. */
export function askWay(marks: MarkWriter, way: BoundWay, gpu: number, device: Address): number {
  const { address, stamp } = way;
  if (stamp !== null) way.view.setUint32(0, stamp, true);
  let code = FUNCTION_NOT_FOUND;
  marks.enter(way.number, gpu);
  if (way.out !== null) code = way.out(device, address);
  else if (way.selected !== null) code = way.selected(device, way.selector, address);
  else if (way.pair !== null) code = way.pair(device, address, way.second);
  else if (way.four !== null) code = way.four(device, address, way.second, address + 8n, address + 12n);
  else if (way.text !== null) code = way.text(device, address, way.size);
  marks.leave(code);
  return code;
}
