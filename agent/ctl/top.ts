// `agent top`: the tables of GPUs and their instances with each cycle, and the last events, until the person has seen
// enough. It compares nothing; for means and maxima there are metrics.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import type { GpuCycle, GpuEvent } from "../../shared/model/gpu.ts";
import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { table } from "../../shared/runtime/table.ts";
import { nodeDetailOf } from "../assess/detail.ts";
import { sourceDetail } from "../assess/idle.ts";
import { NOTHING_KNOWN, NOTHING_SEEN, seenAfter, viewOf } from "../assess/view.ts";
import type { Seen } from "../assess/view.ts";
import { createHistory } from "../assess/window.ts";
import { gpuTable, instanceRows } from "./gpu-table.ts";
import type { StartSampler } from "./look.ts";

const NO_HISTORY = createHistory(millis(60_000));
const STOP_WITHIN_MS = millis(1_500);
/** Cursor home, and clear from there on: less flicker than to clear everything first. */
const HOME = "\u001B[H\u001B[J";
/** A burst of XIDs must not push the GPUs off the screen. */
const EVENTS_SHOWN = 8;

/** Text of one cycle, and the GPUs that were seen until then. */
export function topText(
  node: string,
  before: Seen,
  cycle: GpuCycle,
): { readonly text: string; readonly seen: Seen } {
  const seen = seenAfter(before, cycle);
  const gpus = detailOf(node, seen, cycle).gpus;
  const head = `${node}  ${new Date(cycle.at).toISOString()}  ${cycle.source.state}, ${sourceDetail(cycle.source)}`;
  const instances = instanceRows(gpus);
  const text = [
    ...(gpus.length === 0 ? [head] : [`${head}\n${gpuTable(gpus)}`]),
    ...(instances.length === 0 ? [] : [table(instances)]),
  ].join("\n\n");
  return { text, seen };
}

function eventRow({ gpus }: Seen, event: GpuEvent): readonly string[] {
  const { at, gpu, busId, teller, what } = event;
  const index = gpus.find(({ uuid }) => uuid === gpu)?.index;
  const place = index === undefined ? (gpu ?? busId ?? "node") : `GPU ${index}`;
  const number = what.kind === "xid" ? ` ${what.xid}` : what.kind === "sxid" ? ` ${what.sxid}` : "";
  return [
    new Date(at).toISOString(),
    place,
    `${what.kind}${number}, said by the ${teller.replace("-", " ")}`,
  ];
}

function detailOf(node: string, seen: Seen, { at, samples }: GpuCycle): NodeDetail {
  return nodeDetailOf({ node, at, view: viewOf(seen, NOTHING_KNOWN, NO_HISTORY, millis(0)), samples });
}

/** Writes until the signal. Resolves with "hung" when a driver call keeps this process from ending. */
export async function top(options: {
  readonly node: string;
  readonly start: StartSampler;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly write: (text: string) => void;
}): Promise<"stopped" | "hung"> {
  const { node, write, clock, signal } = options;
  let seen = NOTHING_SEEN;
  let tables = "";
  let events: readonly (readonly string[])[] = [];
  const show = (): void => {
    write(`${HOME}${tables}\n${events.length === 0 ? "" : `\nEVENTS\n${table(events)}\n`}`);
  };
  const sampler = options.start({
    onCycle: (cycle) => {
      const next = topText(node, seen, cycle);
      ({ seen, text: tables } = next);
      show();
    },
    onSource: (source) => {
      if (source.state !== "hung") return;
      tables = topText(node, seen, { at: clock.now(), source, samples: [] }).text;
      show();
    },
    onEvent: (event) => {
      events = [...events, eventRow(seen, event)].slice(-EVENTS_SHOWN);
      show();
    },
  });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        "abort",
        () => {
          resolve();
        },
        { once: true },
      );
  });
  return await sampler.stop(STOP_WITHIN_MS);
}
