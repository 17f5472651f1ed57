// What the kernel says of a process: its memory and the time that it has had on the cores. Linux only, as the
// programs are.

import { readFileSync } from "node:fs";

const MIB = 1024;
const TICKS_PER_SECOND = 100;

export interface Look {
  readonly rssMib: number;
  readonly anonMib: number;
  /** User and system time of all threads. */
  readonly cpuSeconds: number;
}

export function lookAt(pid: number): Look {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  // Fields are counted after the name in brackets, which may itself hold blanks: utime and stime are 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  return {
    rssMib: kib(status, "VmRSS") / MIB,
    anonMib: kib(status, "RssAnon") / MIB,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
  };
}

function kib(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
}
