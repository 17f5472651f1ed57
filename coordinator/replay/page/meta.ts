// What a page says that no run knows: its title, where its clock starts, what the files' readers left out. And the check
// that what is to be shown belongs together.

import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { Run } from "../run.ts";

export interface PageMeta {
  readonly title: string;
  /** As in the scenario: figures count from there, to there. */
  readonly warmInMs: number;
  readonly lengthMs: number;
  /** One for each run, in the runs' order: what a person calls the start, and the wall clock at its instant 0. */
  readonly offsets: readonly { readonly label: string; readonly start: EpochMs }[];
  /** Whole sentences: what was dropped from the files, what stood in for what. */
  readonly notes: readonly string[];
  /** Further sentences after the page's own. */
  readonly notModelled?: readonly string[];
}

/** One policy, played from each start. */
export interface PolicyRuns {
  readonly name: string;
  readonly runs: readonly Run[];
}

/** @throws AppError bad-input where there is nothing to show, or runs and starts are not the same in number. */
export function checkPage(groups: readonly PolicyRuns[], meta: PageMeta): void {
  if (groups.length === 0)
    throw new AppError("bad-input", "there is no policy to show: give the runs of at least one");
  const names = new Set<string>();
  for (const { name, runs } of groups) {
    if (names.has(name))
      throw new AppError(
        "bad-input",
        `two policies are called ${JSON.stringify(name)}: give each its own name`,
      );
    names.add(name);
    if (runs.length === 0)
      throw new AppError(
        "bad-input",
        `policy ${JSON.stringify(name)} has no runs: play it from at least one start`,
      );
    if (runs.length !== meta.offsets.length)
      throw new AppError(
        "bad-input",
        `policy ${JSON.stringify(name)} has ${runs.length} runs and offsets has ${meta.offsets.length} entries: there has to be one for each run`,
      );
  }
}
