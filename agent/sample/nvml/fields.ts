// The fields of one GPU: asked one by one when the generation starts, and from then on all of a group in one call. An
// entry that the driver leaves untouched in that call is asked on its own from then on.

import { READING_AT } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings } from "../../../shared/model/gpu-readings.ts";
import {
  AMBIGUOUS,
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  meaningOf,
  NOT_ASKED,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { VALUE_TYPES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import { createFieldBatch } from "./field-batch.ts";
import type { FieldBatch, Planned } from "./field-batch.ts";
import { bindAskAlone, numberingOf, probe } from "./field-probe.ts";
import type { Links, Probed } from "./field-probe.ts";
import { FIELD_TABLE, timesOf } from "./field-table.ts";
import type { FieldRow, Numbering } from "./field-table.ts";
import type { Address } from "./native.ts";
import { createWrappingCounter, wrapsUnseen } from "./pcie-bytes.ts";
import { putCode } from "./question.ts";

export interface FieldOptions {
  /** 580 of 580.95.05; 0 when it is not known. */
  readonly branch: number;
  /** The most that the PCIe link can carry; Infinity when that is not known. */
  readonly pcieBytesPerSecond: number;
  /** How often the fast group is read. */
  readonly intervalMs: Millis;
}

export interface Fields {
  /** Writes the readings of the group; GPU_IS_LOST, or else SUCCESS. */
  readonly read: (group: FieldRow["group"], readings: GpuReadings, now: Millis) => number;
  /**
   * Asks again for what failed so far for a reason that may have passed. Writes the codes of all fields that `read` will
   * not write: those that this GPU does not have, and those that failed once more. True when it was found to lack one.
   */
  readonly settle: (readings: GpuReadings) => boolean;
  /** Whether the driver has no such field, so that an older call may be asked instead. */
  readonly declines: (name: GpuReadingName) => boolean;
  /** Of each field its id, null when it has none, and the code in which it was met last. */
  readonly survey: () => readonly {
    readonly name: GpuReadingName;
    readonly id: number | null;
    readonly code: number;
  }[];
}

/**
 * Asks the GPU for each field of the table and writes into `readings` the codes of those that it does not have. Takes
 * some milliseconds, more on a GPU that has just been woken.
 */
export function openFields(
  driver: Driver,
  gpu: number,
  device: Address,
  readings: GpuReadings,
  options: FieldOptions,
): Fields {
  const ask = bindAskAlone(driver, gpu, device);
  const states = new Map<FieldRow, Probed>();
  const lastCodes = new Int16Array(FIELD_TABLE.length).fill(NOT_ASKED);
  const counters = new Map(
    FIELD_TABLE.filter(({ reading }) => reading === "wrapping").map((row) => [
      row,
      createWrappingCounter(options.pcieBytesPerSecond),
    ]),
  );
  let numbering: Numbering | null = null;
  let links: Links = { count: 0 };
  let batches: Readonly<Record<FieldRow["group"], FieldBatch>> | null = null;

  const settle = (into: GpuReadings): boolean => {
    const open = FIELD_TABLE.filter((row) => (states.get(row)?.kind ?? "unsettled") === "unsettled");
    if (open.length === 0) return false;
    let gone = false;
    for (const row of open) {
      // A GPU that is gone is not asked forty times more: each answer may take it seconds.
      const state = gone ? ({ kind: "unsettled", code: GPU_IS_LOST } as const) : settleRow(row);
      states.set(row, state);
      if (state.kind !== "answers") putCode(into, READING_AT[row.name], state.code);
      if (state.kind === "unsettled") gone ||= isEnd(state.code);
    }
    batches = { fast: makeBatch("fast"), slow: makeBatch("slow") };
    return open.some((row) => states.get(row)?.kind === "declined");
  };

  const settleRow = (row: FieldRow): Probed => {
    if (ask === null) return { kind: "declined", code: FUNCTION_NOT_FOUND };
    let { candidates } = row;
    if (candidates.some((candidate) => candidate.numbering !== undefined)) {
      const renumbered = FIELD_TABLE.filter((other) => other.candidates[0]?.numbering !== undefined);
      numbering ??= numberingOf(ask, renumbered, options.branch);
      // While neither has answered, both stay in question.
      if (numbering !== null)
        candidates = candidates.filter((candidate) => candidate.numbering === numbering);
    }
    const state = probe(ask, row, candidates, links);
    if (row.name === "nvlinks") {
      if (state.kind === "unsettled") links = { count: null, code: state.code };
      else links = { count: state.kind === "answers" ? state.answer.value : 0 };
    }
    if (state.kind !== "answers") return state;
    if (row.reading === "wrapping" && state.answer.type === VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_INT) {
      const { pcieBytesPerSecond, intervalMs } = options;
      if (wrapsUnseen(pcieBytesPerSecond, intervalMs)) return { kind: "declined", code: AMBIGUOUS };
    }
    return state;
  };

  const makeBatch = (group: FieldRow["group"]): FieldBatch => {
    const planned = FIELD_TABLE.flatMap((row, at): Planned[] => {
      const state = states.get(row);
      if (row.group !== group || state?.kind !== "answers") return [];
      const { candidate, scopes } = state;
      return [
        {
          row,
          at,
          slot: READING_AT[row.name],
          id: candidate.id,
          scopes,
          times: timesOf(candidate),
          per: row.per,
          alone: isAlone(at),
        },
      ];
    });
    return createFieldBatch(driver, { gpu, group, device, planned, lastCodes, counters });
  };
  const isAlone = (at: number): boolean =>
    batches?.fast.isAlone(at) === true || batches?.slow.isAlone(at) === true;

  settle(readings);
  return {
    read: (group, into, now) => batches?.[group].read(into, now) ?? SUCCESS,
    settle,
    declines: (name) => FIELD_TABLE.some((row) => row.name === name && states.get(row)?.kind === "declined"),
    survey: () =>
      FIELD_TABLE.map((row, at) => {
        const state = states.get(row);
        if (state === undefined) return { name: row.name, id: null, code: NOT_ASKED };
        if (state.kind !== "answers") return { name: row.name, id: null, code: state.code };
        return { name: row.name, id: state.candidate.id, code: lastCodes[at] ?? NOT_ASKED };
      }),
  };
}

function isEnd(code: number): boolean {
  return code === GPU_IS_LOST || meaningOf(code) === "fatal";
}
