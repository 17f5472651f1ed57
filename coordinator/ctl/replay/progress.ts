// How far a replay is and how long it will take, on one line that is written over. It writes to whatever it is given, and
// asks the clock that it is given.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { ManyProgress } from "../../replay/many.ts";
import { duration } from "../../report/sentences/words.ts";

const EVERY_MS = 1000;
/** Where nobody watches, a log needs a line now and then. */
const EVERY_MS_IN_LOG = 30_000;

export function progressLine(
  clock: Pick<Clock, "now">,
  write: (text: string) => void,
  isTerminal: boolean,
): (progress: ManyProgress) => void {
  const begun = clock.now();
  let told = -Infinity;
  return ({ done, of, share }) => {
    const now = clock.now();
    if (done < of && now - told < (isTerminal ? EVERY_MS : EVERY_MS_IN_LOG)) return;
    told = now;
    const left = share > 0 ? millis(((now - begun) / share) * (1 - share)) : null;
    const time =
      done === of
        ? `took ${duration(millis(now - begun))}`
        : left === null
          ? ""
          : `about ${duration(left)} left`;
    const text = `${done} of ${of} runs, ${Math.floor(share * 100)} %${time === "" ? "" : `, ${time}`}`;
    write(isTerminal ? `\r\x1b[K${text}${done === of ? "\n" : ""}` : `${text}\n`);
  };
}
