// What the driver can and cannot tell, put together for people from what was met anyway: nothing is called for it.

import type { GpuSurvey } from "../../../shared/model/gpu.ts";
import { NOT_ASKED } from "../../../shared/model/nvml-status.ts";
import { CALL_NAMES, CALLS } from "./calls.ts";
import type { Device } from "./device.ts";
import { FIELD_TABLE } from "./field-table.ts";
import type { Library } from "./library.ts";
import type { MarkWriter } from "./marks.ts";

/**
 * Codes are in the order of the GPUs. A call that concerns no GPU has one code, its own; those of the counters have no
 * GPU among their parameters and are made for one all the same.
 */
export function surveyOf(library: Library, marks: MarkWriter, devices: readonly Device[]): GpuSurvey {
  const indices = devices.map(({ identity }) => identity.index);
  const fields = devices.map((device) => device.fields());
  return {
    library: library.path,
    calls: CALL_NAMES.map((name) => ({
      name,
      exported: library.bind(name) !== null,
      codes:
        CALLS[name].mig === "system" && CALLS[name].group !== "gpm"
          ? [marks.lastCode(name, null)]
          : indices.map((index) => marks.lastCode(name, index)),
    })),
    fields: FIELD_TABLE.map(({ name }, at) => ({
      name,
      id: fields.map((of) => of[at]?.id ?? null).find((id) => id !== null) ?? null,
      codes: fields.map((of) => of[at]?.code ?? NOT_ASKED),
    })),
  };
}

/** While there is no connection. */
export const NO_SURVEY: GpuSurvey = { library: null, calls: [], fields: [] };
