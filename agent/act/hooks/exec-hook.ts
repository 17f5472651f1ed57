// A pod that is told by a command inside it: exit code 0 says that the state is saved, and what the command prints may
// name the step and the place. The command is not told of what; it ends by itself when nobody waits for it any more.

import type { CheckpointHook } from "../../../shared/model/checkpoint-hook.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { PodExec } from "../../../shared/runtime/kube/client.ts";
import type { ExecResult } from "../../../shared/runtime/kube/exec.ts";
import { readSavedState, shown } from "./answer.ts";
import { waited } from "./http-hook.ts";
import type { Told } from "./http-hook.ts";

const RETRY_MS = millis(1_000);

/** Never rejects: `late` when the signal ended it. */
export async function tellByExec(options: {
  readonly hook: Extract<CheckpointHook, { kind: "exec" }>;
  readonly pod: { readonly namespace: string; readonly name: string };
  readonly exec: PodExec["exec"];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}): Promise<Told> {
  const { hook, pod, exec, clock, signal, onSent } = options;
  let begun = false;
  const run = async (): Promise<ExecResult> => {
    const { namespace, name } = pod;
    const { container, command } = hook;
    const onOpen = (): void => {
      begun = true;
      onSent();
    };
    return await exec({ namespace, name, container, command }, { signal, onOpen });
  };
  for (let mayRepeat = true; ; mayRepeat = false) {
    try {
      return toldByEnd(await run());
    } catch (error) {
      if (signal.aborted) {
        return { result: "late", detail: begun ? "the command has not ended" : "the command was not begun" };
      }
      // A command that may have begun is not begun again: nobody knows what it does the second time.
      const passes = !begun && mayRepeat && ["unavailable", "throttled"].includes(kindOf(error));
      if (passes && (await waited(clock, RETRY_MS, signal))) continue;
      if (signal.aborted) return { result: "late", detail: "the command was not begun" };
      const wayOut = kindOf(error) === "denied" ? "; the agent needs get and create on pods/exec" : "";
      return { result: "failed", detail: shown(describe(error), 220) + wayOut };
    }
  }
}

function toldByEnd({ exitCode, stdout, stderr }: ExecResult): Told {
  if (exitCode === 0) return { result: "saved", ...readSavedState(lastLine(stdout)) };
  const said = shown(lastLine(stderr), 160);
  return { result: "failed", detail: `the command ended with ${exitCode}${said === "" ? "" : `: ${said}`}` };
}

/** A command may say other things before. */
function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
