// Names for names: each gets one stand-in, and the order of the stand-ins is the order of the names, because decisions
// settle ties by it. All that a stand-in tells is where its name lies among the others; which one it is, is drawn with a key.
// Names that come in between others make stand-ins longer, so after a while a new set begins.

import { createHmac } from "node:crypto";

export interface StandIns {
  /** Those that are new among the names get their stand-ins. */
  learn(names: Iterable<string>): void;
  /** @throws RangeError for a name that was not learnt. */
  of(name: string): string;
  /** Too many or too long: whoever asks begins a new set. */
  isWorn(): boolean;
}

const DIGITS = 36;
/** Digits that are looked at together; 36 to the tenth is still a whole number. */
const WINDOW = { first: 4, last: 10 };
const LONGEST = 48;
const MOST = 400_000;

/** `prefix`: before each, so that one sees of what it is. */
export function createStandIns(key: Uint8Array, prefix: string): StandIns {
  /** In order. */
  const known: string[] = [];
  const standIns = new Map<string, string>();
  let longest = 0;

  /** 0 to 1, by the name and the key alone. */
  function draw(name: string): number {
    return createHmac("sha256", key).update(prefix).update(name).digest().readUInt32BE(0) / 2 ** 32;
  }

  /** New names between two known ones: the middle one first, so that they share the room evenly. */
  function settle(names: readonly string[], low: string, high: string | null): void {
    if (names.length === 0) return;
    const middle = names.length >> 1;
    const name = names[middle] ?? "";
    // One alone often has its successors right above it: numbered jobs come in their order.
    const [least, spread] = names.length === 1 ? [0.05, 0.15] : [0.3, 0.4];
    const made = between(low, high, least + spread * draw(name));
    standIns.set(name, made);
    longest = Math.max(longest, made.length);
    settle(names.slice(0, middle), low, made);
    settle(names.slice(middle + 1), made, high);
  }

  return {
    learn: (names) => {
      const fresh = [...new Set(names)].filter((name) => !standIns.has(name)).toSorted(byText);
      if (fresh.length === 0) return;
      let at = 0;
      for (let first = 0; first < fresh.length;) {
        while (at < known.length && byText(known[at] ?? "", fresh[first] ?? "") < 0) at++;
        const above = known[at];
        let end = first + 1;
        while (end < fresh.length && (above === undefined || byText(fresh[end] ?? "", above) < 0)) end++;
        const low = at === 0 ? "" : (standIns.get(known[at - 1] ?? "") ?? "");
        settle(fresh.slice(first, end), low, above === undefined ? null : (standIns.get(above) ?? null));
        known.splice(at, 0, ...fresh.slice(first, end));
        at += end - first;
        first = end;
      }
    },
    of: (name) => {
      const found = standIns.get(name);
      if (found === undefined) throw new RangeError("a name has no stand-in");
      return `${prefix}${found}`;
    },
    isWorn: () => longest > LONGEST || known.length > MOST,
  };
}

/** Digits strictly between two, at that share of the way; "" is before all, null after all. They never end in 0. */
function between(low: string, high: string | null, share: number): string {
  let common = 0;
  while (high !== null && common < high.length && (low[common] ?? "0") === high[common]) common++;
  for (let skip = common, window = WINDOW.first; ;) {
    const from = numberAt(low, skip, window);
    // Past the digit in which the two differ, whatever begins as the lower one does is below the upper one.
    const to = high === null || skip > common ? DIGITS ** window : numberAt(high, skip, window);
    const room = to - from - 1;
    if (room >= DIGITS / 2) {
      const taken = from + 1 + Math.floor(room * share);
      const digits = taken.toString(DIGITS).padStart(window, "0");
      return `${low.padEnd(skip, "0").slice(0, skip)}${digits}`.replace(/0+$/, "");
    }
    if (window < WINDOW.last) window += 2;
    else skip += WINDOW.first;
  }
}

function numberAt(digits: string, skip: number, window: number): number {
  return Number.parseInt(digits.slice(skip, skip + window).padEnd(window, "0"), DIGITS);
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
