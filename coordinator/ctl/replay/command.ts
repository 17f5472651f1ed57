// `gpuasctl replay` and `gpuasctl compare`: reads the files, plays every policy from every start, and writes what was asked
// for. Files, threads and the terminal are handed in; nothing here asks a cluster.

import { access, constants, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { toInstantText } from "../../../shared/model/instant.ts";
import { after } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe } from "../../../shared/runtime/errors.ts";
import { readInputFile } from "../../replay/inputs/files.ts";
import { readInputs } from "../../replay/inputs/inputs.ts";
import type { Inputs } from "../../replay/inputs/inputs.ts";
import { partsFor } from "../../replay/inputs/parts.ts";
import type { ScenarioParts } from "../../replay/inputs/parts.ts";
import { readPolicies } from "../../replay/inputs/policies.ts";
import type { PolicyRead } from "../../replay/inputs/policies.ts";
import { lengthText } from "../../replay/inputs/times.ts";
import { scenarioAt } from "../../replay/inputs/window.ts";
import type { Offset } from "../../replay/inputs/window.ts";
import { playMany } from "../../replay/many.ts";
import { drawOffsets } from "../../replay/offsets.ts";
import { comparePage } from "../../replay/page/compare-page.ts";
import type { PolicyRuns } from "../../replay/page/meta.ts";
import { partsOf } from "../../replay/page/parts.ts";
import { replayPage } from "../../replay/page/replay-page.ts";
import type { Scenario } from "../../replay/scenario.ts";
import { explainAt, partsWithHolds } from "./explain-at.ts";
import type { PlayOptions, ReplayCommand } from "./options.ts";
import { playedCsv, playedJson, playedText } from "./outputs.ts";
import type { Played } from "./outputs.ts";
import { progressLine } from "./progress.ts";

export interface ReplayContext {
  readonly workerUrl: URL;
  /** Threads where nobody says how many. */
  readonly processors: number;
  readonly clock: Pick<Clock, "now">;
  /** For what is not the answer. */
  readonly say: (text: string) => void;
  readonly isTerminal: boolean;
}

type FromFiles = Extract<ReplayCommand, { readonly from: "files" }>;
type Compare = Extract<ReplayCommand, { readonly word: "compare" }>;

/** How many runs are played once more for the reasons of who did nothing. */
const RUNS_LOOKED_AT = 5;

/** The answer. @throws AppError bad-input that names file, line or field, value and way out. */
export async function replay(command: FromFiles, context: ReplayContext): Promise<string> {
  const inputs = await readInputs(command.request);
  const { scenario } = command.request;
  const named = inputs.policyFile === null ? [] : [inputs.policyFile];
  const files = command.policies.length > 0 ? command.policies : named;
  if (files.length === 0)
    throw new AppError(
      "bad-input",
      `policy: none is given; add --policy FILE${scenario === undefined ? "" : `, or policy in ${scenario}`}`,
    );
  const parts = partsFor(inputs, await policiesOf(files));
  if (command.explain !== null) {
    const [first] = drawOffsets(inputs, 1, inputs.seed);
    if (first === undefined) throw new AppError("bug", "no start was drawn");
    const played = scenarioAt(parts, first);
    const { explain } = command;
    const at = explain.kind === "instant" ? explain.at : after(played.start, explain.ms);
    const { text, plan } = await explainAt(played, at);
    const data = JSON.stringify(plan, null, 2);
    await write(command.jsonFile, () => data);
    return command.form === "json" ? data : text;
  }
  return await playAll([{ name: parts.title, parts }], inputs, command, context);
}

/** Likewise, of several policies; one file is one side. */
export async function compare(command: Compare, context: ReplayContext): Promise<string> {
  const inputs = await readInputs(command.request);
  const read = await Promise.all(command.policies.map(async (file) => await policiesOf([file])));
  const sides = command.policies.map((file, at) => ({
    file,
    parts: partsFor(inputs, read[at] ?? [], read.toSpliced(at, 1)),
  }));
  const isTwice = (title: string): boolean => sides.filter(({ parts }) => parts.title === title).length > 1;
  // Versions of one policy have one name; then the files tell them apart.
  const named = sides.map(({ file, parts }) => ({ name: isTwice(parts.title) ? file : parts.title, parts }));
  return await playAll(named, inputs, command, context);
}

async function policiesOf(files: readonly string[]): Promise<readonly PolicyRead[]> {
  const texts = await Promise.all(files.map(async (file) => ({ file, text: await readInputFile(file) })));
  return texts.flatMap(({ text, file }) => readPolicies(text, file));
}

interface Side {
  readonly name: string;
  readonly parts: ScenarioParts;
}

async function playAll(
  sides: readonly Side[],
  inputs: Inputs,
  options: PlayOptions,
  { workerUrl, processors, clock, say, isTerminal }: ReplayContext,
): Promise<string> {
  for (const file of [options.csv, options.jsonFile, options.html]) await checkPlace(file);
  const offsets = drawOffsets(inputs, options.offsets, inputs.seed);
  const scenarios = new Map<string, readonly Scenario[]>(
    sides.map(({ name, parts }) => [name, offsets.map((offset) => scenarioAt(parts, offset))]),
  );
  const tasks = [...scenarios.values()]
    .flat()
    .map((scenario) => ({ scenario, sizer: { kind: "ours" } as const }));
  const runs = await playMany(tasks, {
    workers: options.workers ?? Math.min(processors, tasks.length),
    workerUrl,
    onProgress: progressLine(clock, say, isTerminal),
  });
  const groups = sides.map(({ name }, at): PolicyRuns => ({
    name,
    runs: runs.slice(at * offsets.length, (at + 1) * offsets.length),
  }));
  const [first] = sides;
  const [starts] = scenarios.values();
  const played: Played = {
    meta: {
      title: sides.length === 1 ? `${inputs.name}, ${first?.name ?? ""}` : inputs.name,
      warmInMs: inputs.warmInMs,
      lengthMs: inputs.lengthMs,
      offsets: offsets.map((offset, at) => ({
        label: labelOf(offset, inputs),
        start: starts?.[at]?.start ?? inputs.start,
      })),
      notes: notesOf(sides),
    },
    seed: inputs.seed,
    dropped: first?.parts.dropped ?? [],
    groups,
    parts: sides.length === 1 ? [] : await partsWithHolds(partsOf(groups), scenarios, RUNS_LOOKED_AT),
  };
  await write(options.csv, () => playedCsv(played));
  await write(options.jsonFile, () => playedJson(played));
  await write(options.html, () =>
    sides.length === 1
      ? replayPage(groups[0]?.runs ?? [], played.meta)
      : comparePage(groups, played.parts, played.meta),
  );
  switch (options.form) {
    case "text":
      return playedText(played);
    case "json":
      return playedJson(played);
    case "csv":
      return playedCsv(played).trimEnd();
  }
}

/** What holds for all sides once; what holds for some with their names. */
function notesOf(sides: readonly Side[]): readonly string[] {
  const all = [...new Set(sides.flatMap(({ parts }) => parts.notes))];
  return all.map((note) => {
    const of = sides.filter(({ parts }) => parts.notes.includes(note));
    return of.length === sides.length ? note : `${of.map(({ name }) => name).join(", ")}: ${note}`;
  });
}

function labelOf({ index, workMs, marketMs }: Offset, { start, marketMs: traced }: Inputs): string {
  const at = `start ${index + 1}`;
  return traced !== null && marketMs > 0
    ? `${at}, capacity from ${lengthText(marketMs)} on`
    : `${at}, ${toInstantText((start + workMs) as typeof start).slice(0, 16)}Z`;
}

/** Before anything is played, since what could not be written would be lost. @throws AppError bad-input. */
async function checkPlace(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  try {
    await access(dirname(file), constants.W_OK);
  } catch (cause) {
    throw notWritable(file, cause);
  }
}

function notWritable(file: string, cause: unknown): AppError {
  return new AppError(
    "bad-input",
    `cannot write ${file}: ${describe(cause)}; name a place that can be written`,
    { cause },
  );
}

async function write(file: string | undefined, content: () => string): Promise<void> {
  if (file === undefined) return;
  try {
    await writeFile(file, content());
  } catch (cause) {
    throw cause instanceof AppError ? cause : notWritable(file, cause);
  }
}
