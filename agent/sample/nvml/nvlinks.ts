// How many NVLinks a GPU has and how many are up, by asking each link. For drivers that do not say so as fields; the
// links are numbered from 0, and the first number that is invalid is their count.

import { READING_AT } from "../../../shared/model/gpu-readings.ts";
import { INVALID_ARGUMENT, meaningOf, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { ask } from "./ask.ts";
import { LIMITS } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { UINT32_BYTES } from "./layout.ts";
import { put } from "./question.ts";
import { writeCodes } from "./reader.ts";
import type { Reader } from "./reader.ts";

const SLOTS = [READING_AT.nvlinks, READING_AT.nvlinksActive];

/** Null when the driver does not export the call. */
export function createNvlinkReader(driver: Driver, gpu: number): Reader | null {
  const call = "nvmlDeviceGetNvLinkState";
  const state = driver.library.bind(call);
  if (state === null) return null;
  const { address, view } = driver.blockOf(call, UINT32_BYTES);
  let declined: number | null = null;
  return (device, readings) => {
    if (declined !== null) return writeCodes(readings, SLOTS, declined);
    let active = 0;
    for (let link = 0; link <= LIMITS.NVML_NVLINK_MAX_LINKS; link++) {
      const code =
        link < LIMITS.NVML_NVLINK_MAX_LINKS
          ? ask(driver, call, gpu, () => state(device, link, address))
          : INVALID_ARGUMENT;
      if (code === SUCCESS) {
        active += Number(view.getUint32(0, true) === 1);
        continue;
      }
      // Behind a link that answered, "not supported" can only mean that there is no such link.
      const isEnd = code === INVALID_ARGUMENT || (link > 0 && meaningOf(code) === "unsupported");
      if (!isEnd) {
        if (meaningOf(code) === "unsupported") declined = code;
        return writeCodes(readings, SLOTS, code);
      }
      put(readings, READING_AT.nvlinks, link);
      put(readings, READING_AT.nvlinksActive, active);
      return SUCCESS;
    }
    return SUCCESS;
  };
}
