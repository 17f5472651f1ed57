// Where the kernel's log can be read on this machine, and one way to read it for both: a log file that grows, or the
// ring. It opens and reads; what is told of it, and what is remembered, is kernel-log.ts.

import { access, constants, stat } from "node:fs/promises";

import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { followFile } from "./follow-file.ts";
import { MARKS, readKernelLine } from "./grammar.ts";
import type { KernelLine } from "./grammar.ts";
import { readKmsg } from "./kmsg.ts";
import type { KmsgDevice } from "./kmsg.ts";
import type { Position } from "./position.ts";

/** What of the machine it asks; a test has another machine. */
export interface KernelLogMachine {
  readonly kmsgPath: string;
  readonly kmsg: KmsgDevice;
  /** Tried in this order by `auto`, before the ring. */
  readonly logPaths: readonly string[];
  /** Null where the machine does not say. */
  readonly bootId: () => Promise<string | null>;
  readonly uptimeMs: () => number;
}

/** One open log: what is new in it since the last turn, and where that leaves us. */
export interface Open {
  readonly from: string;
  readonly turn: () => Promise<{ readonly told: readonly Told[]; readonly more: boolean }>;
  readonly position: () => Position | null;
  readonly close: () => Promise<void>;
}

export interface Told {
  readonly line: KernelLine;
  readonly at: EpochMs;
  /** From before we began: it names GPUs, and tells nothing new. */
  readonly old: boolean;
}

/** The log that the setting names, or the first that can be read. */
export async function openLog(
  setting: string,
  position: Position | null,
  machine: KernelLogMachine,
  clock: Clock,
): Promise<Open | { readonly why: string }> {
  const paths = setting === "auto" ? [...machine.logPaths, machine.kmsgPath] : [setting];
  const whys: string[] = [];
  for (const path of paths) {
    try {
      if (path === machine.kmsgPath) return openKmsg(path, position, machine, clock);
      await access(path, constants.R_OK);
      const found = await stat(path);
      if (found.isCharacterDevice()) return openKmsg(path, position, machine, clock);
      if (!found.isFile()) {
        // Opening a pipe would hold a thread until somebody writes to it.
        whys.push(`${path} is neither a log file nor the kernel's ring`);
        continue;
      }
      if (setting === "auto" && found.mtimeMs < clock.now() - machine.uptimeMs()) {
        // What nobody has written to since the boot is left over from a logger that is gone.
        whys.push(`${path} was not written to since the boot`);
        continue;
      }
      return openFile(path, position, clock);
    } catch (error) {
      whys.push(describe(error));
    }
  }
  return { why: whys.join("; ") };
}

function openFile(path: string, position: Position | null, clock: Clock): Open {
  const from = position?.kind === "file" && position.path === path ? position : null;
  const follower = followFile({ path, from, marks: MARKS });
  return {
    from: path,
    turn: async () => {
      const { lines, more } = await follower.turn();
      const at = clock.now();
      return { told: lines.flatMap((line) => toldBy(readKernelLine(line), at, false)), more };
    },
    position: follower.position,
    close: follower.close,
  };
}

function openKmsg(path: string, position: Position | null, machine: KernelLogMachine, clock: Clock): Open {
  const reader = readKmsg(path, position?.kind === "kmsg" ? position.seq : null, machine.kmsg);
  /** Null before the first turn, which reads what was written before. */
  let lookedAt: EpochMs | null = null;
  return {
    from: path,
    turn: async () => {
      const { records, more, overruns } = await reader.turn();
      const now = clock.now();
      const bootAt = now - machine.uptimeMs();
      // The kernel's stamps run by a clock that nobody sets: minutes beside the others after weeks. What is new since
      // the last turn is not older than that.
      const notBefore = lookedAt ?? 0;
      lookedAt = more ? lookedAt : now;
      const told = records.flatMap(({ text, atUs, old }) =>
        toldBy(readKernelLine(text), epochMs(Math.min(now, Math.max(notBefore, bootAt + atUs / 1000))), old),
      );
      return { told, more: more || overruns > 0 };
    },
    position: () => {
      const seq = reader.seq();
      return seq === null ? null : { kind: "kmsg", seq };
    },
    close: async () => {
      await Promise.resolve();
      reader.close();
    },
  };
}

function toldBy(line: KernelLine | null, at: EpochMs, old: boolean): readonly Told[] {
  return line === null ? [] : [{ line, at, old }];
}
