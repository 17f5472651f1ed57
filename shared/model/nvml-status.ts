// The driver's return codes (nvmlReturn_t): what each is called and what it means for us. Who acts on which
// meaning is decided elsewhere: the readers skip what is unsupported, the generation ends on what is fatal.

/**
 * Ours, for a question that nobody has put yet: the slow group before its first turn, GPM before its second sample,
 * a field that does not exist for a MIG instance. Below 0, where the driver has no codes.
 */
export const NOT_ASKED = -1;
/** Ours, for a counter that wraps more than once between two readings: its rate is not known. */
export const AMBIGUOUS = -2;

/** Codes that our own code compares with. */
export const SUCCESS = 0;
export const INVALID_ARGUMENT = 2;
export const NOT_SUPPORTED = 3;
export const NO_PERMISSION = 4;
export const NOT_FOUND = 6;
export const INSUFFICIENT_SIZE = 7;
export const DRIVER_NOT_LOADED = 9;
export const TIMEOUT = 10;
export const LIBRARY_NOT_FOUND = 12;
export const FUNCTION_NOT_FOUND = 13;
export const GPU_IS_LOST = 15;
export const RESET_REQUIRED = 16;
export const OPERATING_SYSTEM = 17;
export const LIB_RM_VERSION_MISMATCH = 18;
/** Also ours, for an answer that says "success" and carries no usable number. */
export const NO_DATA = 21;
export const GPU_NOT_FOUND = 28;

/**
 * - `unsupported`: this GPU or this driver will not answer; asking again is a waste until the driver changes.
 * - `fatal`: the connection to the driver is gone, for every GPU.
 * - `lost`: this GPU is gone; the others go on.
 * - `failed`: this call, this time.
 * - `pending`: not asked yet.
 */
export type Meaning = "success" | "unsupported" | "fatal" | "lost" | "failed" | "pending";

interface Status {
  readonly name: string;
  readonly meaning: Meaning;
}

const STATUSES: Readonly<Record<number, Status>> = {
  [NOT_ASKED]: { name: "NOT_ASKED", meaning: "pending" },
  [AMBIGUOUS]: { name: "AMBIGUOUS", meaning: "unsupported" },
  0: { name: "SUCCESS", meaning: "success" },
  1: { name: "UNINITIALIZED", meaning: "fatal" },
  2: { name: "INVALID_ARGUMENT", meaning: "failed" },
  3: { name: "NOT_SUPPORTED", meaning: "unsupported" },
  4: { name: "NO_PERMISSION", meaning: "failed" },
  5: { name: "ALREADY_INITIALIZED", meaning: "failed" },
  6: { name: "NOT_FOUND", meaning: "failed" },
  7: { name: "INSUFFICIENT_SIZE", meaning: "failed" },
  8: { name: "INSUFFICIENT_POWER", meaning: "failed" },
  9: { name: "DRIVER_NOT_LOADED", meaning: "fatal" },
  10: { name: "TIMEOUT", meaning: "failed" },
  11: { name: "IRQ_ISSUE", meaning: "failed" },
  12: { name: "LIBRARY_NOT_FOUND", meaning: "failed" },
  13: { name: "FUNCTION_NOT_FOUND", meaning: "unsupported" },
  14: { name: "CORRUPTED_INFOROM", meaning: "failed" },
  15: { name: "GPU_IS_LOST", meaning: "lost" },
  16: { name: "RESET_REQUIRED", meaning: "failed" },
  17: { name: "OPERATING_SYSTEM", meaning: "failed" },
  18: { name: "LIB_RM_VERSION_MISMATCH", meaning: "fatal" },
  19: { name: "IN_USE", meaning: "failed" },
  20: { name: "MEMORY", meaning: "failed" },
  21: { name: "NO_DATA", meaning: "failed" },
  22: { name: "VGPU_ECC_NOT_SUPPORTED", meaning: "unsupported" },
  23: { name: "INSUFFICIENT_RESOURCES", meaning: "failed" },
  24: { name: "FREQ_NOT_SUPPORTED", meaning: "unsupported" },
  25: { name: "ARGUMENT_VERSION_MISMATCH", meaning: "unsupported" },
  26: { name: "DEPRECATED", meaning: "unsupported" },
  27: { name: "NOT_READY", meaning: "failed" },
  28: { name: "GPU_NOT_FOUND", meaning: "fatal" },
  29: { name: "INVALID_STATE", meaning: "failed" },
  30: { name: "RESET_TYPE_NOT_SUPPORTED", meaning: "unsupported" },
  999: { name: "UNKNOWN", meaning: "failed" },
};

/** A code that no header knows yet is a failure of this call and nothing more. */
export function meaningOf(code: number): Meaning {
  return STATUSES[code]?.meaning ?? "failed";
}

/** For messages: `GPU_IS_LOST (15)`. */
export function nameOf(code: number): string {
  return `${STATUSES[code]?.name ?? "NVML_CODE"} (${code})`;
}

/** Every code that the table knows, ours included. */
export const KNOWN_CODES: readonly number[] = Object.keys(STATUSES).map(Number);
