// A recording once more without names, for whoever is to be shown it: a folder of its own, of which the key is not kept.

import { randomBytes } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";

import { bytes, millis } from "../../shared/model/units.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { lackingText } from "./again-text.ts";
import { createAnonymiser } from "./anonymiser.ts";
import { createFolder } from "./folder.ts";
import { linePieces } from "./line.ts";
import type { Decided, Head } from "./line.ts";
import { newTally, readRecording } from "./read.ts";

export interface AnonymisedCopy {
  readonly decisions: number;
  readonly folder: string;
  readonly text: string;
}

/** @throws AppError conflict when the folder has something in it, bad-input when there is no recording. */
export async function anonymiseRecording(recording: readonly string[], dir: string): Promise<AnonymisedCopy> {
  await refuseFull(dir);
  const tally = newTally();
  const anonymiser = createAnonymiser(randomBytes(32));
  const everything = { maxBytes: bytes(Number.MAX_SAFE_INTEGER), maxAgeMs: millis(Number.MAX_SAFE_INTEGER) };
  const folder = createFolder(dir, everything);
  let head: Head | null = null;
  let before: Decided | null = null;
  for await (const moment of readRecording(recording, tally)) {
    const { decided, names } = await anonymiser.shown(moment);
    if (head?.session !== moment.head.session || head.names !== names) head = { ...moment.head, names };
    const { file, isNew } = await folder.fileFor(moment.at, head);
    await file.write(linePieces(isNew ? null : before, decided, moment.number));
    before = decided;
  }
  await folder.close();
  return {
    decisions: tally.decisions,
    folder: dir,
    text: [
      `${tally.decisions} decisions without names in ${dir}; policies stand in it as they are, with names of pools and groups`,
      ...lackingText(tally),
    ].join("\n"),
  };
}

async function refuseFull(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
    if ((await readdir(dir)).length === 0) return;
  } catch (cause) {
    throw new AppError("unavailable", `cannot write to ${dir}: ${describe(cause)}`, { cause });
  }
  throw new AppError("conflict", `${dir} has something in it; name another folder`);
}
