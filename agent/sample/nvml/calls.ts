// Every function of the driver library that we call, by its real export name. The position in the table is
// the number that the worker leaves in shared memory before a call, so the main thread can name a call that
// does not return. Adding a call is adding a row here and a question in readings.ts.

/** Parameters of a call, which decide how it is bound (native.ts). */
export type CallForm =
  | "none"
  | "flags"
  | "out"
  | "text"
  | "index-out"
  | "handle"
  | "handle-out-timeout"
  | "device-out"
  | "device-out-out"
  | "device-four-out"
  | "device-text"
  | "device-selector-out"
  | "device-handle"
  | "device-number-handle"
  | "device-mask-handle";

interface CallRow {
  readonly form: CallForm;
  /** The lowest driver branch that exports it; 0 when every supported branch does. */
  readonly since: number;
  /**
   * `open`: while a generation is opened, which may take seconds per GPU where the driver has to wake it.
   * `static`: once for each generation. `fast`: each cycle. `slow`: each slow interval, and so are `mig` and
   * `process`. `gpm`: with each sample of the counters. `event`: between cycles.
   */
  readonly group: "open" | "static" | "fast" | "slow" | "event" | "gpm" | "mig" | "process";
  /**
   * `system` calls concern no GPU. `parent`: answers for the whole card, in MIG mode too. `no`: not in MIG mode.
   * `instance`: asked of a MIG instance. `both`: of either.
   */
  readonly mig: "system" | "parent" | "no" | "instance" | "both";
}

export const CALLS = {
  nvmlInit_v2: { form: "none", since: 0, group: "open", mig: "system" },
  nvmlInitWithFlags: { form: "flags", since: 0, group: "open", mig: "system" },
  nvmlShutdown: { form: "none", since: 0, group: "open", mig: "system" },
  nvmlSystemGetDriverVersion: { form: "text", since: 0, group: "open", mig: "system" },
  nvmlDeviceGetCount_v2: { form: "out", since: 0, group: "open", mig: "system" },
  nvmlDeviceGetHandleByIndex_v2: { form: "index-out", since: 0, group: "open", mig: "parent" },
  nvmlDeviceGetHandleByPciBusId_v2: { form: "device-out", since: 0, group: "open", mig: "parent" },
  nvmlDeviceGetUUID: { form: "device-text", since: 0, group: "static", mig: "both" },
  nvmlDeviceGetName: { form: "device-text", since: 0, group: "static", mig: "both" },
  nvmlDeviceGetSerial: { form: "device-text", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetVbiosVersion: { form: "device-text", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetBoardPartNumber: { form: "device-text", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetPciInfo_v3: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetMinorNumber: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetArchitecture: { form: "device-out", since: 450, group: "static", mig: "parent" },
  nvmlDeviceGetVirtualizationMode: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetNumaNodeId: { form: "device-out", since: 550, group: "static", mig: "parent" },
  nvmlDeviceGetPowerManagementDefaultLimit: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetPowerManagementLimitConstraints: {
    form: "device-out-out",
    since: 0,
    group: "static",
    mig: "parent",
  },
  nvmlDeviceGetMaxClockInfo: { form: "device-selector-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetMaxPcieLinkGeneration: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetMaxPcieLinkWidth: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetTemperatureThreshold: {
    form: "device-selector-out",
    since: 0,
    group: "static",
    mig: "parent",
  },
  nvmlDeviceGetEccMode: { form: "device-out-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetUtilizationRates: { form: "device-out", since: 0, group: "fast", mig: "no" },
  nvmlDeviceGetMemoryInfo_v2: { form: "device-out", since: 515, group: "fast", mig: "both" },
  nvmlDeviceGetMemoryInfo: { form: "device-out", since: 0, group: "fast", mig: "both" },
  nvmlDeviceGetTemperatureV: { form: "device-out", since: 570, group: "fast", mig: "parent" },
  nvmlDeviceGetTemperature: { form: "device-selector-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetPowerUsage: { form: "device-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetClockInfo: { form: "device-selector-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetCurrentClocksEventReasons: { form: "device-out", since: 535, group: "fast", mig: "parent" },
  nvmlDeviceGetCurrentClocksThrottleReasons: { form: "device-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetEncoderUtilization: { form: "device-out-out", since: 0, group: "fast", mig: "no" },
  nvmlDeviceGetDecoderUtilization: { form: "device-out-out", since: 0, group: "fast", mig: "no" },
  nvmlDeviceGetFieldValues: { form: "device-selector-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetEnforcedPowerLimit: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetPerformanceState: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetMarginTemperature: { form: "device-out", since: 570, group: "slow", mig: "parent" },
  nvmlDeviceGetJpgUtilization: { form: "device-out-out", since: 535, group: "slow", mig: "no" },
  nvmlDeviceGetOfaUtilization: { form: "device-out-out", since: 535, group: "slow", mig: "no" },
  nvmlDeviceGetSramEccErrorStatus: { form: "device-out", since: 550, group: "slow", mig: "parent" },
  nvmlDeviceGetRowRemapperHistogram: { form: "device-out", since: 460, group: "slow", mig: "parent" },
  nvmlDeviceGetRemappedRows: { form: "device-four-out", since: 450, group: "slow", mig: "parent" },
  nvmlDeviceGetTotalEnergyConsumption: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetPcieReplayCounter: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetCurrPcieLinkGeneration: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetCurrPcieLinkWidth: { form: "device-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetNvLinkState: { form: "device-selector-out", since: 0, group: "slow", mig: "parent" },
  nvmlDeviceGetGpuFabricInfoV: { form: "device-out", since: 550, group: "slow", mig: "parent" },
  nvmlEventSetCreate: { form: "out", since: 0, group: "event", mig: "system" },
  nvmlDeviceGetSupportedEventTypes: { form: "device-out", since: 0, group: "event", mig: "parent" },
  nvmlDeviceRegisterEvents: { form: "device-mask-handle", since: 0, group: "event", mig: "parent" },
  nvmlEventSetWait_v2: { form: "handle-out-timeout", since: 450, group: "event", mig: "system" },
  nvmlEventSetFree: { form: "handle", since: 0, group: "event", mig: "system" },
  nvmlGpmQueryDeviceSupport: { form: "device-out", since: 520, group: "gpm", mig: "parent" },
  nvmlGpmSampleAlloc: { form: "out", since: 520, group: "gpm", mig: "system" },
  nvmlGpmSampleFree: { form: "handle", since: 520, group: "gpm", mig: "system" },
  nvmlGpmSampleGet: { form: "device-handle", since: 520, group: "gpm", mig: "both" },
  nvmlGpmMigSampleGet: { form: "device-number-handle", since: 520, group: "gpm", mig: "parent" },
  nvmlGpmMetricsGet: { form: "out", since: 520, group: "gpm", mig: "system" },
  nvmlDeviceGetMigMode: { form: "device-out-out", since: 450, group: "mig", mig: "parent" },
  nvmlDeviceGetMaxMigDeviceCount: { form: "device-out", since: 450, group: "mig", mig: "parent" },
  nvmlDeviceGetMigDeviceHandleByIndex: {
    form: "device-selector-out",
    since: 450,
    group: "mig",
    mig: "parent",
  },
  nvmlDeviceGetGpuInstanceId: { form: "device-out", since: 450, group: "mig", mig: "instance" },
  nvmlDeviceGetComputeInstanceId: { form: "device-out", since: 450, group: "mig", mig: "instance" },
  nvmlDeviceGetAttributes_v2: { form: "device-out", since: 450, group: "mig", mig: "instance" },
  nvmlDeviceGetComputeRunningProcesses_v3: {
    form: "device-out-out",
    since: 510,
    group: "process",
    mig: "both",
  },
  nvmlDeviceGetGraphicsRunningProcesses_v3: {
    form: "device-out-out",
    since: 510,
    group: "process",
    mig: "both",
  },
  nvmlDeviceGetMPSComputeRunningProcesses_v3: {
    form: "device-out-out",
    since: 510,
    group: "process",
    mig: "both",
  },
  nvmlDeviceGetConfComputeMemSizeInfo: { form: "device-out", since: 535, group: "process", mig: "parent" },
  nvmlDeviceGetRunningProcessDetailList: { form: "device-out", since: 535, group: "process", mig: "parent" },
} as const satisfies Record<string, CallRow>;

export type CallName = keyof typeof CALLS;

/** Names of the calls that take these parameters, so that a call cannot be bound with the wrong ones. */
export type CallOf<F extends CallForm> = {
  [Name in CallName]: (typeof CALLS)[Name]["form"] extends F ? Name : never;
}[CallName];

export const CALL_NAMES = Object.keys(CALLS) as readonly CallName[];
const NUMBERS: ReadonlyMap<CallName, number> = new Map(CALL_NAMES.map((name, at) => [name, at]));

export function numberOf(call: CallName): number {
  return NUMBERS.get(call) ?? -1;
}

export function callNumbered(at: number): CallName | undefined {
  return CALL_NAMES[at];
}
