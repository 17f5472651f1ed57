// AWS's own service model as the judge of answers (test/tools/python/referee.py): what it finds wrong with each. Where
// Python cannot be had, the tests that need the judge are skipped by name.

import { AppError } from "../../shared/runtime/errors.ts";
import { obtainPython } from "../tools/python.ts";
import type { Python } from "../tools/python.ts";
import type { AwsAnswer } from "../world/cloud/aws.ts";

export interface Verdict {
  readonly action: string;
  readonly faults: readonly string[];
}

/** The Python of the tests, or why there is none and how to get it, which is also said aloud. */
export async function pythonOrWhyNot(): Promise<Python | string> {
  const onProgress = (sentence: string): void => console.error(sentence);
  try {
    return await obtainPython({ onProgress });
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    console.error(`tests of AWS's API are skipped: ${error.message}`);
    return error.message;
  }
}

/** One verdict for each answer, in their order. @throws when the judge itself fails. */
export async function judge(python: Python, answers: readonly AwsAnswer[]): Promise<readonly Verdict[]> {
  const process = python.start("referee.py");
  const said: string[] = [];
  const complaints: string[] = [];
  process.stdout.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  process.stderr.on("data", (chunk: Buffer) => complaints.push(chunk.toString()));
  const ended = new Promise<number | null>((resolve, reject) => {
    process.once("error", reject);
    process.once("close", resolve);
  });
  process.stdin.end(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(""));
  const code = await ended;
  if (code !== 0) throw new Error(`the referee ended with ${code}: ${complaints.join("")}`);
  const verdicts = said
    .join("")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Verdict);
  if (verdicts.length !== answers.length)
    throw new Error(`the referee judged ${verdicts.length} of ${answers.length} answers`);
  return verdicts;
}

/** What is wrong, each sentence once, with the action that it was said of. */
export function faultsIn(verdicts: readonly Verdict[]): readonly string[] {
  return [...new Set(verdicts.flatMap(({ action, faults }) => faults.map((fault) => `${action}: ${fault}`)))];
}
