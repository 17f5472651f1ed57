// One thread of a back-test: it is given tasks one by one and answers each with its figures, or with what was wrong. It plays
// and keeps nothing.

import { parentPort, workerData } from "node:worker_threads";

import { describe } from "../../shared/runtime/errors.ts";
import { readPlan } from "./plan.ts";
import { createPlayer } from "./playing.ts";
import { readPattern } from "./policies.ts";
import type { Result, Task } from "./tasks.ts";

export interface WorkerInput {
  readonly folder: string;
  readonly plan: string;
  readonly policy: string;
}

export type Answer =
  | { readonly kind: "played"; readonly result: Result }
  | { readonly kind: "failed"; readonly detail: string };

const { folder, plan, policy } = workerData as WorkerInput;
const player = createPlayer({
  folder,
  plan: readPlan(plan),
  pattern: readPattern(policy),
  now: () => performance.now(),
});

parentPort?.on("message", (task: Task) => {
  let answer: Answer;
  try {
    answer = { kind: "played", result: player(task) };
  } catch (error) {
    answer = { kind: "failed", detail: describe(error) };
  }
  parentPort?.postMessage(answer);
});
