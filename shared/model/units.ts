// Branded numbers, so that seconds cannot be passed where milliseconds are meant and a percentage never
// meets a fraction. A brand exists for the compiler only. Arithmetic drops it on purpose: a sum must be
// made again by the maker, which is where slips of unit happen and where the range is checked.

declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** A length of time in milliseconds; never negative. */
export type Millis = Unit<"Millis">;
/** A wall-clock instant in milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Unit<"EpochMs">;
/** A length of time in whole or fractional seconds, as Kubernetes fields carry it. */
export type Seconds = Unit<"Seconds">;
/** A share from 0 to 1. Percentages are converted once, where they enter. */
export type Ratio = Unit<"Ratio">;
/** A size in bytes. */
export type Bytes = Unit<"Bytes">;
/** A temperature in degrees Celsius; may be negative. */
export type Celsius = Unit<"Celsius">;
/** Electrical power in watts. */
export type Watts = Unit<"Watts">;
/** A frequency in hertz. */
export type Hertz = Unit<"Hertz">;

function checked(value: number, name: string, min: number, max: number): number {
  if (!(value >= min && value <= max)) {
    throw new RangeError(`${name} must be from ${min} to ${max}, got ${value}`);
  }
  return value;
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function millis(value: number): Millis {
  return checked(value, "milliseconds", 0, Number.MAX_SAFE_INTEGER) as Millis;
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function epochMs(value: number): EpochMs {
  return checked(value, "epoch milliseconds", 0, Number.MAX_SAFE_INTEGER) as EpochMs;
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function seconds(value: number): Seconds {
  return checked(value, "seconds", 0, Number.MAX_SAFE_INTEGER) as Seconds;
}

/** @throws RangeError when `value` is outside 0..1. */
export function ratio(value: number): Ratio {
  return checked(value, "ratio", 0, 1) as Ratio;
}

/** The driver's 0..100 as a share; readings above 100 happen and are cut, with nothing lost that is meant. */
export function ratioFromPercent(percent: number): Ratio {
  return ratio(Math.min(100, Math.max(0, percent)) / 100);
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function bytes(value: number): Bytes {
  return checked(value, "bytes", 0, Number.MAX_SAFE_INTEGER) as Bytes;
}

/** @throws RangeError when `value` is not finite. */
export function celsius(value: number): Celsius {
  return checked(value, "degrees Celsius", -1e4, 1e4) as Celsius;
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function watts(value: number): Watts {
  return checked(value, "watts", 0, 1e7) as Watts;
}

/** @throws RangeError when `value` is not a finite number of at least 0. */
export function hertz(value: number): Hertz {
  return checked(value, "hertz", 0, 1e12) as Hertz;
}

/** Seconds of a Kubernetes field as milliseconds. */
export function secondsToMillis(value: Seconds): Millis {
  return millis(value * 1000);
}

/** `from` to `to`; 0 when `to` lies before `from`, as after a clock that was set back. */
export function elapsed(from: EpochMs, to: EpochMs): Millis {
  return millis(Math.max(0, to - from));
}

/** The instant `by` after `at`. */
export function after(at: EpochMs, by: Millis): EpochMs {
  return epochMs(at + by);
}
