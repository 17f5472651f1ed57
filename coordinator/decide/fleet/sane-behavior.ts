// The memory of `behavior` made safe to calculate with. An event that cannot be read is forgotten, and with a clock
// that was set back so is what lies in the future: the rates then begin anew, and the windows with them.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { BehaviorMemory } from "../snapshot-memory.ts";
import { isList, isRecord } from "./sane-form.ts";
import { isAmount } from "./sane-value.ts";

type Behaviors = Readonly<Record<string, BehaviorMemory>>;
type Event = BehaviorMemory["ups"][number];

export function saneBehaviors(behaviors: Behaviors, at: EpochMs): Behaviors {
  const known = Object.entries(behaviors).filter(([, memory]) => isRecord(memory));
  const made = known.map(([pool, memory]): [string, BehaviorMemory] => {
    const { exempt } = memory;
    const past = (events: readonly Event[]): Event[] =>
      (isList(events) ? events : [])
        .filter((event) => isRecord(event) && isAmount(event.at) && event.at <= at && isAmount(event.nodes))
        .sort((a, b) => a.at - b.at);
    return [
      pool,
      {
        recommendations: past(memory.recommendations),
        ups: past(memory.ups),
        downs: past(memory.downs),
        ...(isRecord(exempt)
          ? { exempt: Object.fromEntries(Object.entries(exempt).filter(([, nodes]) => isAmount(nodes))) }
          : {}),
      },
    ];
  });
  return Object.fromEntries(made);
}
