// Plays tasks on several threads, one task on each at a time, and says how far it is. A task that fails stops everything with
// its own words: a table with a hole would not be one.

import { Worker } from "node:worker_threads";

import { AppError } from "../../shared/runtime/errors.ts";
import type { Result, Task } from "./tasks.ts";
import { nameOf } from "./tasks.ts";
import type { Answer, WorkerInput } from "./worker.ts";

export interface CrewOptions {
  readonly threads: number;
  readonly input: WorkerInput;
  readonly onResult: (task: Task, result: Result) => void;
}

/** @throws AppError bad-input with the task and what was wrong with it. */
export async function playAll(
  tasks: readonly Task[],
  { threads, input, onResult }: CrewOptions,
): Promise<void> {
  const waiting = [...tasks];
  const crew = Array.from(
    { length: Math.min(threads, tasks.length) },
    () => new Worker(new URL("worker.ts", import.meta.url), { workerData: input }),
  );
  try {
    await Promise.all(
      crew.map(async (worker) => {
        for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
          const answer = await asked(worker, task);
          if (answer.kind === "failed") throw new AppError("bad-input", `${nameOf(task)}: ${answer.detail}`);
          onResult(task, answer.result);
        }
      }),
    );
  } finally {
    await Promise.all(crew.map(async (worker) => worker.terminate()));
  }
}

async function asked(worker: Worker, task: Task): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  worker.once("message", resolve);
  worker.once("error", reject);
  worker.postMessage(task);
  try {
    return await promise;
  } finally {
    worker.off("message", resolve);
    worker.off("error", reject);
  }
}
