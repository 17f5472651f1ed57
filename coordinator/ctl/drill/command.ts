// `gpuasctl drill`: one of its four ways (ask for one, follow one, end one, look ahead), with what it has to say printed as
// lines or as JSON, and the exit code. What it does is done in the files beside it.

import type { Random } from "../../../shared/model/random.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { KubeClient, Watcher } from "../../../shared/runtime/kube/client.ts";
import type { Command } from "../arguments.ts";
import { cancelDrill } from "./cancel.ts";
import type { Cancelled } from "./cancel.ts";
import { dryRunText } from "./dry-run-text.ts";
import { dryRun } from "./dry-run.ts";
import type { DrillEvent } from "./events.ts";
import type { FollowEnd } from "./follow.ts";
import { DEFAULT_LEAD, startDrill } from "./start.ts";
import { eventText } from "./words.ts";

export type DrillCommand = Extract<Command, { readonly word: "drill" }>;

export interface DrillContext {
  readonly client: Watcher & Pick<KubeClient, "get" | "list" | "mergePatch" | "evict">;
  /** One line, or a few. */
  readonly print: (text: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

const DONE = 0;
/** It ended in another way than an empty node. */
const NOT_DRAINED = 1;
/** As a shell says of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** The exit code. @throws AppError that says what is wrong and what to do. */
export async function drill(command: DrillCommand, context: DrillContext): Promise<number> {
  const { client, clock, signal, print } = context;
  const { node, json } = command;
  switch (command.way) {
    case "dry-run": {
      const leadMs = command.leadMs ?? DEFAULT_LEAD;
      const run = await dryRun({ client, node, leadMs, unmanaged: command.unmanaged, clock, signal });
      print(json ? JSON.stringify(run, null, 2) : dryRunText(run));
      return DONE;
    }
    case "cancel": {
      const cancelled = await cancelDrill({ client, node, clock, signal });
      print(json ? JSON.stringify(cancelled, null, 2) : cancelledText(cancelled));
      return DONE;
    }
    case "start":
    case "follow":
      return await hold(command, context);
  }
}

async function hold(
  command: DrillCommand,
  { client, clock, random, signal, print }: DrillContext,
): Promise<number> {
  const { node, json, leadMs, replace, unmanaged } = command;
  const follow = command.way === "follow";
  const told: DrillEvent[] = [];
  let since: number | null = null;
  const tell = (event: DrillEvent): void => {
    told.push(event);
    if (event.kind === "asked-for" || event.kind === "joined") since = clock.monotonic();
    const afterSeconds = since === null ? 0 : (clock.monotonic() - since) / 1000;
    if (!json) print(eventText(event, afterSeconds));
    else if (follow)
      print(
        JSON.stringify({
          at: new Date(clock.now()).toISOString(),
          afterSeconds: Math.round(afterSeconds * 1000) / 1000,
          ...event,
        }),
      );
  };
  const end = await startDrill({
    client,
    node,
    leadMs,
    follow,
    replace,
    unmanaged,
    tell,
    clock,
    random,
    signal,
  });
  const code = codeOf(end, node, tell, since !== null);
  if (json && !follow) print(JSON.stringify(resultOf(told), null, 2));
  if (!json && end.kind === "held")
    print(
      `It goes on by itself: gpuasctl drill ${node} --follow looks on, gpuasctl drill ${node} --cancel ends it`,
    );
  return code;
}

/** @throws AppError when its agent refused it or never spoke. */
function codeOf(end: FollowEnd, node: string, tell: (event: DrillEvent) => void, asked: boolean): number {
  switch (end.kind) {
    case "held":
      return DONE;
    case "done":
      return end.report.phase === "drained" ? DONE : NOT_DRAINED;
    case "refused":
      throw new AppError("refused", `the agent of node ${node} refuses the drill: ${end.why}`);
    case "silent":
      throw new AppError(
        "timeout",
        `${end.detail}; the drill is still asked for: gpuasctl drill ${node} --cancel takes that back`,
      );
    case "called-off":
      tell({
        kind: "ended",
        how: end.kind,
        detail: `The drill of node ${node} was called off, and its agent has taken its marks back`,
      });
      return NOT_DRAINED;
    case "overtaken":
      tell({
        kind: "ended",
        how: end.kind,
        detail: `Node ${node} is under a notice of ${end.source} now: what goes on there is no drill any more`,
      });
      return NOT_DRAINED;
    case "node-gone":
      tell({ kind: "ended", how: end.kind, detail: `Node ${node} is gone, and its drill with it` });
      return NOT_DRAINED;
    case "interrupted":
      tell({
        kind: "ended",
        how: end.kind,
        detail: asked
          ? `The drill of node ${node} goes on: gpuasctl drill ${node} --follow looks on again, gpuasctl drill ${node} --cancel ends it`
          : `No drill of node ${node} was asked for`,
      });
      return INTERRUPTED;
  }
}

/** One object out of all that was told; what was not told is null. */
function resultOf(told: readonly DrillEvent[]): Readonly<Record<string, unknown>> {
  const first = <K extends DrillEvent["kind"]>(kind: K) =>
    told.find((event): event is Extract<DrillEvent, { readonly kind: K }> => event.kind === kind) ?? null;
  const asked = first("asked-for");
  const plan = first("plan");
  return {
    node: asked?.node ?? null,
    deadline: first("held")?.deadline ?? asked?.deadline ?? null,
    id: first("held")?.id ?? null,
    pods: plan?.pods ?? null,
    leaving: plan?.leaving ?? null,
    kept: plan?.kept ?? null,
    report: first("report")?.report ?? null,
    ended: first("ended")?.how ?? null,
    warnings: told.flatMap((event) => (event.kind === "warning" ? [event.detail] : [])),
  };
}

function cancelledText({ node, stood, cordoned }: Cancelled): string {
  if (!stood) return `No drill of node ${node} stands, and none of its marks; nothing is changed`;
  const after = cordoned ? "it stays cordoned, as it was before" : "it takes pods again";
  return `The drill of node ${node} is ended, and its marks are gone: ${after}`;
}
