// One thread of a back-test: it is given tasks one by one and answers each with its figures, or with what was wrong. It plays
// and keeps nothing.

import { parentPort, workerData } from "node:worker_threads";

import { describe } from "../../shared/runtime/errors.ts";
import type { Plan } from "./plan.ts";
import { createPlayer } from "./playing.ts";
import type { PolicyPattern } from "./policies.ts";
import type { Result, Task } from "./tasks.ts";

export interface WorkerInput {
  readonly folder: string;
  readonly plan: Plan;
  readonly pattern: PolicyPattern;
}

export type Answer =
  | { readonly kind: "played"; readonly result: Result }
  | { readonly kind: "failed"; readonly detail: string };

const input = workerData as WorkerInput;
const player = createPlayer({ ...input, now: () => performance.now() });

parentPort?.on("message", (task: Task) => {
  let answer: Answer;
  try {
    answer = { kind: "played", result: player(task) };
  } catch (error) {
    answer = { kind: "failed", detail: describe(error) };
  }
  parentPort?.postMessage(answer);
});
