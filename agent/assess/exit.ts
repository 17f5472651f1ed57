// Whether the agent should end because its container cannot heal and a new one can. Two troubles are of that sort: a
// driver that is newer than the library the container was given, and a container that has lost its right to the
// device files. Everything else is waited out here, and nothing is worth more than a drain or a notice in progress.

import type { GpuSource } from "../../shared/model/gpu.ts";
import {
  LIB_RM_VERSION_MISMATCH,
  nameOf,
  NO_PERMISSION,
  OPERATING_SYSTEM,
} from "../../shared/model/nvml-status.ts";
import type { Millis } from "../../shared/model/units.ts";

/** How long a trouble must last without a break. A driver upgrade passes through such answers for some seconds. */
export const EXIT_AFTER_MS = 60_000;

/** The driver's answer to everything that it has no code for; what a closed device file gives. */
const UNKNOWN = 999;
const CODES_OF_LOST_DEVICES: readonly number[] = [UNKNOWN, OPERATING_SYSTEM, NO_PERMISSION];

/** Whether this container may use the device files of the GPUs: they are gone, or opening them is refused. */
export type DeviceNodesState = "usable" | "refused" | "gone";

type Trouble = "mismatch" | "devices";

/** What has to be remembered from one look to the next. */
export interface ExitWatch {
  /** GPUs have been read since the agent started: only what once worked can have been lost. */
  readonly hasWorked: boolean;
  /** The device files were there while it worked: some platforms have none under the usual names. */
  readonly hadNodes: boolean;
  readonly trouble: Trouble | null;
  readonly since: Millis;
}

export interface ExitFacts {
  readonly source: GpuSource;
  /** Null: nobody has looked. */
  readonly nodes: DeviceNodesState | null;
  /** Monotonic. */
  readonly now: Millis;
}

export type ExitVerdict =
  | { readonly kind: "stay" }
  /** 70: driver and library differ. 71: the device files are lost. */
  | { readonly kind: "leave"; readonly code: 70 | 71; readonly why: string };

export function startExitWatch(now: Millis): ExitWatch {
  return { hasWorked: false, hadNodes: false, trouble: null, since: now };
}

/** The watch after one more look. A trouble that changes into another one begins anew. */
export function followExit(watch: ExitWatch, facts: ExitFacts): ExitWatch {
  const ready = facts.source.state === "ready";
  const hasWorked = watch.hasWorked || ready;
  const hadNodes = watch.hadNodes || (ready && facts.nodes === "usable");
  const trouble = troubleOf(facts, { hasWorked, hadNodes });
  const since = trouble === watch.trouble ? watch.since : facts.now;
  return { hasWorked, hadNodes, trouble, since };
}

export function exitVerdict(
  watch: ExitWatch,
  facts: ExitFacts,
  busy: { readonly drain: boolean; readonly notice: boolean },
): ExitVerdict {
  const lastedMs = facts.now - watch.since;
  if (watch.trouble === null || lastedMs < EXIT_AFTER_MS || busy.drain || busy.notice)
    return { kind: "stay" };
  const forSeconds = `for ${Math.round(lastedMs / 1000)} s`;
  if (watch.trouble === "mismatch") {
    const why = `driver and library are of different versions ${forSeconds}; a new container gets the new library`;
    return { kind: "leave", code: 70, why };
  }
  const answer = facts.source.state === "failed" ? nameOf(facts.source.code) : facts.source.state;
  const nodes =
    facts.nodes === null || facts.nodes === "usable" ? "" : `, the device files are ${facts.nodes}`;
  const why = `the GPUs were readable and have answered ${answer} ${forSeconds}${nodes}; a new container gets its devices again`;
  return { kind: "leave", code: 71, why };
}

/**
 * A driver that hangs holds this process as well as the next one, and one that is not loaded is loaded by others: the
 * agent waits for both. So it does after `release`, which somebody asked for.
 */
function troubleOf(
  { source, nodes }: ExitFacts,
  { hasWorked, hadNodes }: Pick<ExitWatch, "hasWorked" | "hadNodes">,
): Trouble | null {
  if (source.state === "no-device") return hasWorked && hadNodes && isLost(nodes) ? "devices" : null;
  if (source.state !== "failed" || source.call === "release" || source.call === "worker thread") return null;
  if (source.code === LIB_RM_VERSION_MISMATCH) return "mismatch";
  if (!hasWorked) return null;
  return CODES_OF_LOST_DEVICES.includes(source.code) || (hadNodes && isLost(nodes)) ? "devices" : null;
}

function isLost(nodes: DeviceNodesState | null): boolean {
  return nodes === "gone" || nodes === "refused";
}
