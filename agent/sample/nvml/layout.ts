// Binary layouts of the driver library's structs: sizes, member offsets and version stamps, identical on
// x86-64 and AArch64 because every member is naturally aligned. Data only; how a struct becomes a reading is
// written in readings.ts.

/** `stamp` is what a versioned struct carries in its first word: its size, and its version in the top byte. */
export interface StructLayout {
  readonly size: number;
  readonly stamp?: number;
  readonly offsets: Readonly<Record<string, number>>;
}

export const UTILIZATION = { size: 8, offsets: { gpu: 0, memory: 4 } } as const satisfies StructLayout;

export const MEMORY_V1 = {
  size: 24,
  offsets: { total: 0, free: 8, used: 16 },
} as const satisfies StructLayout;

export const MEMORY_V2 = {
  size: 40,
  stamp: 0x02000028,
  offsets: { version: 0, total: 8, reserved: 16, free: 24, used: 32 },
} as const satisfies StructLayout;

export const TEMPERATURE_V1 = {
  size: 12,
  stamp: 0x0100000c,
  offsets: { version: 0, sensor: 4, celsius: 8 },
} as const satisfies StructLayout;

export const PCI_INFO = {
  size: 68,
  offsets: {
    busIdLegacy: 0,
    domain: 16,
    bus: 20,
    device: 24,
    pciDeviceId: 28,
    pciSubSystemId: 32,
    busId: 36,
  },
} as const satisfies StructLayout;

export const UINT32 = { size: 4, offsets: { value: 0 } } as const satisfies StructLayout;

export const HANDLE = { size: 8, offsets: { value: 0 } } as const satisfies StructLayout;

/** Text buffers are as large as the newest header asks; older drivers write less. */
export const TEXT_BYTES = { uuid: 96, name: 96, version: 80, busId: 32 } as const;

/** The one temperature sensor that exists. */
export const SENSOR_GPU = 0;

/** nvmlInitWithFlags: succeed although there is no GPU. */
export const INIT_NO_GPUS = 1;

/** How the library says "not available" inside a successful answer. */
export const NOT_AVAILABLE_32 = 0xffffffff;
