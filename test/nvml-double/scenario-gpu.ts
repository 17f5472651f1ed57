// What a scenario can say about one GPU. Keys become words of the file by their path: `pcie.maxWidth` is
// `pcie_max_width` (keys.def). What is not given, the double answers with NOT_SUPPORTED; a field value of the batch
// call comes from the same key as the getter of the same thing, so the two agree.

/** A number, or numbers over time; below 0 stands for the driver's "not available" where numbers have no sign. */
export type Value =
  | number
  /** A saw tooth from the moment the library was loaded. */
  | { readonly ramp: { readonly from: number; readonly to: number; readonly seconds: number } }
  /** A counter that grows from the moment the library was loaded, whatever is written in between. */
  | { readonly rate: { readonly from: number; readonly perSecond: number } }
  /** One for each call; the last one stays. */
  | { readonly seq: readonly number[] }
  | { readonly cycle: readonly number[] };

/** Groups of values: one level of nesting, or none. */
type Values<K extends string> = Readonly<Partial<Record<K, Value>>>;

export const VALUE_TYPES = { double: 0, u32: 1, ulong: 2, u64: 3, i64: 4, i32: 5, u16: 6 } as const;
export type ValueType = keyof typeof VALUE_TYPES;

/** One entry of the batch call as the driver would fill it; it wins over what the plain keys give. */
export interface ScenarioField {
  /** What the entry says that it holds. */
  readonly type: ValueType;
  /** What it really holds; `type` when not given. Branch 545 says double for field 82 and fills in a u32. */
  readonly filled?: ValueType;
  readonly value: Value;
  readonly code?: number;
  /** Any scope when not given. */
  readonly scope?: number;
}

export interface ScenarioProcess {
  readonly pid: number;
  /** Null: the driver does not know. */
  readonly memoryMib: number | null;
  readonly kind: "compute" | "graphics" | "mps";
  /** Those of the MIG instance that lists it, or none, when not given. */
  readonly gi?: number;
  readonly ci?: number;
  /** Percent, for the utilisation by process. */
  readonly sm?: number;
  readonly memory?: number;
  readonly encoder?: number;
  readonly decoder?: number;
}

/** What a whole GPU and a MIG instance have in common. */
interface ScenarioEntity extends Values<"memoryTotalMib" | "memoryUsedMib" | "memoryReservedMib"> {
  readonly uuid?: string;
  /** Bytes, for names that are not UTF-8. */
  readonly name?: string | Uint8Array;
  /** By metric; a metric that is not listed is not supported, a GPU without any has no such counters. */
  readonly gpm?: Readonly<Record<number, Value | { readonly code: number }>>;
  readonly processes?: readonly ScenarioProcess[];
  readonly fields?: Readonly<Record<number, ScenarioField | readonly ScenarioField[]>>;
}

export interface ScenarioInstance extends ScenarioEntity {
  readonly uuid: string;
  readonly gi: number;
  readonly ci: number;
  /** Its place among the driver's slots; its place in the list when not given. */
  readonly slot?: number;
  /** 1g.18gb */
  readonly profileName?: string;
  readonly gpuSlices?: number;
  readonly computeSlices?: number;
  readonly multiprocessors?: number;
  readonly copyEngines?: number;
  readonly decoders?: number;
  readonly encoders?: number;
  readonly jpegs?: number;
  readonly ofas?: number;
}

type PlainKey =
  | "utilPercent"
  | "memoryUtilPercent"
  | "encoderPercent"
  | "decoderPercent"
  | "jpegPercent"
  | "ofaPercent"
  | "bar1TotalMib"
  | "bar1UsedMib"
  | "temperatureC"
  | "memoryTemperatureC"
  | "marginC"
  | "slowdownC"
  | "shutdownC"
  | "memoryMaxC"
  | "gpuMaxC"
  | "powerMw"
  | "powerInstantMw"
  | "powerLimitMw"
  | "powerDefaultLimitMw"
  | "powerMinLimitMw"
  | "powerMaxLimitMw"
  | "energyMj"
  | "graphicsClockMhz"
  | "smClockMhz"
  | "memoryClockMhz"
  | "videoClockMhz"
  | "graphicsClockMaxMhz"
  | "smClockMaxMhz"
  | "memoryClockMaxMhz"
  | "videoClockMaxMhz"
  | "clockReasons"
  | "pstate"
  | "persistence"
  | "recoveryAction"
  | "arch"
  | "brand"
  | "computeMajor"
  | "computeMinor"
  | "minor"
  | "virtualization"
  | "numaNode"
  | "addressing"
  | "protectedKib"
  | "unprotectedKib"
  /** Mask of the events that the GPU reports. */
  | "eventTypes"
  /** How many processes come up between the answer that the buffer is too small and the next call. */
  | "processGrowth";

export interface ScenarioGpu extends ScenarioEntity, Values<PlainKey> {
  /** 0000:3b:00.0 */
  readonly busId?: string;
  readonly serial?: string;
  readonly vbios?: string;
  readonly partNumber?: string;
  /** Off the bus: every call on it answers 15. */
  readonly lost?: boolean;
  readonly throttleNs?: Values<
    | "power"
    | "thermal"
    | "syncBoost"
    | "boardLimit"
    | "lowUtilization"
    | "reliability"
    | "appClocks"
    | "baseClocks"
    | "swThermal"
    | "hwThermal"
    | "hwPowerBrake"
  >;
  /** Degrees to the limits, which newer cards give in place of limits: shutdown is below 0. */
  readonly limitOffsets?: Values<"shutdownC" | "slowdownC" | "memoryMaxC" | "gpuMaxC">;
  readonly ecc?: Values<
    | "enabled"
    | "pendingMode"
    | "volatileCorrected"
    | "volatileUncorrected"
    | "aggregateCorrected"
    | "aggregateUncorrected"
  >;
  readonly sram?: Values<
    | "thresholdExceeded"
    | "aggregateParity"
    | "aggregateSecded"
    | "aggregateCorrected"
    | "volatileParity"
    | "volatileSecded"
    | "volatileCorrected"
    | "bucketL2"
    | "bucketSm"
    | "bucketPcie"
    | "bucketMcu"
    | "bucketOther"
  >;
  readonly retiredPages?: Values<"singleBit" | "doubleBit" | "pending">;
  readonly remappedRows?: Values<"correctable" | "uncorrectable" | "pending" | "failed">;
  readonly remapHistogram?: Values<"max" | "high" | "partial" | "low" | "none">;
  readonly pcie?: Values<
    | "generation"
    | "width"
    | "maxGeneration"
    | "maxWidth"
    | "replays"
    | "replayRollovers"
    | "correctable"
    | "nonFatal"
    | "fatal"
    /** Wrap at 32 bits on their own. */
    | "txBytes"
    | "rxBytes"
    | "txKilobytesPerSecond"
    | "rxKilobytesPerSecond"
  >;
  /** Totals over all links; one link's part is a share of them. */
  readonly nvlink?: Values<
    | "links"
    | "active"
    | "version"
    | "speedMbps"
    | "txKib"
    | "rxKib"
    | "rawTxKib"
    | "rawRxKib"
    | "crcFlit"
    | "crcData"
    | "replays"
    | "recoveries"
  >;
  readonly fabric?: Values<"state" | "status" | "clique" | "healthMask" | "summary">;
  readonly mig?: {
    readonly mode: Value;
    /** As `mode` when not given. */
    readonly pendingMode?: Value;
    readonly maxDevices?: Value;
    readonly instances?: readonly ScenarioInstance[];
  };
}
