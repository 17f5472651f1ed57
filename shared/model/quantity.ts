// Kubernetes quantities ("500m", "16Gi", "1e3") as numbers. The grammar is the API server's own; what it would
// refuse throws here. Sums and comparisons of CPU belong in whole thousandths (`milliQuantity`), because tenths
// of a core have no exact binary form and 0.1 + 0.2 must not exceed an allocatable 0.3.

const GRAMMAR = /^([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?$/;
/** What a quantity looks like, for schemas that are checked elsewhere. */
export const QUANTITY_PATTERN = GRAMMAR.source;

const DECIMAL_POWER: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_POWER: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** `digits` × 10^`ten` × 2^`two`. */
interface Parts {
  readonly digits: bigint;
  readonly ten: number;
  readonly two: number;
}

/**
 * The amount in base units: cores, bytes, pieces.
 * @throws RangeError when `text` is not a Kubernetes quantity.
 */
export function parseQuantity(text: string): number {
  const { digits, ten, two } = parse(text);
  const scaled = ten < 0 ? Number(digits) / 10 ** -ten : Number(digits) * 10 ** ten;
  return scaled * 2 ** two;
}

/**
 * The amount in whole thousandths of the base unit, rounded up as the API server rounds.
 * @throws RangeError when `text` is not a Kubernetes quantity.
 */
export function milliQuantity(text: string): number {
  const { digits, ten, two } = parse(text);
  const power = ten + 3;
  const scaled = digits * 2n ** BigInt(two);
  if (power >= 0) return Number(scaled * 10n ** BigInt(power));
  const divisor = 10n ** BigInt(-power);
  const floor = scaled / divisor;
  return Number(scaled > floor * divisor ? floor + 1n : floor);
}

function parse(text: string): Parts {
  const match = GRAMMAR.exec(text);
  if (match === null) throw malformed(text);
  const [, sign = "", mantissa = "", suffix = ""] = match;
  const [whole = "", fraction = ""] = mantissa.split(".");
  const magnitude = BigInt(whole + fraction);
  const two = BINARY_POWER[suffix];
  return {
    digits: sign === "-" ? -magnitude : magnitude,
    ten: (two === undefined ? decimalPower(suffix) : 0) - fraction.length,
    two: two ?? 0,
  };
}

function decimalPower(suffix: string): number {
  if (suffix === "") return 0;
  return DECIMAL_POWER[suffix] ?? Number(suffix.slice(1));
}

function malformed(text: string): RangeError {
  return new RangeError(
    `"${text}" is not a Kubernetes quantity: expected a number with an optional suffix, such as 4, 500m or 16Gi`,
  );
}
