// One call outside of the readers: between its marks, and with a code that ends the generation told. Readings that are
// asked cycle after cycle go through reader.ts instead, which binds once and remembers.

import { meaningOf } from "../../../shared/model/nvml-status.ts";
import type { CallName } from "./calls.ts";
import type { Driver } from "./driver.ts";
import { marked } from "./marks.ts";

/** `gpu` null: the call concerns none. */
export function ask(driver: Driver, call: CallName, gpu: number | null, run: () => number): number {
  const code = marked(driver.marks, call, gpu, run);
  if (meaningOf(code) === "fatal") driver.onFatal(call, code);
  return code;
}
