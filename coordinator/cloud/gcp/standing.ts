// What a managed instance is to us, by what its group does with it and by what its machine is: whether a machine fills
// the place, and whether the place counts in the group's size. A place has a name of its own, which outlives machines: one
// that is preempted is made again under the same name. Pure.

import type { InstanceAnswer } from "./answers.ts";

/**
 * `filled`: a machine that runs or comes up. `open`: a place of the size without a machine. `ending`: the machine goes or
 * is gone by another hand, and the place stays for the next one. `leaving`: taken out of the group, the size has fallen.
 * `aside`: suspended or stopped on purpose, which the size does not count.
 */
export type Standing = "filled" | "open" | "ending" | "leaving" | "aside";

type Action = "keeps" | "makes" | "remakes" | "takes" | "rests";

/** `currentAction`, all that Google's API lists. */
export const ACTIONS = {
  NONE: "keeps",
  VERIFYING: "keeps",
  REFRESHING: "keeps",
  RESTARTING: "keeps",
  STARTING: "keeps",
  RESUMING: "keeps",
  CREATING: "makes",
  CREATING_WITHOUT_RETRIES: "makes",
  RECREATING: "remakes",
  DELETING: "takes",
  ABANDONING: "takes",
  STOPPING: "rests",
  SUSPENDING: "rests",
} as const satisfies Readonly<Record<string, Action>>;

type Machine = "coming" | "running" | "going" | "gone" | "resting";

/** `instanceStatus`, all that Google's API lists. */
export const STATUSES = {
  PENDING: "coming",
  PROVISIONING: "coming",
  STAGING: "coming",
  RUNNING: "running",
  REPAIRING: "running",
  PENDING_STOP: "going",
  STOPPING: "going",
  DEPROVISIONING: "going",
  TERMINATED: "gone",
  STOPPED: "gone",
  SUSPENDING: "resting",
  SUSPENDED: "resting",
} as const satisfies Readonly<Record<string, Machine>>;

const ACTION_OF: Readonly<Record<string, Action>> = ACTIONS;
const MACHINE_OF: Readonly<Record<string, Machine>> = STATUSES;

/** States that the group means it to have for good, and that its size does not count. */
const ASIDE: readonly string[] = ["STOPPED", "SUSPENDED"];

/** A word that Google has invented since counts as a machine: taking one for an open place would end it. */
export function standingOf(
  instance: Pick<InstanceAnswer, "id" | "currentAction" | "instanceStatus" | "targetStatus">,
): Standing {
  const { id, currentAction, instanceStatus, targetStatus } = instance;
  const action = own(ACTION_OF, currentAction) ?? "keeps";
  if (action === "takes") return "leaving";
  if (action === "rests" || (targetStatus !== undefined && ASIDE.includes(targetStatus))) return "aside";
  const hasMachine = id !== undefined || instanceStatus !== undefined;
  if (!hasMachine) return "open";
  const machine = own(MACHINE_OF, instanceStatus ?? "RUNNING") ?? "running";
  // What is made anew is the old one until it is gone, and then the new one, which is still coming.
  if (action === "remakes") return machine === "coming" ? "filled" : "ending";
  return machine === "going" || machine === "gone" || machine === "resting" ? "ending" : "filled";
}

/** Whether nothing runs there any more, so that giving the place back ends no machine. */
export function isEmpty(instance: Pick<InstanceAnswer, "id" | "instanceStatus">): boolean {
  const { id, instanceStatus } = instance;
  if (id === undefined && instanceStatus === undefined) return true;
  return instanceStatus !== undefined && own(MACHINE_OF, instanceStatus) === "gone";
}

/** Whether its machine has not booted yet, so that it can be no node. */
export function isComing({ instanceStatus }: Pick<InstanceAnswer, "instanceStatus">): boolean {
  return instanceStatus !== undefined && own(MACHINE_OF, instanceStatus) === "coming";
}

export function isKnown({ currentAction, instanceStatus = "RUNNING" }: InstanceAnswer): boolean {
  return Object.hasOwn(ACTION_OF, currentAction) && Object.hasOwn(MACHINE_OF, instanceStatus);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
