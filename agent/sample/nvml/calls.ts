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
  | "device-out"
  | "device-text"
  | "device-selector-out";

interface CallRow {
  readonly form: CallForm;
  /** The lowest driver branch that exports it; 0 when every supported branch does. */
  readonly since: number;
  /**
   * `open`: while a generation is opened, which may take seconds per GPU where the driver has to wake it.
   * `static`: once for each generation. `fast`: each cycle.
   */
  readonly group: "open" | "static" | "fast";
  /** Whether it answers for a GPU in MIG mode; `system` calls concern no GPU. */
  readonly mig: "system" | "parent" | "no";
}

export const CALLS = {
  nvmlInit_v2: { form: "none", since: 0, group: "open", mig: "system" },
  nvmlInitWithFlags: { form: "flags", since: 0, group: "open", mig: "system" },
  nvmlShutdown: { form: "none", since: 0, group: "open", mig: "system" },
  nvmlSystemGetDriverVersion: { form: "text", since: 0, group: "open", mig: "system" },
  nvmlDeviceGetCount_v2: { form: "out", since: 0, group: "open", mig: "system" },
  nvmlDeviceGetHandleByIndex_v2: { form: "index-out", since: 0, group: "open", mig: "parent" },
  nvmlDeviceGetHandleByPciBusId_v2: { form: "device-out", since: 0, group: "open", mig: "parent" },
  nvmlDeviceGetUUID: { form: "device-text", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetName: { form: "device-text", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetPciInfo_v3: { form: "device-out", since: 0, group: "static", mig: "parent" },
  nvmlDeviceGetUtilizationRates: { form: "device-out", since: 0, group: "fast", mig: "no" },
  nvmlDeviceGetMemoryInfo_v2: { form: "device-out", since: 515, group: "fast", mig: "parent" },
  nvmlDeviceGetMemoryInfo: { form: "device-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetTemperatureV: { form: "device-out", since: 570, group: "fast", mig: "parent" },
  nvmlDeviceGetTemperature: { form: "device-selector-out", since: 0, group: "fast", mig: "parent" },
  nvmlDeviceGetPowerUsage: { form: "device-out", since: 0, group: "fast", mig: "parent" },
} as const satisfies Record<string, CallRow>;

export type CallName = keyof typeof CALLS;

/** Names of the calls that take these parameters, so that a call cannot be bound with the wrong ones. */
export type CallOf<F extends CallForm> = {
  [Name in CallName]: (typeof CALLS)[Name]["form"] extends F ? Name : never;
}[CallName];

const NAMES = Object.keys(CALLS) as readonly CallName[];
const NUMBERS: ReadonlyMap<CallName, number> = new Map(NAMES.map((name, at) => [name, at]));

export function numberOf(call: CallName): number {
  return NUMBERS.get(call) ?? -1;
}

export function callNumbered(at: number): CallName | undefined {
  return NAMES[at];
}
