// The demo's command line. Anything that it does not know stops it with the words that it knows.

import { AppError } from "../../shared/runtime/errors.ts";
import { CHECKS } from "./checks.ts";
import type { CheckName } from "./checks.ts";

export interface DemoOptions {
  /** Sabotages the run so that exactly this check fails. */
  readonly sabotage: CheckName | null;
  readonly jsonFile: string | null;
  readonly traceFile: string;
  readonly seed: number;
}

export const USAGE = `npm run demo -- [--trace FILE] [--seed N] [--json FILE] [--break ${CHECKS.join("|")}]`;

/** @throws AppError `bad-input` that names the word and the way out. */
export function parseOptions(args: readonly string[], defaultTrace: string): DemoOptions {
  let sabotage: CheckName | null = null;
  let jsonFile: string | null = null;
  let traceFile = defaultTrace;
  let seed = 1;
  for (let at = 0; at < args.length; at += 2) {
    const word = args[at] ?? "";
    const value = args[at + 1];
    if (!["--trace", "--seed", "--json", "--break"].includes(word))
      throw usage(`unknown word ${JSON.stringify(word)}`);
    if (value === undefined) throw usage(`${word} needs a value`);
    if (word === "--trace") traceFile = value;
    if (word === "--json") jsonFile = value;
    if (word === "--seed") seed = wholeNumber(value);
    if (word === "--break") sabotage = checkNamed(value);
  }
  return { sabotage, jsonFile, traceFile, seed };
}

function wholeNumber(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw usage(`--seed ${value} is not a whole number`);
  return Number(value);
}

function checkNamed(value: string): CheckName {
  const check = CHECKS.find((name) => name === value);
  if (check === undefined) throw usage(`--break ${value}: no such check`);
  return check;
}

function usage(problem: string): AppError {
  return new AppError("bad-input", `${problem}; usage: ${USAGE}`);
}
