// How fast a month is replayed: our own decision over a month of jobs on spot in up to five zones with on-demand beside
// it, in one thread. `--traces DIR` names a folder with `jobs` and `spot`; what it lacks is drawn from a seed, of the same
// size. Time is CPU time of the process, so that a busy machine costs nothing.

import { decideSizer } from "../../coordinator/replay/engine/decide-sizer.ts";
import { play } from "../../coordinator/replay/engine/play.ts";
import type { Figure } from "./figure.ts";
import { figure } from "./figure.ts";
import { DAYS, monthOf } from "./replay-month.ts";

const MONTH_DAYS = 30;
const MINUTE_US = 60e6;

export async function run(options: {
  readonly traces?: string;
  readonly keep: (name: string, value: unknown) => void;
}): Promise<readonly Figure[]> {
  const { scenario, madeOf } = monthOf(options.traces);
  console.log(`a month of ${madeOf.join(", ")}`);
  const begun = process.cpuUsage();
  const { score, decisions } = await Promise.resolve(play(scenario, decideSizer()));
  const { user, system } = process.cpuUsage(begun);
  const minutes = (user + system) / MINUTE_US;
  options.keep("score", score);
  options.keep("decisions", decisions);
  console.log(
    `${decisions} decisions; ${score.usd?.toFixed(0) ?? "unknown"} USD, on demand ${score.usdAtOnDemand?.toFixed(0) ?? "unknown"}, bound ${score.usdBound?.toFixed(0) ?? "unknown"}`,
  );
  return [
    figure("months_per_minute_core", DAYS / MONTH_DAYS / minutes, "months of 30 days in a minute of CPU", {
      min: 1,
    }),
    figure(
      "ms_per_decision",
      (user + system) / 1000 / decisions,
      "ms of CPU, all of the replay included",
      {},
    ),
    figure("rss_mib", process.resourceUsage().maxRSS / 1024, "MiB at most", { max: 1024 }),
  ];
}
