// What is looked up while a drill is followed, and only when something does not go as it should: the budgets when pods are
// late, and the agent's events when it says nothing. Neither is needed to follow it.

import type { PodDisruptionBudget } from "../../../shared/model/kube.ts";
import { EVENT } from "../../../shared/model/names.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { DrillEvent } from "./events.ts";

export interface Aside {
  readonly client: Pick<KubeClient, "list">;
  readonly node: string;
  readonly tell: (event: DrillEvent) => void;
  readonly signal: AbortSignal;
}

/** An agent that is there answers within a second; one that has to look at a large cluster first takes a few. */
export const ANSWER_WITHIN_MS = 10_000;

/** Budgets that may not be read are said once, and then as if there were none; after another failure what was known stays. */
export async function budgetsNow(
  { client, signal, tell }: Aside,
  before: readonly PodDisruptionBudget[] | null,
): Promise<readonly PodDisruptionBudget[] | null> {
  try {
    return (await client.list(RESOURCE.podDisruptionBudgets, {}, { signal })).items;
  } catch (error) {
    signal.throwIfAborted();
    if (kindOf(error) === "denied" && before === null) {
      tell({
        kind: "warning",
        detail:
          "pods wait, and which budget holds them cannot be told: you need list on poddisruptionbudgets",
      });
      return [];
    }
    return before;
  }
}

/** What an agent that does not hold a drill says about it stands in an event, where one is running. */
export async function noAnswer({ client, node, signal }: Aside, since: number): Promise<string> {
  try {
    const fields = `involvedObject.kind=Node,involvedObject.name=${node},reason=${EVENT.drillRefused}`;
    const { items } = await client.list(RESOURCE.events, { fieldSelector: fields }, { signal });
    // Times of events have no fractions.
    const said = items
      .filter(({ lastTimestamp }) => Date.parse(lastTimestamp ?? "") >= Math.floor(since / 1000) * 1000)
      .toSorted((a, b) => Date.parse(a.lastTimestamp ?? "") - Date.parse(b.lastTimestamp ?? ""))
      .at(-1);
    if (said !== undefined) return `its agent does not begin: ${said.message}`;
  } catch {
    signal.throwIfAborted();
    // Whoever may not read events hears the rest.
  }
  return `no agent has answered within ${ANSWER_WITHIN_MS / 1000} s: is its pod on the node running? kubectl describe node ${node} shows its events`;
}
