// `gpuasctl replay --recording`: decides again what a coordinator recorded, shows where changed policies part from it, or
// makes of it what a replay of work or a bug report takes. Files that are there are not written over.

import { readFile, writeFile } from "node:fs/promises";

import { BUILD } from "../../shared/runtime/build-info.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { againText, lackingText } from "../record/again-text.ts";
import { decideAgainOver } from "../record/again.ts";
import { anonymiseRecording } from "../record/anonymised-copy.ts";
import { newTally, readRecording } from "../record/read.ts";
import { jobsCsv, servicesCsv } from "../record/work-csv.ts";
import { recordedWork } from "../record/work.ts";
import { readPolicies } from "../replay/inputs/policies.ts";

export interface ReplayRecordingOptions {
  /** Folders and files, at least one. */
  readonly recording: readonly string[];
  /** Files of AutoscalingPolicy documents; none: as it was decided. */
  readonly policies: readonly string[];
  /** Where jobs are written as CSV; "-": to the answer. */
  readonly asJobs: string | undefined;
  /** Folder for a copy without names. */
  readonly anonymise: string | undefined;
  readonly json: boolean;
}

export interface ReplayedRecording {
  readonly text: string;
  /** False: plans differ that were to be the same. */
  readonly same: boolean;
}

/** @throws AppError bad-input that names the file, the field and the way out; conflict when a file is there already. */
export async function replayRecording(options: ReplayRecordingOptions): Promise<ReplayedRecording> {
  const { recording, policies, asJobs, anonymise, json } = options;
  const ways = [
    policies.length > 0 && "--policy",
    asJobs !== undefined && "--as-jobs",
    anonymise !== undefined && "--anonymise",
  ].filter((way) => way !== false);
  if (ways.length > 1)
    throw new AppError("settings", `replay --recording takes one of ${ways.join(" and ")}`);
  if (asJobs !== undefined) return { text: await asWork(recording, asJobs, json), same: true };
  if (anonymise !== undefined) {
    const made = await anonymiseRecording(recording, anonymise);
    return { text: json ? JSON.stringify(made) : made.text, same: true };
  }

  const changed = (await Promise.all(policies.map(policiesOf))).flat();
  const tally = newTally();
  const again = await decideAgainOver(readRecording(recording, tally), { changed, build: BUILD });
  const same = changed.length > 0 || again.different === 0 || again.otherBuilds.length > 0;
  return {
    text: json
      ? JSON.stringify({ ...again, tally }, null, 2)
      : againText(
          again,
          tally,
          changed.map(({ name }) => name),
        ),
    same,
  };
}

async function policiesOf(file: string) {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError("bad-input", `cannot read the policy ${file}: ${describe(cause)}`, { cause });
  }
  return readPolicies(text, file);
}

async function asWork(recording: readonly string[], file: string, json: boolean): Promise<string> {
  const tally = newTally();
  const seen = await recordedWork(readRecording(recording, tally));
  const work = { ...seen, notes: [...seen.notes, ...lackingText(tally)] };
  const serving = work.work.services.length;
  if (file === "-") {
    const left = `${serving} services are no jobs and not in here; --as-jobs with a file writes them beside it`;
    return jobsCsv(serving === 0 ? work : { ...work, notes: [...work.notes, left] }).trimEnd();
  }
  await writeNew(file, jobsCsv(work));
  const services = file.replace(/(\.csv)?$/, ".services.csv");
  const serves = serving > 0;
  if (serves) await writeNew(services, servicesCsv(work));
  if (json)
    return JSON.stringify(
      { jobs: file, services: serves ? services : null, counts: work.counts, tally },
      null,
      2,
    );
  return [
    `${work.counts.jobs} jobs in ${file}`,
    ...(serves ? [`${work.counts.services} services in ${services}`] : []),
    ...work.notes,
  ].join("\n");
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (cause) {
    const there = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    if (there) throw new AppError("conflict", `${file} is there already; name another file`, { cause });
    throw new AppError("unavailable", `cannot write ${file}: ${describe(cause)}`, { cause });
  }
}
