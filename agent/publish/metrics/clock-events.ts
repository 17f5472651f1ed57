// The bits of the driver's mask of reasons why clocks are not at their highest, by name. A bit that the table does
// not know is shown by its number: new drivers add some.

interface ClockEvent {
  readonly reason: string;
  readonly active: boolean;
}

/** By bit, from the lowest. `idle` and, at full load, `power_cap` are normal. */
export const CLOCK_EVENTS: readonly string[] = [
  "idle",
  "clocks_setting",
  "power_cap",
  "hw_slowdown",
  "sync_boost",
  "sw_thermal",
  "hw_thermal",
  "hw_power_brake",
  "display_clocks",
  "board_limit",
  "reliability",
];

/** Above this a number does not tell its lowest bits any more. */
const BITS = 53;

/** Every known reason, and of the unknown ones those that are there. `mask` is a whole number of at least 0. */
export function clockEvents(mask: number): readonly ClockEvent[] {
  const events: ClockEvent[] = [];
  // Not by the bit operators, which cut to 32 bits.
  let rest = mask;
  for (let bit = 0; bit < BITS; bit++) {
    const active = rest % 2 === 1;
    rest = Math.floor(rest / 2);
    const known = CLOCK_EVENTS[bit];
    if (known !== undefined) events.push({ reason: known, active });
    else if (active) events.push({ reason: `bit_${bit}`, active });
  }
  return events;
}
