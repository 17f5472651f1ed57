// `gpuasctl uninstall`: says what it would take back, asks, does it, and says what is left. Nothing is evicted and no size
// is changed; a second run finds nothing more to do.

import type { Random } from "../../../shared/model/random.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { Command } from "../arguments.ts";
import { carryOut } from "./carry-out.ts";
import type { CarriedOut } from "./carry-out.ts";
import { planRemoval } from "./removal.ts";
import { doneText, leftFor, leftText, planText } from "./words.ts";

export type UninstallCommand = Extract<Command, { readonly word: "uninstall" }>;

export interface UninstallContext {
  readonly client: Pick<KubeClient, "get" | "list" | "mergePatch" | "patchStatus" | "delete">;
  readonly print: (text: string) => void;
  /** The answer of whoever types, or null where there is no terminal. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

const DONE = 0;
/** Something stays, or may; a person has to look. */
const NOT_ALL = 1;

/** The exit code. @throws AppError settings where nobody can be asked and --yes is not given. */
export async function uninstall(command: UninstallCommand, context: UninstallContext): Promise<number> {
  const { client, print, ask, clock, random, signal } = context;
  const { json, policies } = command;
  const { namespace } = command.service;
  const plan = await planRemoval({ client, namespace, policies });
  const left = leftFor(namespace, plan, policies);
  const say = (result: CarriedOut | null): void => {
    const { removals, doubts, warnings, unread } = plan;
    if (json)
      print(
        JSON.stringify({ dryRun: command.dryRun, removals, doubts, warnings, unread, result, left }, null, 2),
      );
    else print([...(result === null ? [] : [doneText(result)]), leftText(left)].join("\n"));
  };
  if (!json) print(planText(plan));
  // What is read badly is not known to be clean.
  if (command.dryRun || plan.removals.length === 0) {
    say(null);
    return plan.unread.length === 0 ? DONE : NOT_ALL;
  }
  if (!command.yes && !(await agreed(ask))) {
    print("Nothing is changed");
    return NOT_ALL;
  }
  const tell = (sentence: string): void => {
    if (!json) print(`  ${sentence}`);
  };
  const result = await carryOut(plan.removals, { client, namespace, clock, random, signal, tell });
  say(result);
  return result.failed.length + result.running.length + plan.unread.length + plan.doubts.length === 0
    ? DONE
    : NOT_ALL;
}

async function agreed(ask: UninstallContext["ask"]): Promise<boolean> {
  const answer = await ask("Go on? Only yes goes on: ");
  if (answer === null)
    throw new AppError(
      "settings",
      "uninstall asks before it changes anything, and here is no terminal: give --yes",
    );
  return answer.trim() === "yes";
}
