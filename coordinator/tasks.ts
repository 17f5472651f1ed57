// Tasks that live as long as the program: watches, subscriptions, the election. One that fails ends the program,
// because a coordinator that has silently lost a watch is worse than one that is started again.

import { AppError, kindOf } from "../shared/runtime/errors.ts";

export interface Tasks {
  spawn(name: string, task: (signal: AbortSignal) => Promise<void>): void;
  /** Resolves after the signal when every task has ended; rejects with the first failure, by the task's name. */
  readonly finished: Promise<void>;
}

export function createTasks(signal: AbortSignal): Tasks {
  const failed = Promise.withResolvers<never>();
  const stopped = Promise.withResolvers<void>();
  const running = new Set<Promise<void>>();
  if (signal.aborted) stopped.resolve();
  signal.addEventListener("abort", () => {
    stopped.resolve();
  });

  async function afterStop(): Promise<void> {
    await stopped.promise;
    await Promise.all(running);
  }

  return {
    spawn: (name, task) => {
      const ended: Promise<void> = task(signal)
        .catch((cause: unknown) => {
          if (!signal.aborted) failed.reject(new AppError(kindOf(cause), `${name} failed`, { cause }));
        })
        .then(() => {
          running.delete(ended);
        });
      running.add(ended);
    },
    finished: Promise.race([failed.promise, afterStop()]),
  };
}
