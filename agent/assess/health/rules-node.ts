// The looks at the source of readings that the table of rules consists of: a driver that hangs, one that cannot be
// asked, and GPUs that are missing. They concern the node, or the GPU that the hung call was for.

import { DRIVER_NOT_LOADED, LIB_RM_VERSION_MISMATCH, nameOf } from "../../../shared/model/nvml-status.ts";
import type { NodeFacts } from "./facts.ts";
import type { Telling } from "./rule.ts";

type Look = (facts: NodeFacts) => Telling;

/**
 * Without persistence mode the first of these wakes every GPU of the node, some seconds each: 28 s were seen with 8.
 * With 16 of them that is no hang yet.
 */
const OPENING = /^nvml(?:Init|Shutdown|DeviceGetCount|DeviceGetHandleBy|SystemGet)/;
const OPENING_FACTOR = 4;
/** The last of its time a hang must be seen to last: a machine that stood still makes any call look long, once. */
export const HUNG_HOLD_MS = 5_000;

export function hung(afterMs: number): Look {
  return ({ source, hungMs }) => {
    if (source.state === "ready") return "good";
    if (source.state !== "hung") return undefined;
    const limitMs = OPENING.test(source.call) ? OPENING_FACTOR * afterMs : afterMs;
    if (hungMs <= limitMs - HUNG_HOLD_MS) return undefined;
    // The length is told once, at the limit: evidence that changes each second would be news each second.
    return { bad: `${source.call} has not returned for more than ${limitMs / 1000} s` };
  };
}

export const tooFewGpus: Look = ({ source, expected }) => {
  if (source.state !== "ready" && source.state !== "no-device") return undefined;
  // Where nobody says how many there must be, none is missing.
  if (expected === null) return "good";
  const there = source.state === "ready" ? source.gpus.length : 0;
  return there < expected ? { bad: `${there} of ${expected} GPUs` } : "good";
};

/** A node that is to have no GPU needs no driver. */
export const driverUnavailable: Look = ({ source, expected }) => {
  switch (source.state) {
    case "ready":
    case "no-device":
      return "good";
    case "driver-not-loaded":
      return expected === 0 ? "good" : { bad: `driver not loaded: ${nameOf(source.code)}` };
    case "library-missing":
      return expected === 0 ? "good" : { bad: "the driver's library is not there" };
    case "failed":
      return source.code === DRIVER_NOT_LOADED || source.code === LIB_RM_VERSION_MISMATCH
        ? { bad: `${source.call}: ${nameOf(source.code)}` }
        : undefined;
    case "starting":
    case "hung":
      return undefined;
  }
};
