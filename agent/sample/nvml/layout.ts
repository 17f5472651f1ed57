// Binary layouts of the driver library's structs under their own names: sizes, members and version stamps, identical
// on x86-64 and AArch64 because every member is naturally aligned. Data only; how a struct becomes a reading is written
// in readings.ts, fields.ts and the files of their own subjects. A generated C program checks every number.

export type MemberType =
  | "u8"
  | "u32"
  | "i32"
  | "u64"
  | "f64"
  | "pointer"
  /** A value whose type another member names. */
  | "union8"
  /** Text or raw bytes of this length. */
  | `bytes${number}`;

export interface Member {
  readonly at: number;
  readonly type: MemberType;
}

/** `stamp` is what a versioned struct carries in its first word: its size, and its version in the top byte. */
export interface StructLayout {
  readonly size: number;
  readonly stamp?: number;
  readonly members: Readonly<Record<string, Member>>;
}

export const UTILIZATION = {
  size: 8,
  members: { gpu: u32(0), memory: u32(4) },
} as const satisfies StructLayout;

export const MEMORY_V1 = {
  size: 24,
  members: { total: u64(0), free: u64(8), used: u64(16) },
} as const satisfies StructLayout;

export const MEMORY_V2 = {
  size: 40,
  stamp: 0x02000028,
  members: { version: u32(0), total: u64(8), reserved: u64(16), free: u64(24), used: u64(32) },
} as const satisfies StructLayout;

export const TEMPERATURE_V1 = {
  size: 12,
  stamp: 0x0100000c,
  members: { version: u32(0), sensorType: i32(4), temperature: i32(8) },
} as const satisfies StructLayout;

export const MARGIN_TEMPERATURE_V1 = {
  size: 8,
  stamp: 0x01000008,
  members: { version: u32(0), marginTemperature: i32(4) },
} as const satisfies StructLayout;

export const PCI_INFO = {
  size: 68,
  members: {
    busIdLegacy: { at: 0, type: "bytes16" },
    domain: u32(16),
    bus: u32(20),
    device: u32(24),
    pciDeviceId: u32(28),
    pciSubSystemId: u32(32),
    busId: { at: 36, type: "bytes32" },
  },
} as const satisfies StructLayout;

export const FIELD_VALUE = {
  size: 40,
  members: {
    fieldId: u32(0),
    scopeId: u32(4),
    timestamp: u64(8),
    latencyUsec: u64(16),
    valueType: i32(24),
    nvmlReturn: i32(28),
    value: { at: 32, type: "union8" },
  },
} as const satisfies StructLayout;

export const SRAM_ECC_V1 = {
  size: 104,
  stamp: 0x01000068,
  members: {
    version: u32(0),
    aggregateUncParity: u64(8),
    aggregateUncSecDed: u64(16),
    aggregateCor: u64(24),
    volatileUncParity: u64(32),
    volatileUncSecDed: u64(40),
    volatileCor: u64(48),
    aggregateUncBucketL2: u64(56),
    aggregateUncBucketSm: u64(64),
    aggregateUncBucketPcie: u64(72),
    aggregateUncBucketMcu: u64(80),
    aggregateUncBucketOther: u64(88),
    bThresholdExceeded: u32(96),
  },
} as const satisfies StructLayout;

export const REMAP_HISTOGRAM = {
  size: 20,
  members: { max: u32(0), high: u32(4), partial: u32(8), low: u32(12), none: u32(16) },
} as const satisfies StructLayout;

const FABRIC_MEMBERS = {
  version: u32(0),
  clusterUuid: { at: 4, type: "bytes16" },
  status: i32(20),
  cliqueId: u32(24),
  state: { at: 28, type: "u8" },
  healthMask: u32(32),
} as const;

export const FABRIC_INFO_V2 = {
  size: 36,
  stamp: 0x02000024,
  members: FABRIC_MEMBERS,
} as const satisfies StructLayout;

export const FABRIC_INFO_V3 = {
  size: 40,
  stamp: 0x03000028,
  members: { ...FABRIC_MEMBERS, healthSummary: { at: 36, type: "u8" } },
} as const satisfies StructLayout;

const PROCESS_MEMBERS = {
  pid: u32(0),
  usedGpuMemory: u64(8),
  gpuInstanceId: u32(16),
  computeInstanceId: u32(20),
} as const;

/** One entry of the lists of running processes. */
export const PROCESS_INFO = { size: 24, members: PROCESS_MEMBERS } as const satisfies StructLayout;

/** Also the entry that drivers 535.43 to 535.86 return in place of the one above, under the same name of the call. */
export const PROCESS_DETAIL_V1 = {
  size: 32,
  members: { ...PROCESS_MEMBERS, usedGpuCcProtectedMemory: u64(24) },
} as const satisfies StructLayout;

/** What a MIG instance consists of. */
export const DEVICE_ATTRIBUTES = {
  size: 40,
  members: {
    multiprocessorCount: u32(0),
    sharedCopyEngineCount: u32(4),
    sharedDecoderCount: u32(8),
    sharedEncoderCount: u32(12),
    sharedJpegCount: u32(16),
    sharedOfaCount: u32(20),
    gpuInstanceSliceCount: u32(24),
    computeInstanceSliceCount: u32(28),
    memorySizeMB: u64(32),
  },
} as const satisfies StructLayout;

export const EVENT_DATA = {
  size: 32,
  members: {
    device: { at: 0, type: "pointer" },
    eventType: u64(8),
    eventData: u64(16),
    gpuInstanceId: u32(24),
    computeInstanceId: u32(28),
  },
} as const satisfies StructLayout;

/** The version of the GPM structs is a plain 1, without the size. */
export const GPM_SUPPORT = {
  size: 8,
  stamp: 1,
  members: { version: u32(0), isSupportedDevice: u32(4) },
} as const satisfies StructLayout;

export const GPM_METRIC = {
  size: 40,
  members: { metricId: u32(0), nvmlReturn: i32(4), value: { at: 8, type: "f64" } },
} as const satisfies StructLayout;

/** The head; `metrics` are entries of GPM_METRIC behind it. Its C size depends on the header's longest list. */
export const GPM_METRICS_GET = {
  size: 24,
  stamp: 1,
  members: {
    version: u32(0),
    numMetrics: u32(4),
    sample1: { at: 8, type: "pointer" },
    sample2: { at: 16, type: "pointer" },
  },
} as const satisfies StructLayout;

/** By the library's own names, for the check against C. */
export const STRUCTS: Readonly<Record<string, StructLayout>> = {
  nvmlUtilization_t: UTILIZATION,
  nvmlMemory_t: MEMORY_V1,
  nvmlMemory_v2_t: MEMORY_V2,
  nvmlTemperature_v1_t: TEMPERATURE_V1,
  nvmlMarginTemperature_v1_t: MARGIN_TEMPERATURE_V1,
  nvmlPciInfo_t: PCI_INFO,
  nvmlFieldValue_t: FIELD_VALUE,
  nvmlEccSramErrorStatus_v1_t: SRAM_ECC_V1,
  nvmlRowRemapperHistogramValues_t: REMAP_HISTOGRAM,
  nvmlGpuFabricInfo_v2_t: FABRIC_INFO_V2,
  nvmlGpuFabricInfo_v3_t: FABRIC_INFO_V3,
  nvmlProcessInfo_t: PROCESS_INFO,
  nvmlProcessDetail_v1_t: PROCESS_DETAIL_V1,
  nvmlDeviceAttributes_t: DEVICE_ATTRIBUTES,
  nvmlEventData_t: EVENT_DATA,
  nvmlGpmSupport_t: GPM_SUPPORT,
  nvmlGpmMetric_t: GPM_METRIC,
};

// What is no struct in C: plain out parameters.
export const UINT32_BYTES = 4;
export const UINT64_BYTES = 8;
export const HANDLE_BYTES = 8;

function u32<const At extends number>(at: At): { readonly at: At; readonly type: "u32" } {
  return { at, type: "u32" };
}

function i32<const At extends number>(at: At): { readonly at: At; readonly type: "i32" } {
  return { at, type: "i32" };
}

function u64<const At extends number>(at: At): { readonly at: At; readonly type: "u64" } {
  return { at, type: "u64" };
}
