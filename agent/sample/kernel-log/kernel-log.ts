// The kernel's log as a teller of GPU events: finds where it can be read, follows it, and remembers the place so that
// a restart tells nothing twice. Where it cannot be read it says so and tries again; nobody waits for it.

import { readFile } from "node:fs/promises";
import { uptime } from "node:os";

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import { createQuietLog } from "../../../shared/runtime/log.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { pause } from "../../../shared/runtime/retry.ts";
import { KMSG_DEVICE } from "./kmsg.ts";
import { openLog } from "./open-log.ts";
import type { KernelLogMachine, Told } from "./open-log.ts";
import { parsePosition } from "./position.ts";
import type { Position } from "./position.ts";
import { createStateFile } from "./state-file.ts";

export type KernelLogState =
  | { readonly kind: "reading"; readonly from: string }
  /** XIDs come from the driver alone. */
  | { readonly kind: "none"; readonly why: string };

export interface KernelLog {
  readonly state: () => KernelLogState;
  /** Resolves after the signal, when nothing is read or written any more. Never rejects. */
  readonly ended: Promise<void>;
}

export interface KernelLogOptions {
  /** `auto`, `none`, or a path: of a log file, or of /dev/kmsg. */
  readonly setting: string;
  /** Where the place is kept; null keeps none. */
  readonly stateDir: string | null;
  readonly clock: Clock;
  readonly onEvent: (event: GpuEvent) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly files?: Partial<KernelLogMachine>;
}

/** An event is at most so old when it is told, and what publishes it adds milliseconds. */
const POLL_MS = 750;
const AGAIN_MS = 30_000;
const POSITION_FILE = "kernel-log.json";

export const MACHINE: KernelLogMachine = {
  kmsgPath: "/dev/kmsg",
  kmsg: KMSG_DEVICE,
  logPaths: ["/var/log/kern.log", "/var/log/messages"],
  bootId: readBootId,
  uptimeMs: () => uptime() * 1000,
};

/** Of the machine's present boot, the same in every container on it; null where it cannot be read. */
export async function readBootId(): Promise<string | null> {
  try {
    return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim() || null;
  } catch {
    return null;
  }
}

export function createKernelLog(options: KernelLogOptions): KernelLog {
  const { setting, clock, log, signal } = options;
  const machine = { ...MACHINE, ...options.files };
  const quiet = createQuietLog(log, clock);
  const names = new Map<string, GpuUuid>();
  let state: KernelLogState =
    setting === "none"
      ? { kind: "none", why: "the kernel log is switched off by its setting" }
      : { kind: "none", why: "the kernel log is not open yet" };
  const become = (next: KernelLogState): void => {
    const changed = JSON.stringify(next) !== JSON.stringify(state);
    state = next;
    if (!changed) return;
    if (next.kind === "reading") log.info({ path: next.from }, "reading the kernel log");
    else log.warn({ reason: next.why }, "the kernel log is not read: XIDs come from the driver alone");
  };

  /** @returns how many events were told. */
  const tell = (told: readonly Told[]): number => {
    let count = 0;
    for (const { line, at, old } of told) {
      if (line.kind === "name") names.set(line.busId, line.gpu);
      else if (!old) {
        count++;
        const { what, busId, gpuInstance, text } = line;
        const gpu = (busId === null ? undefined : names.get(busId)) ?? null;
        // A line of the future is a clock that somebody set.
        const said = epochMs(Math.min(line.at ?? at, at));
        options.onEvent({ at: said, gpu, busId, teller: "kernel-log", what, gpuInstance, text });
      }
    }
    return count;
  };

  const run = async (): Promise<void> => {
    if (setting === "none") return;
    const boot = await machine.bootId();
    const file = createStateFile({
      folder: options.stateDir,
      name: POSITION_FILE,
      parse: parsePosition,
      clock,
      log,
      signal,
    });
    const kept = await file.read();
    // Of another boot, or of a machine that does not say which, it is the place in a log that is over.
    let position = kept !== null && kept.boot === boot ? kept.position : null;
    const keep = (next: Position | null): void => {
      if (next === null) return;
      position = next;
      if (boot !== null) file.keep({ v: 1, boot, position: next });
    };

    while (!signal.aborted) {
      const open = await openLog(setting, position, machine, clock);
      if ("why" in open) {
        become({ kind: "none", why: open.why });
        await pause(clock, millis(AGAIN_MS), signal);
        continue;
      }
      try {
        let begun = false;
        while (!signal.aborted) {
          const { told, more } = await open.turn();
          become({ kind: "reading", from: open.from });
          const events = tell(told);
          // Written when a fault was told: before one, reading the same lines again tells nothing twice.
          if (events > 0 || !begun) keep(open.position());
          begun = true;
          if (more)
            quiet.log("flood", "warn", { path: open.from }, "the kernel log grows faster than it is read");
          await pause(clock, millis(POLL_MS), signal);
        }
        keep(open.position());
      } catch (error) {
        keep(open.position());
        become({ kind: "none", why: `${open.from} cannot be read: ${describe(error)}` });
        await pause(clock, millis(AGAIN_MS), signal);
      } finally {
        await open.close();
      }
    }
    await file.settled();
  };

  const ended = run().catch((error: unknown) => {
    if (signal.aborted) return;
    become({ kind: "none", why: describe(error) });
    log.error({ error }, "reading the kernel log ended");
  });
  return { state: () => state, ended };
}
