// The sizes of the last looks made safe to compare with. An entry that cannot be read is as good as lost: the next look
// begins anew, and the change that it would have shown is taken for ours. What lies in the future was written by a clock
// that ran ahead, and is of now.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { SizeMemory } from "../snapshot-memory.ts";
import { isCount, isList, isRecord, isText } from "./sane-form.ts";
import { isAmount, MOST_NODES } from "./sane-value.ts";

type Sizes = Readonly<Record<string, SizeMemory>>;

export function saneSizes(sizes: Sizes, at: EpochMs): Sizes {
  const known = Object.entries(sizes).filter(([, memory]) => isRecord(memory) && isReadable(memory));
  return Object.fromEntries(known.map(([pool, memory]) => [pool, saneSize(memory, at)]));
}

function isReadable({ group, size, at, byHand }: SizeMemory): boolean {
  return isText(group) && isSize(size) && isAmount(at) && isList(byHand);
}

function saneSize(
  { group, size, byHand, explained, lately, noticed, at: seen }: SizeMemory,
  at: EpochMs,
): SizeMemory {
  const soFar = (time: EpochMs): EpochMs => (time <= at ? time : at);
  const uses = Object.entries(isRecord(explained) ? explained : {}).filter(
    ([, use]) => isRecord(use) && isAmount(use.at) && isAmount(use.nodes),
  );
  const had = (isList(lately) ? lately : []).filter(
    (one) => isRecord(one) && isAmount(one.at) && isSize(one.size),
  );
  const notices = Object.entries(isRecord(noticed) ? noticed : {}).filter(([, time]) => isAmount(time));
  return {
    group,
    size,
    at: soFar(seen),
    byHand: byHand
      .filter((change) => isRecord(change) && isAmount(change.at) && isSize(change.from) && isSize(change.to))
      .map((change) => ({ ...change, at: soFar(change.at) }))
      .sort((a, b) => a.at - b.at),
    ...(uses.length === 0
      ? {}
      : {
          explained: Object.fromEntries(uses.map(([key, use]) => [key, { ...use, at: soFar(use.at) }])),
        }),
    ...(had.length === 0 ? {} : { lately: had.map((one) => ({ ...one, at: soFar(one.at) })) }),
    ...(notices.length === 0
      ? {}
      : { noticed: Object.fromEntries(notices.map(([id, time]) => [id, soFar(time)])) }),
  };
}

function isSize(size: number): boolean {
  return isCount(size, 0, MOST_NODES);
}
