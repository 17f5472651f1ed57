// The worker thread of replays: plays one task after another and says how far it is. It wires messages to the task and no
// more; a scenario that cannot be played is an answer, not the end of the thread.

import { parentPort } from "node:worker_threads";

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { playTask } from "./task.ts";
import type { FromPlayer, PlayTask } from "./task.ts";

const port = parentPort;
if (port === null) throw new AppError("bug", "the replay worker must be started as a worker thread");
const say = (message: FromPlayer): void => port.postMessage(message);

// The one sender is many.ts, which types what it sends.
port.on("message", (task: PlayTask) => {
  void playTask(task, (share) => say({ kind: "progress", share })).then(
    (run) => say({ kind: "done", run }),
    (error: unknown) =>
      say({
        kind: "failed",
        isInput: error instanceof AppError && error.kind === "bad-input",
        because: describe(error),
      }),
  );
});
