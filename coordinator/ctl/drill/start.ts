// Asks for a drill: looks whether it may begin, writes the annotations that ask for it, and waits for its agent's first
// word, or follows it to its end. The drill is the agent's; when this program ends, it goes on.

import type { Node } from "../../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import type { Random } from "../../../shared/model/random.ts";
import { after, epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { KubeClient, Watcher } from "../../../shared/runtime/kube/client.ts";
import { updateNode } from "../../../shared/runtime/kube/node-marks.ts";
import { cancelDrill } from "./cancel.ts";
import type { DrillEvent } from "./events.ts";
import { follow } from "./follow.ts";
import type { FollowEnd } from "./follow.ts";
import { standingOf, stateOn } from "./standing.ts";
import { refuseUnlessFree, survey } from "./survey.ts";

export interface StartOptions {
  readonly client: Watcher & Pick<KubeClient, "get" | "list" | "mergePatch">;
  readonly node: string;
  /** Null: nobody has said; a drill that stands is then followed. */
  readonly leadMs: Millis | null;
  readonly follow: boolean;
  readonly replace: boolean;
  readonly unmanaged: boolean;
  readonly tell: (event: DrillEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/** As long as the longest notice that a cloud gives for spot machines. */
export const DEFAULT_LEAD = millis(120_000);

/** @throws AppError that says why no drill may be asked for here now. */
export async function startDrill(options: StartOptions): Promise<FollowEnd> {
  const { client, node: name, tell, clock, signal } = options;
  const { node, standing, refusal, doubts } = await survey(client, name, clock.now(), { signal });

  // 1. One that stands is only looked at.
  if (standing.kind === "drill" && options.follow && options.leadMs === null)
    return await join(options, node);
  refuseUnlessFree(name, standing);
  if (refusal !== null) throw new AppError("refused", `no drill of node ${name} now: ${refusal}`);
  for (const detail of doubts) tell({ kind: "warning", detail });

  // 2. A refused one stands in the way of its like: its words go first, and its agent takes its answer back.
  if (standing.kind === "refused") await cancelDrill({ client, node: name, clock, signal });

  // 3. Ask, with somebody looking already.
  const leadMs = options.leadMs ?? DEFAULT_LEAD;
  const begin = async (): Promise<EpochMs> => {
    const deadline = after(clock.now(), leadMs);
    await ask(options, deadline);
    tell({
      kind: "asked-for",
      node: name,
      deadline: new Date(deadline).toISOString(),
      leadSeconds: leadMs / 1000,
    });
    return deadline;
  };
  const earlier = standing.kind === "refused" ? null : (stateOn(node)?.id ?? null);
  const end = await follow({ ...options, begin, earlier, until: options.follow ? "end" : "held" });

  // 4. Words that were refused must not stand there and begin something on another day.
  if (end.kind === "refused") await cancelDrill({ client, node: name, clock, signal });
  return end;
}

async function join(options: StartOptions, node: Node): Promise<FollowEnd> {
  const deadline =
    stateOn(node)?.deadline ?? Date.parse(node.metadata.annotations?.[NODE_ANNOTATION.terminationTime] ?? "");
  const isKnown = Number.isFinite(deadline) && deadline >= 0;
  options.tell({
    kind: "joined",
    node: options.node,
    deadline: isKnown ? new Date(deadline).toISOString() : null,
  });
  const until = isKnown ? epochMs(deadline) : after(options.clock.now(), DEFAULT_LEAD);
  // Of a drill that ended long ago the report is there at once.
  const begin = async (): Promise<EpochMs> => await Promise.resolve(until);
  return await follow({ ...options, begin, earlier: null, until: "end" });
}

async function ask(options: StartOptions, deadline: EpochMs): Promise<void> {
  const { client, node, clock, random, signal } = options;
  const mark = (wanted: boolean): string | null => (wanted ? "true" : null);
  await updateNode(
    client,
    node,
    (now) => {
      // Somebody else may have been quicker.
      refuseUnlessFree(node, standingOf(now));
      return {
        annotations: {
          [NODE_ANNOTATION.interruptionWarning]: "true",
          [NODE_ANNOTATION.terminationTime]: new Date(deadline).toISOString(),
          [NODE_ANNOTATION.drillReplace]: mark(options.replace),
          [NODE_ANNOTATION.drillUnmanaged]: mark(options.unmanaged),
          [NODE_ANNOTATION.drillAutoUncordon]: null,
        },
      };
    },
    { clock, random, signal },
  );
}
