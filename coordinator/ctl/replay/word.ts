// The words `replay` and `compare`, whichever way they are typed: each as a text and an exit code. What takes long to load is
// loaded only by the way that needs it.

import type { ReplayContext } from "./command.ts";
import { compare, replay } from "./command.ts";
import { REPLAY_USAGE } from "./options.ts";
import type { ReplayCommand } from "./options.ts";

export interface Said {
  readonly text: string;
  readonly exitCode: number;
}

/** @throws AppError as the ways do. */
export async function replayWord(command: ReplayCommand, context: ReplayContext): Promise<Said> {
  switch (command.word) {
    case "replay-help":
      return { text: REPLAY_USAGE, exitCode: 0 };
    case "compare":
      return { text: await compare(command, context), exitCode: 0 };
    case "replay":
      return command.from === "files"
        ? { text: await replay(command, context), exitCode: 0 }
        : await again(command);
  }
}

type FromRecording = Extract<ReplayCommand, { readonly from: "recording" }>;

/** With the policies as they were, anything but the same plans is a defect. */
async function again(command: FromRecording): Promise<Said> {
  const { recording, policies, asJobs, anonymise, form } = command;
  const { replayRecording } = await import("../recording.ts");
  const answer = await replayRecording({ recording, policies, asJobs, anonymise, json: form === "json" });
  return { text: answer.text, exitCode: answer.same || policies.length > 0 ? 0 : 1 };
}
