// A few words for each XID that people meet, for the label that dcgm-exporter puts beside the number. How bad one is,
// and what helps, is for the verdicts on health.

const WORDS: ReadonlyMap<number, string> = new Map([
  [0, "No Error"],
  [8, "GPU stopped processing"],
  [13, "Graphics engine exception"],
  [31, "Memory page fault"],
  [32, "Invalid or corrupted push buffer"],
  [38, "Driver firmware error"],
  [43, "Application stopped after an error"],
  [44, "Graphics engine fault in a context switch"],
  [45, "Work of a program removed"],
  [46, "GPU stopped processing"],
  [48, "Double-bit ECC error"],
  [54, "Power cable not connected"],
  [61, "Microcontroller breakpoint"],
  [62, "Microcontroller halted"],
  [63, "Memory row remapped or page retired"],
  [64, "Memory row could not be remapped or page retired"],
  [68, "Video processor exception"],
  [69, "Graphics engine class error"],
  [74, "NVLink error"],
  [78, "vGPU start error"],
  [79, "GPU has fallen off the bus"],
  [92, "High rate of single-bit ECC errors"],
  [94, "Contained memory error"],
  [95, "Uncontained memory error"],
  [109, "Context switch time-out"],
  [119, "GSP call time-out"],
  [120, "GSP error"],
  [136, "Link training failed"],
  [137, "NVLink privilege error of a program"],
  [140, "Unrecovered ECC error"],
  [143, "GPU could not be initialised"],
  [154, "Recovery action changed"],
]);

/** `Unknown Error` for a number that has none, as dcgm-exporter says. */
export function xidWords(xid: number): string {
  return WORDS.get(xid) ?? "Unknown Error";
}
