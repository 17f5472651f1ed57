// One entry of nvmlDeviceGetFieldValues: how it is asked, whether it was answered, and the number in it. The driver
// says of each entry whether it worked and what type its value has; both are believed only as far as they can be true.

import { ALL_LINKS, VALUE_TYPES } from "./constants.ts";
import type { FieldRow, FieldScope } from "./field-table.ts";
import { FIELD_VALUE } from "./layout.ts";

const { fieldId, scopeId, valueType, nvmlReturn, value: VALUE } = FIELD_VALUE.members;
const LOW = VALUE.at;
const HIGH = VALUE.at + 4;
const ONES = 0xffffffff;

/**
 * What stands in the place of the entry's code before a call. In a long batch some drivers leave whole groups of entries
 * as they were (seen on an H100 with driver 580.159): where the caller had left zeros, that reads as "success, 0".
 */
export const UNTOUCHED = -0x5eed;

export function writeEntry(view: DataView, at: number, id: number, scope: number): void {
  view.setUint32(at + fieldId.at, id, true);
  view.setUint32(at + scopeId.at, scope, true);
  arm(view, at);
}

/** Before each call. */
export function arm(view: DataView, at: number): void {
  view.setInt32(at + nvmlReturn.at, UNTOUCHED, true);
}

/** The entry's own code, or UNTOUCHED. */
export function entryCode(view: DataView, at: number): number {
  return view.getInt32(at + nvmlReturn.at, true);
}

export function entryType(view: DataView, at: number): number {
  return view.getInt32(at + valueType.at, true);
}

/** The number in the driver's unit; NaN when it is not one that this field can have. */
export function entryValue(view: DataView, at: number, row: FieldRow): number {
  const type = row.reading === "as-u32" ? VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_INT : entryType(view, at);
  if ((row.types & (1 << type)) === 0) return Number.NaN;
  const value = numberOfType(view, at, type);
  // Also false for NaN. Nothing in the table can be below 0.
  return value >= 0 && value <= row.most ? value : Number.NaN;
}

/** NaN for "not available", which is all ones in the value's own width, and for a type that no header knows. */
function numberOfType(view: DataView, at: number, type: number): number {
  switch (type) {
    case VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_INT: {
      const value = view.getUint32(at + LOW, true);
      return value === ONES ? Number.NaN : value;
    }
    case VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_LONG:
    case VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG:
    case VALUE_TYPES.NVML_VALUE_TYPE_SIGNED_LONG_LONG: {
      const high = view.getUint32(at + HIGH, true);
      // Past 2^63 only a negative number or "not available" can stand.
      return high >= 0x80000000 ? Number.NaN : high * 0x100000000 + view.getUint32(at + LOW, true);
    }
    case VALUE_TYPES.NVML_VALUE_TYPE_SIGNED_INT:
      return view.getInt32(at + LOW, true);
    case VALUE_TYPES.NVML_VALUE_TYPE_UNSIGNED_SHORT: {
      const value = view.getUint16(at + LOW, true);
      return value === 0xffff ? Number.NaN : value;
    }
    case VALUE_TYPES.NVML_VALUE_TYPE_DOUBLE:
      return view.getFloat64(at + LOW, true);
    default:
      return Number.NaN;
  }
}

/** The scopes of the entries that a candidate stands for. */
export function scopesOf(scope: FieldScope, links: number): readonly number[] {
  if (scope === "all-links") return [ALL_LINKS];
  return scope === "links" ? Array.from({ length: links }, (_, link) => link) : [scope];
}
