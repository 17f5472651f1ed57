// Looks at the cluster before a drill begins: all nodes and all policies, listed once, since only then other nodes are of
// any interest to this agent. Where it cannot look, it says so and looks again while the drill is asked for. What the
// lists mean is decided in shared/contract/drill-permit.ts.

import { asksForDrill, drillPermit } from "../../shared/contract/drill-permit.ts";
import type { DrillPermit, PermitPolicy } from "../../shared/contract/drill-permit.ts";
import type { KubeObject } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { reduced, RESOURCE } from "../../shared/runtime/kube/resources.ts";

export interface DrillPermitOptions {
  readonly client: Pick<KubeClient, "list">;
  readonly node: string;
  readonly clock: Clock;
  /** The answer is another than before. Must not block or throw. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
}

/**
 * Whether the drill that these words name may begin; null while it is being looked for. The first call begins the look, and
 * other words begin anew. An answer stands for as long as its words are asked for; `unknown` is looked for again. Null
 * says that no drill waits: the next one, be it in the same words, is another.
 */
export type AskPermit = (drill: string | null) => DrillPermit | null;

const DEADLINE = millis(5_000);
const AGAIN = millis(2_000);

/** Of a cluster's nodes only this is kept, a page at a time. */
const marksOfNodes = reduced(RESOURCE.nodes, ({ metadata: { name, labels, annotations } }): KubeObject => {
  const read: readonly string[] = [
    NODE_ANNOTATION.interruptionWarning,
    NODE_ANNOTATION.interruptionSource,
    NODE_ANNOTATION.drainState,
  ];
  const kept = Object.entries(annotations ?? {}).filter(([key]) => read.includes(key));
  return {
    metadata: {
      name,
      ...(labels === undefined ? {} : { labels }),
      ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
    },
  };
});

export function createDrillPermit(options: DrillPermitOptions): AskPermit {
  const { node, clock, onChange } = options;
  let asking: {
    readonly drill: string;
    readonly over: AbortController;
    answer: DrillPermit | null;
  } | null = null;

  const lookUntilKnown = async (of: NonNullable<typeof asking>): Promise<void> => {
    const signal = AbortSignal.any([options.signal, of.over.signal]);
    while (!signal.aborted) {
      const answer = await look(options.client, node, clock, signal);
      if (signal.aborted) return;
      const isNew = JSON.stringify(answer) !== JSON.stringify(of.answer);
      of.answer = answer;
      if (isNew) onChange();
      if (answer !== null && answer.kind !== "unknown") return;
      await clock.sleep(AGAIN, signal).catch(() => {});
    }
  };

  return (drill) => {
    if (asking !== null && asking.drill === drill) return asking.answer;
    asking?.over.abort();
    asking = null;
    if (drill === null) return null;
    const begun = { drill, over: new AbortController(), answer: null };
    asking = begun;
    void lookUntilKnown(begun);
    return null;
  };
}

/**
 * Never rejects: what goes wrong is an answer too. Null: the node does not ask for a drill, although a watch that is late
 * may still show one that is over.
 */
async function look(
  client: DrillPermitOptions["client"],
  node: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<DrillPermit | null> {
  try {
    const limits = { signal, deadlineMs: DEADLINE };
    const [nodes, policies] = await Promise.all([
      client.list(marksOfNodes, {}, limits),
      policiesOf(client, limits),
    ]);
    const own = nodes.items.find(({ metadata }) => metadata.name === node);
    if (own !== undefined && !asksForDrill(own.metadata.annotations)) return null;
    return drillPermit({ node, nodes: nodes.items, policies, now: clock.now() });
  } catch (error) {
    const why =
      kindOf(error) === "denied"
        ? "the agent needs the verb list on nodes and autoscalingpolicies"
        : "the drill waits";
    return { kind: "unknown", code: "cannot-look", detail: `${describe(error)}; ${why}` };
  }
}

/** A cluster without the definition of policies has none that could forbid it. */
async function policiesOf(
  client: DrillPermitOptions["client"],
  limits: { readonly signal: AbortSignal; readonly deadlineMs: typeof DEADLINE },
): Promise<readonly PermitPolicy[]> {
  try {
    const { items } = await client.list(RESOURCE.policies, {}, limits);
    return items.map(({ metadata, spec }) => ({ name: metadata.name, spec }));
  } catch (error) {
    if (kindOf(error) === "not-found") return [];
    throw error;
  }
}
