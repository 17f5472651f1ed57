// The kernel's log, line by line: what the NVIDIA driver says there of faults, and which bus address is which GPU. It
// reads text and knows no file; a line that is not the kernel's own, or that says nothing to us, is null.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export type KernelLine =
  | {
      readonly kind: "event";
      readonly what: GpuEvent["what"];
      readonly busId: string | null;
      readonly gpuInstance: number | null;
      /** Of the line itself, where it carries one that can be read. */
      readonly at: EpochMs | null;
      readonly text: string;
    }
  /** The driver names the GPU at an address. */
  | { readonly kind: "name"; readonly busId: string; readonly gpu: GpuUuid };

/** Every line that can mean something holds one of these; everything else is passed over without being decoded. */
export const MARKS = ["NVRM: ", "SXid ("] as const;

const TEXT_AT_MOST = 300;
const ADDRESS = String.raw`(?:PCI:)?([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-9a-f])?)`;
/** Newer drivers name the GPU instance of a MIG GPU beside its address. */
const XID = new RegExp(String.raw`^NVRM: Xid \(${ADDRESS}(?: GPU-I:(\d+))?[^)]*\): (\d{1,5})\b`, "i");
const NAME = new RegExp(String.raw`^NVRM: GPU at ${ADDRESS}: (GPU-[0-9a-f-]{36})\b`, "i");
const LOST = new RegExp(
  String.raw`^NVRM: .*?\bGPU (?:at )?${ADDRESS}\b.*\b(?:fallen off the bus|is lost|lost)\b`,
  "i",
);
const SXID = new RegExp(
  String.raw`^nvidia-nvswitch\d+: SXid \(${ADDRESS}\): (\d{1,6}), (Fatal|Non-fatal)\b`,
  "i",
);
const LOADED = /^NVRM: loading NVIDIA UNIX\b/;

/**
 * Before the kernel's own words: nothing, a time since boot, or syslog's date, host and "kernel:". Nothing else: a
 * program that can write a line, or have its words quoted in one, must not speak for the kernel.
 */
const SYSLOG_DATE = String.raw`(?:[A-Z][a-z]{2} {1,2}\d{1,2}(?: \d{4})? \d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{4}-\d\d-\d\d[T ]\S{8,40})`;
const OWN_WORDS = new RegExp(
  String.raw`^(?:<\d{1,3}>)?(?:(?:${SYSLOG_DATE} )?(?:\S{1,255} )?kernel: ?)?(?:\[ *\d+\.\d+\] ?)?$`,
);
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)/;

/** One line of a log file or, without a prefix, one message of the kernel's. */
export function readKernelLine(line: string): KernelLine | null {
  const from = startOfWords(line);
  if (from < 0 || !OWN_WORDS.test(line.slice(0, from))) return null;
  const words = line.slice(from);
  const name = NAME.exec(words);
  if (name !== null) return { kind: "name", busId: busIdOf(name[1] ?? ""), gpu: name[2] ?? "" };
  const event = eventIn(words);
  return event === null
    ? null
    : { kind: "event", ...event, at: timeOf(line), text: words.slice(0, TEXT_AT_MOST) };
}

function startOfWords(line: string): number {
  const driver = line.indexOf("NVRM: ");
  if (driver >= 0) return driver;
  return line.includes("SXid (") ? line.indexOf("nvidia-nvswitch") : -1;
}

type Told = Pick<Extract<KernelLine, { kind: "event" }>, "what" | "busId" | "gpuInstance">;

function eventIn(words: string): Told | null {
  const xid = XID.exec(words);
  if (xid !== null)
    return {
      what: { kind: "xid", xid: Number(xid[3]) },
      busId: busIdOf(xid[1] ?? ""),
      gpuInstance: xid[2] === undefined ? null : Number(xid[2]),
    };
  const sxid = SXID.exec(words);
  if (sxid !== null) {
    // The address is a switch's: no GPU has it.
    const fatal = sxid[3]?.toLowerCase() === "fatal";
    return { what: { kind: "sxid", sxid: Number(sxid[2]), fatal }, busId: null, gpuInstance: null };
  }
  const lost = LOST.exec(words);
  if (lost !== null) return { what: { kind: "lost" }, busId: busIdOf(lost[1] ?? ""), gpuInstance: null };
  if (LOADED.test(words)) return { what: { kind: "reset" }, busId: null, gpuInstance: null };
  return null;
}

/** `0000:3b:00` and `00000000:3B:00.0` are 0000:3b:00.0 here. Some machines have domains of more than four digits. */
export function busIdOf(address: string): string {
  const [domain = "", bus = "", device = ""] = address.toLowerCase().split(":");
  const short = domain.replace(/^0+/, "").padStart(4, "0");
  return `${short}:${bus}:${device.includes(".") ? device : `${device}.0`}`;
}

/** The old syslog time has neither a year nor a zone, so it says nothing. */
function timeOf(line: string): EpochMs | null {
  const found = ISO_TIME.exec(line)?.[0];
  const at = found === undefined ? Number.NaN : Date.parse(found);
  return at >= 0 ? epochMs(at) : null;
}

/** One record of /dev/kmsg. */
export interface KmsgRecord {
  readonly seq: number;
  /** Since boot. */
  readonly atUs: number;
  readonly text: string;
}

/**
 * `prio,seq,usec,flags[,…];text`, with lines of key=value below that start with a blank. Null for what cannot be read,
 * and for what a program wrote there: its facility is never the kernel's 0.
 */
export function readKmsgRecord(record: string): KmsgRecord | null {
  const end = record.indexOf(";");
  if (end < 0) return null;
  const [priority, seq, atUs] = record.slice(0, end).split(",").map(Number);
  if (priority === undefined || seq === undefined || atUs === undefined) return null;
  if (!Number.isSafeInteger(priority) || !Number.isSafeInteger(seq) || !Number.isSafeInteger(atUs))
    return null;
  if (priority >> 3 !== 0) return null;
  const below = record.indexOf("\n", end);
  return { seq, atUs, text: record.slice(end + 1, below < 0 ? undefined : below) };
}
