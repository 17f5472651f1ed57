// The memory of `behavior` made safe to calculate with. An event that cannot be read is forgotten, and with a clock
// that was set back so is what lies in the future: the rates then begin anew, and the windows with them.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { BehaviorMemory } from "../snapshot-memory.ts";

type Behaviors = Readonly<Record<string, BehaviorMemory>>;
type Event = BehaviorMemory["ups"][number];

export function saneBehaviors(behaviors: Behaviors, at: EpochMs): Behaviors {
  const made = Object.entries(behaviors).map(([pool, memory]): [string, BehaviorMemory] => {
    const { exempt } = memory;
    const past = (events: readonly Event[]): Event[] =>
      events
        .filter((event) => isAmount(event.at) && event.at <= at && isAmount(event.nodes))
        .sort((a, b) => a.at - b.at);
    return [
      pool,
      {
        recommendations: past(memory.recommendations),
        ups: past(memory.ups),
        downs: past(memory.downs),
        ...(exempt === undefined
          ? {}
          : { exempt: Object.fromEntries(Object.entries(exempt).filter(([, nodes]) => isAmount(nodes))) }),
      },
    ];
  });
  return Object.fromEntries(made);
}

function isAmount(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}
