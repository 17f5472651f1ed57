// Many runs at once, on worker threads: each thread takes the next task as it is free, and the results come back in the
// tasks' order, so that the number of threads changes nothing but the time.

import { Worker } from "node:worker_threads";

import { AppError } from "../../shared/runtime/errors.ts";
import type { Run } from "./run.ts";
import { playTask } from "./task.ts";
import type { FromPlayer, PlayTask } from "./task.ts";

export interface ManyProgress {
  readonly done: number;
  readonly of: number;
  /** Of everything, 0 to 1; tasks count alike. */
  readonly share: number;
}

export interface ManyOptions {
  /** 0: in the caller's own thread. */
  readonly workers: number;
  readonly workerUrl: URL;
  readonly onProgress?: (progress: ManyProgress) => void;
  readonly onRun?: (index: number, run: Run) => void;
  readonly signal?: AbortSignal;
}

/** @throws AppError of the first task that cannot be played, or the signal's reason. No thread outlives the call. */
export async function playMany(tasks: readonly PlayTask[], options: ManyOptions): Promise<readonly Run[]> {
  const { workers, workerUrl, onProgress = () => {}, onRun = () => {}, signal } = options;
  const shares = tasks.map(() => 0);
  const runs: Run[] = [];
  let done = 0;
  let next = 0;
  const tell = (): void =>
    onProgress({
      done,
      of: tasks.length,
      share: shares.reduce((sum, share) => sum + share, 0) / tasks.length,
    });

  async function takeTasks(playOne: (task: PlayTask, onShare: (share: number) => void) => Promise<Run>) {
    for (let index = next++; index < tasks.length; index = next++) {
      signal?.throwIfAborted();
      const task = tasks[index];
      if (task === undefined) return;
      const run = await playOne(task, (share) => {
        shares[index] = share;
        tell();
      });
      runs[index] = run;
      shares[index] = 1;
      done += 1;
      onRun(index, run);
      tell();
    }
  }

  if (workers === 0) {
    await takeTasks(playTask);
    return runs;
  }
  const threads = Array.from({ length: Math.min(workers, tasks.length) }, () => new Worker(workerUrl));
  const stop = (): void => void Promise.all(threads.map((thread) => thread.terminate()));
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await Promise.all(threads.map((thread) => takeTasks((task, onShare) => ask(thread, task, onShare))));
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  return runs;
}

async function ask(thread: Worker, task: PlayTask, onShare: (share: number) => void): Promise<Run> {
  const { promise, resolve, reject } = Promise.withResolvers<Run>();
  const heard = (message: FromPlayer): void => {
    if (message.kind === "progress") onShare(message.share);
    else if (message.kind === "done") resolve(message.run);
    else reject(new AppError(message.isInput ? "bad-input" : "bug", message.because));
  };
  const broke = (cause: unknown): void =>
    reject(new AppError("bug", `a replay thread broke while it played ${task.scenario.name}`, { cause }));
  const ended = (code: number): void => broke(`it ended with code ${code}`);
  thread.on("message", heard).on("error", broke).on("exit", ended);
  thread.postMessage(task);
  try {
    return await promise;
  } finally {
    thread.off("message", heard).off("error", broke).off("exit", ended);
  }
}
