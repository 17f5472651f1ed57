// The looks at one event that the table of rules consists of: which XIDs and which other events speak for a row, and
// in which words they are quoted.

import type { GpuEvent } from "../../../shared/model/gpu.ts";
import type { Telling } from "./rule.ts";

export function heard({ what, teller }: GpuEvent): Telling {
  if (what.kind === "xid") return { bad: `Xid ${what.xid} (${tellerWords(teller)})` };
  if (what.kind === "sxid") return { bad: `SXid ${what.sxid} (${tellerWords(teller)})` };
  return { bad: `${what.kind} (${tellerWords(teller)})` };
}

export function tellerWords(teller: GpuEvent["teller"]): string {
  return teller === "driver" ? "driver" : "kernel log";
}

export function ofXids(xids: readonly number[]): (event: GpuEvent) => Telling {
  return (event) => (event.what.kind === "xid" && xids.includes(event.what.xid) ? heard(event) : undefined);
}

/** The fifth NVLink's XIDs say in the kernel's log, and there alone, whether they are `Fatal` or `Nonfatal`. */
export function saysFatal({ text }: GpuEvent): boolean {
  return /\bFatal\b/.test(text);
}

export function ofSxid(fatal: boolean): (event: GpuEvent) => Telling {
  return (event) => (event.what.kind === "sxid" && event.what.fatal === fatal ? heard(event) : undefined);
}

export function ofKinds(words: Readonly<Record<string, string>>): (event: GpuEvent) => Telling {
  return ({ what, teller }) => {
    const said = words[what.kind];
    return said === undefined ? undefined : { bad: `${said} (${tellerWords(teller)})` };
  };
}
