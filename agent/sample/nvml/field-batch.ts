// The inner loop of the fields: one call for all entries of a group, and from each entry a reading or a code. What the
// entries are is settled before (fields.ts), so that nothing is looked up here.

import type { GpuReadings } from "../../../shared/model/gpu-readings.ts";
import {
  AMBIGUOUS,
  FUNCTION_NOT_FOUND,
  GPU_IS_LOST,
  meaningOf,
  NO_DATA,
  SUCCESS,
} from "../../../shared/model/nvml-status.ts";
import type { Millis } from "../../../shared/model/units.ts";
import { numberOf } from "./calls.ts";
import { VALUE_TYPES } from "./constants.ts";
import type { Driver } from "./driver.ts";
import type { FieldRow } from "./field-table.ts";
import { arm, entryCode, entryType, entryValue, UNTOUCHED, writeEntry } from "./field-value.ts";
import { FIELD_VALUE } from "./layout.ts";
import type { Address, Block } from "./native.ts";
import type { WrappingCounter } from "./pcie-bytes.ts";

/** A field that answers, with one entry for each of its scopes. */
export interface Planned {
  readonly row: FieldRow;
  /** Its place in the table. */
  readonly at: number;
  /** Its reading's place in the rows. */
  readonly slot: number;
  readonly id: number;
  readonly scopes: readonly number[];
  readonly times: number;
  readonly per: number;
  /** Whether it has been left untouched among others. */
  readonly alone: boolean;
}

export interface FieldBatch {
  /** GPU_IS_LOST, or else SUCCESS: which of them failed is in the rows. */
  readonly read: (readings: GpuReadings, now: Millis) => number;
  readonly isAlone: (at: number) => boolean;
}

const SIZE = FIELD_VALUE.size;
const CALL = "nvmlDeviceGetFieldValues";
const NUMBER = numberOf(CALL);

export function createFieldBatch(
  driver: Driver,
  options: {
    readonly gpu: number;
    readonly group: string;
    readonly device: Address;
    readonly planned: readonly Planned[];
    /** By place in the table; kept up to date for the survey. */
    readonly lastCodes: Int16Array;
    readonly counters: ReadonlyMap<FieldRow, WrappingCounter>;
  },
): FieldBatch {
  const { gpu, device, planned, lastCodes, counters } = options;
  const { marks } = driver;
  const call = driver.library.bind(CALL);
  const alone = new Set(planned.filter((field) => field.alone));
  const name = (kind: string): string => `${CALL} ${kind} ${gpu}`;
  const one = driver.blockOf(
    name("alone"),
    Math.max(1, ...planned.map(({ scopes }) => scopes.length)) * SIZE,
  );
  const block = driver.blockOf(name(options.group), Math.max(1, entriesOf(planned)) * SIZE);
  /** Those of the common call, whose entries lie one behind the other. */
  let together: readonly Planned[] = [];
  let entries = 0;

  const layOut = (): void => {
    together = planned.filter((field) => !alone.has(field));
    let at = 0;
    for (const field of together) at += write(block, at, field);
    entries = at / SIZE;
  };

  /** The call's own code. Entries that fail are no failure of the call. */
  const ask = (of: Block, count: number): number => {
    if (call === null) return FUNCTION_NOT_FOUND;
    for (let entry = 0; entry < count; entry++) arm(of.view, entry * SIZE);
    marks.enter(NUMBER, gpu);
    const code = call(device, count, of.address);
    marks.leave(code);
    if (code !== SUCCESS && meaningOf(code) === "fatal") driver.onFatal(CALL, code);
    return code;
  };

  const readAlone = (field: Planned, readings: GpuReadings, now: Millis): number => {
    const called = ask(one, write(one, 0, field) / SIZE);
    return finish(field, decode(field, one.view, 0, called, now) ?? NO_DATA, readings);
  };

  /** Of the last field that was decoded with SUCCESS. */
  let value = Number.NaN;

  /** The code of a field, and where that is SUCCESS its `value`; null when the driver left it untouched. */
  const decode = (
    field: Planned,
    view: DataView,
    from: number,
    called: number,
    now: Millis,
  ): number | null => {
    const { row, scopes } = field;
    let sum = 0;
    let answers = 0;
    let refusal = SUCCESS;
    for (let entry = 0, at = from; entry < scopes.length; entry++, at += SIZE) {
      let code = entryCode(view, at);
      if (code === UNTOUCHED) {
        if (called === SUCCESS) return null;
        code = called;
      }
      if (code !== SUCCESS) {
        // A link that has no such counter adds nothing; one that failed to answer makes the sum unknown.
        if (scopes.length === 1 || meaningOf(code) !== "unsupported") return code;
        refusal = code;
        continue;
      }
      const number = entryValue(view, at, row);
      if (Number.isNaN(number)) return NO_DATA;
      answers++;
      sum += row.reading === "active" ? Number(number === 1) : number;
    }
    if (answers === 0 && refusal !== SUCCESS) return refusal;
    if (row.reading === "wrapping" && entryType(view, from) === VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_INT)
      sum = counters.get(row)?.add(sum, now) ?? Number.NaN;
    if (Number.isNaN(sum)) return AMBIGUOUS;
    if (sum === 0 && row.zeroIsAbsent === true) return NO_DATA;
    value = (sum * field.times) / field.per;
    return SUCCESS;
  };

  const finish = (field: Planned, code: number, readings: GpuReadings): number => {
    readings.values[field.slot] = code === SUCCESS ? value : Number.NaN;
    readings.codes[field.slot] = code;
    lastCodes[field.at] = code;
    return code;
  };

  layOut();
  return {
    isAlone: (at) => planned.some((field) => field.at === at && alone.has(field)),
    read: (readings, now) => {
      let end = SUCCESS;
      for (const field of alone) if (readAlone(field, readings, now) === GPU_IS_LOST) end = GPU_IS_LOST;
      if (entries === 0) return end;
      const called = ask(block, entries);
      const before = alone.size;
      for (let nth = 0, at = 0; nth < together.length; nth++) {
        const field = together[nth];
        if (field === undefined) break;
        let code = decode(field, block.view, at, called, now);
        at += field.scopes.length * SIZE;
        if (code === null) {
          alone.add(field);
          code = readAlone(field, readings, now);
        } else finish(field, code, readings);
        if (code === GPU_IS_LOST) end = GPU_IS_LOST;
      }
      if (alone.size > before) layOut();
      return end;
    },
  };
}

function entriesOf(planned: readonly Planned[]): number {
  return planned.reduce((sum, { scopes }) => sum + scopes.length, 0);
}

/** Writes the field's entries; how many bytes they take. */
function write({ view }: Block, at: number, { id, scopes }: Planned): number {
  for (const [entry, scope] of scopes.entries()) writeEntry(view, at + entry * SIZE, id, scope);
  return scopes.length * SIZE;
}
