// The file with the demand of the past that an operator gives the forecast, read once at the start. Rows that cannot be used
// are told one by one, and none of such a file is used: half a past teaches a wrong pattern.

import { readFile } from "node:fs/promises";

import { describe } from "../../shared/runtime/errors.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { readHistory } from "../forecast/history.ts";
import type { PastSeries } from "../forecast/history.ts";

const MAX_TOLD = 20;

/** Empty without a file, and with one that cannot be used. Never throws: the forecast then begins with what it sees. */
export async function readHistoryFile(path: string | null, log: Log): Promise<readonly PastSeries[]> {
  if (path === null) return [];
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    log.error({ part: "forecast", path, reason: describe(error) }, "forecastHistory cannot be read");
    return [];
  }
  const { series, problems } = readHistory(text);
  if (problems.length === 0) return series;
  for (const problem of problems.slice(0, MAX_TOLD))
    log.error({ part: "forecast", path, reason: problem }, "forecastHistory has a row that cannot be used");
  log.error(
    { part: "forecast", path, count: problems.length },
    "nothing of forecastHistory is used; correct or remove these rows",
  );
  return [];
}
