// The log of a replica in virtual time: what a person would read is dropped, and a stage that failed without a known kind
// is a finding.

import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { Log } from "../../../shared/runtime/log.ts";

export function quietLog(onBug: (text: string) => void): Log {
  const look = (fields: { readonly error?: unknown }, message: string): void => {
    if (fields.error === undefined || kindOf(fields.error) !== "bug") return;
    const stack = fields.error instanceof Error ? fields.error.stack : undefined;
    onBug(`${message}: ${stack ?? describe(fields.error)}`);
  };
  const log: Log = { debug: () => {}, info: () => {}, warn: look, error: look, child: () => log };
  return log;
}
