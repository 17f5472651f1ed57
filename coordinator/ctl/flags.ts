// Splits what people type into flags and names, by a table of the flags of a word. What the flags mean, and what the usage
// says, is for the word's own file.

import { parseArgs } from "node:util";
import type { ParseArgsOptionsConfig } from "node:util";

/** @throws what `wrong` makes of a flag that is unknown, lacks its value or has one too many. */
export function readFlags<const O extends ParseArgsOptionsConfig>(
  argv: readonly string[],
  options: O,
  wrong: (message: string) => Error,
) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}
