// What each XID means, as NVIDIA's catalogue of them has it: how bad it is for the GPU and what usually helps. A table
// of numbers and nothing else; whether a verdict follows, and when it is over, is for the rules.

import type { HealthLevel, HealthRemedy } from "../../../shared/model/gpu-health.ts";

/** `informational`: worth a line in the log, and no finding. */
export type XidClass = HealthLevel | "informational";

export interface XidEntry {
  readonly class: XidClass;
  readonly remedy: HealthRemedy;
}

/** After these the GPU does no further work until it is reset. 119 and 120 have a row of their own. */
export const RESET_XIDS: readonly number[] = [46, 62, 64, 109, 110, 136, 140, 143, 155, 156, 158];
/** The GPU's own processor no longer answers the driver: a reset rarely helps. */
export const GSP_XIDS: readonly number[] = [119, 120];
export const NVLINK_XIDS: readonly number[] = [74, 144, 145, 146, 147, 148, 149, 150];
/** Power cable (54), fatal PCIe timeout (167), less memory than there was (168), and 142, which calls for the maker. */
export const MACHINE_XIDS: readonly number[] = [54, 142, 167, 168];
/** A program's own fault, or what follows from one (43, 45). */
export const APPLICATION_XIDS: readonly number[] = [
  8,
  11,
  13,
  25,
  31,
  32,
  ...span(39, 41),
  43,
  45,
  60,
  ...span(68, 72),
  ...span(75, 77),
  80,
  ...span(82, 86),
  88,
  89,
  ...span(96, 105),
  ...span(126, 135),
  139,
];
/** 171 and 172 tell more of a 48 that came with them; 154 tells the recovery action, which has rows of its own. */
const INFORMATIONAL_XIDS: readonly number[] = [
  37, 38, 44, 66, 67, 92, 93, 106, 107, 121, 137, 141, 152, 153, 154, 157, 160, 161, 171, 172,
];

export const RECOVERY_ACTION_XID = 154;

const ENTRIES: ReadonlyMap<number, XidEntry> = new Map([
  ...all(RESET_XIDS, "fatal", "reset-gpu"),
  ...all([48, 95], "fatal", "reset-gpu"),
  ...all([...GSP_XIDS, 79, 151], "fatal", "reboot-node"),
  ...all([63], "degraded", "reset-gpu"),
  ...all([94], "degraded", "restart-application"),
  ...all([...NVLINK_XIDS, ...MACHINE_XIDS], "degraded", "check-machine"),
  ...all([78, 159], "suspicion", "check-driver"),
  ...all(APPLICATION_XIDS, "application", "restart-application"),
  ...all(INFORMATIONAL_XIDS, "informational", "none"),
]);

/** A number that the table does not have is odd and no more than that. */
export function xidEntry(xid: number): XidEntry {
  return ENTRIES.get(xid) ?? { class: "suspicion", remedy: "none" };
}

/** Recovery actions by the driver's numbers: what each asks for. */
export const RECOVERY_ACTIONS = [
  { action: 1, name: "reset", words: "reset the GPU", remedy: "reset-gpu" },
  { action: 2, name: "reboot", words: "reboot the node", remedy: "reboot-node" },
  { action: 3, name: "drain-p2p", words: "end what uses peer-to-peer", remedy: "restart-application" },
  { action: 4, name: "drain-and-reset", words: "drain and reset the GPU", remedy: "reset-gpu" },
] as const satisfies readonly {
  readonly action: number;
  readonly name: string;
  readonly words: string;
  readonly remedy: HealthRemedy;
}[];

/** The action that an XID 154 says it changed to; null when its text does not say. */
export function recoveryActionIn(text: string): number | null {
  const found = /\bto 0x([0-9a-f]{1,8})\b/i.exec(text)?.[1];
  return found === undefined ? null : Number.parseInt(found, 16);
}

function span(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function all(
  xids: readonly number[],
  level: XidClass,
  remedy: HealthRemedy,
): readonly (readonly [number, XidEntry])[] {
  return xids.map((xid) => [xid, { class: level, remedy }]);
}
