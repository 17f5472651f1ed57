// One run as a message between threads: a scenario, and who decides by a name that any thread can look up, since functions
// cannot be sent. Playing it is here too, so that a thread and the caller itself do the same.

import type { Millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createForecastFeed } from "../forecast/feed.ts";
import { decideSizer } from "./engine/decide-sizer.ts";
import { play } from "./engine/play.ts";
import type { Run } from "./run.ts";
import type { Scenario } from "./scenario.ts";
import type { MakeSizer } from "./sizer.ts";

export type SizerRef =
  /** The shipped decision. */
  | { readonly kind: "ours"; readonly beatMs?: Millis }
  /** `name` is an exported function of the module; it is given `args` and returns a MakeSizer. */
  | { readonly kind: "module"; readonly url: string; readonly name: string; readonly args?: unknown };

export interface PlayTask {
  readonly scenario: Scenario;
  readonly sizer: SizerRef;
  readonly binMs?: number;
  readonly maxHappenings?: number;
}

/** What a thread says. */
export type FromPlayer =
  | { readonly kind: "progress"; readonly share: number }
  | { readonly kind: "done"; readonly run: Run }
  /** `because` has a person's words when the scenario is at fault; else it is a defect. */
  | { readonly kind: "failed"; readonly isInput: boolean; readonly because: string };

/** @throws AppError bad-input for a scenario that cannot be played; bug for a module without such a function. */
export async function playTask(task: PlayTask, onShare: (share: number) => void = () => {}): Promise<Run> {
  const make = await sizerOf(task.sizer);
  const { scenario, binMs, maxHappenings } = task;
  return play(scenario, make, {
    onProgress: ({ atMs, ofMs }) => onShare(ofMs === 0 ? 1 : atMs / ofMs),
    // It learns from what is played alone, and only for policies that want it.
    forecast: createForecastFeed(),
    ...(binMs === undefined ? {} : { binMs }),
    ...(maxHappenings === undefined ? {} : { maxHappenings }),
  });
}

export async function sizerOf(ref: SizerRef): Promise<MakeSizer> {
  if (ref.kind === "ours") return decideSizer(ref.beatMs === undefined ? {} : { beatMs: ref.beatMs });
  const found = (await import(ref.url)) as Readonly<Record<string, unknown>>;
  const make = found[ref.name];
  if (typeof make !== "function") throw new AppError("bug", `${ref.url} exports no function ${ref.name}`);
  // Who names a module answers for its type.
  return (make as (args: unknown) => MakeSizer)(ref.args);
}
