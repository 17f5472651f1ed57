// What is known of a node's GPUs at one moment: who they are, what they say, and where it comes from. A reading is a
// value, or the card cannot tell, or the call failed, or nobody has asked yet: only the first is a number, so nobody
// can take the others for zero.

import type { GpuReadings, Reading } from "./gpu-readings.ts";
import type { Bytes, Celsius, EpochMs, Hertz, Millis, Ratio, Watts } from "./units.ts";

export type GpuUuid = string & { readonly __gpuUuid?: never };

/** What does not change while the driver stays loaded. */
export interface GpuIdentity {
  /** Position in the driver's enumeration; may change over reboots. Key by `uuid`. */
  readonly index: number;
  readonly uuid: GpuUuid;
  readonly name: Reading<string>;
  /** Lower-case, four-digit domain, as the kernel log and sysfs write it: 0000:3b:00.0 */
  readonly busId: Reading<string>;
  readonly memoryTotalBytes: Reading<Bytes>;
  readonly details: GpuDetails;
  readonly mig: MigState;
}

/** Asked once in each generation. A GPU that could not be opened has every one of them failed. */
export interface GpuDetails {
  /** N of /dev/nvidiaN. */
  readonly minor: Reading<number>;
  readonly serial: Reading<string>;
  readonly vbios: Reading<string>;
  readonly partNumber: Reading<string>;
  /** Volta 5, Turing 6, Ampere 7, Ada 8, Hopper 9, Blackwell 10, Rubin 13. */
  readonly architecture: Reading<number>;
  /** 0 none, 1 passthrough, 2 vGPU guest, 3 and 4 hosts of vGPU. */
  readonly virtualization: Reading<number>;
  /** Success means that the GPU's memory is a NUMA node of the system (GH200, GB200): `memoryUsed` is approximate. */
  readonly numaNode: Reading<number>;
  readonly powerLimitDefault: Reading<Watts>;
  readonly powerLimitMax: Reading<Watts>;
  readonly smClockMax: Reading<Hertz>;
  readonly memoryClockMax: Reading<Hertz>;
  readonly pcieGenerationMax: Reading<number>;
  readonly pcieWidthMax: Reading<number>;
  /** Absolute, where the card gives them so; newer cards give margins instead (`temperatureMargin`). */
  readonly slowdownTemperature: Reading<Celsius>;
  readonly shutdownTemperature: Reading<Celsius>;
  readonly memoryTemperatureMax: Reading<Celsius>;
  readonly eccEnabled: Reading<boolean>;
  readonly gpm: Reading<boolean>;
}

/** How the GPU is cut. `instances` is empty while MIG mode is on and nothing has been cut. */
export type MigState =
  | { readonly kind: "off" }
  | { readonly kind: "on"; readonly instances: readonly MigInstance[] }
  | { readonly kind: "unsupported" }
  | { readonly kind: "failed"; readonly code: number };

export interface MigInstance {
  /** MIG-… */
  readonly uuid: GpuUuid;
  readonly gpuInstance: number;
  readonly computeInstance: number;
  /** 1g.18gb, 1c.3g.71gb, 1g.18gb+me; null when it cannot be told. */
  readonly profile: string | null;
  readonly memoryTotalBytes: Reading<Bytes>;
  /** Slices of the GPU instance, of the 7 or 8 that the card has. */
  readonly computeSlices: Reading<number>;
}

/** One cycle's readings of one GPU. `lost`: the card has left the bus, and every reading has failed. */
export interface GpuSample {
  readonly uuid: GpuUuid;
  readonly state: "present" | "lost";
  readonly readings: GpuReadings;
  readonly instances: readonly MigSample[];
  /** Of the last slow group; null when the driver did not say. Without the host's PIDs only our own would be seen. */
  readonly processes: readonly GpuProcess[] | null;
}

/** Readings that an instance has no part in are NOT_ASKED. */
export interface MigSample {
  readonly uuid: GpuUuid;
  readonly readings: GpuReadings;
}

export interface GpuProcess {
  /** In the PID namespace of the host. */
  readonly pid: number;
  readonly kind: "compute" | "graphics" | "mps";
  /** Null when the driver cannot tell. */
  readonly memoryBytes: Bytes | null;
  /** Null outside of MIG. */
  readonly gpuInstance: number | null;
  readonly computeInstance: number | null;
}

/**
 * Where readings come from. The states that are not `ready` are different for an operator, and none means
 * "zero GPUs busy": `library-missing` (nothing to load; also a wrong libc), `driver-not-loaded`
 * (the library is there, the kernel module is not), `no-device` (the driver runs and shows no GPU),
 * `hung` (a call has not returned), `failed` (anything else, with its code).
 */
export type GpuSource =
  | { readonly state: "starting" }
  | { readonly state: "ready"; readonly driver: string; readonly gpus: readonly GpuIdentity[] }
  | { readonly state: "library-missing"; readonly detail: string }
  | { readonly state: "driver-not-loaded"; readonly code: number }
  | { readonly state: "no-device"; readonly driver: string }
  | { readonly state: "hung"; readonly call: string; readonly gpu: number | null; readonly forMs: Millis }
  | { readonly state: "failed"; readonly call: string; readonly code: number; readonly detail: string };

export type GpuSourceState = GpuSource["state"];

/** All GPUs of a node at one moment, as the sampler hands them over. */
export interface GpuCycle {
  readonly at: EpochMs;
  readonly source: GpuSource;
  readonly samples: readonly GpuSample[];
}

/**
 * What happened to a GPU, as the driver or the kernel told it. `busId` and `gpu` are what the teller knew; an event
 * of a GPU that nobody can name has both null and concerns the node.
 */
export interface GpuEvent {
  readonly at: EpochMs;
  readonly gpu: GpuUuid | null;
  readonly busId: string | null;
  readonly teller: "driver" | "kernel-log";
  readonly what:
    | { readonly kind: "xid"; readonly xid: number }
    /** NVSwitch. */
    | { readonly kind: "sxid"; readonly sxid: number; readonly fatal: boolean }
    | { readonly kind: "lost" }
    /** The kernel log says that the GPU was reset or the driver loaded anew: older faults are over. */
    | { readonly kind: "reset" }
    | { readonly kind: "mig-changed" }
    | { readonly kind: "unavailable" }
    | { readonly kind: "recovery-action" };
  /** Null outside of MIG. */
  readonly gpuInstance: number | null;
  /** The teller's own words, cut to 300 characters; empty from the driver. */
  readonly text: string;
}

/** What a driver can and cannot tell: of each call and field the state in which it was met last. For people. */
export interface GpuSurvey {
  readonly library: string | null;
  readonly calls: readonly {
    readonly name: string;
    readonly exported: boolean;
    /** By GPU index: the driver's code, NOT_ASKED when it was not called on it. */
    readonly codes: readonly number[];
  }[];
  readonly fields: readonly {
    readonly name: string;
    /** The id that this driver has it under; null when none answered. */
    readonly id: number | null;
    readonly codes: readonly number[];
  }[];
}

/**
 * A field over a span that ends now. `coverage` is the share of the span for which samples exist; `ageMs` is
 * the age of the newest. A window without samples is `unknown` and says why.
 */
export type Window =
  | {
      readonly kind: "known";
      readonly mean: number;
      readonly max: number;
      readonly p95: number;
      readonly coverage: Ratio;
      readonly ageMs: Millis;
    }
  | { readonly kind: "unknown"; readonly because: "no-samples" | "unsupported" | "failed" | "lost" };

/** The spans of every report, in milliseconds: 10 s, 60 s and 600 s. */
export const WINDOW_SPANS_MS = { w10: 10_000, w60: 60_000, w600: 600_000 } as const;
export type WindowSpan = keyof typeof WINDOW_SPANS_MS;
export type Windows = Readonly<Record<WindowSpan, Window>>;
