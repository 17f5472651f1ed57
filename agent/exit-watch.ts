// Looks every few seconds whether this container is past healing, by the verdict of assess/exit.ts, and says so once.
// Who ends the agent, and how, is its caller's business; a look that fails is no reason to leave.

import type { GpuSource } from "../shared/model/gpu.ts";
import { millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { exitVerdict, followExit, startExitWatch } from "./assess/exit.ts";
import type { DeviceNodesState, ExitVerdict } from "./assess/exit.ts";

const LOOK_EVERY_MS = millis(5_000);

/** Resolves with the verdict when it is time to leave, or with null after the signal. Never rejects. */
export async function untilPastHealing(options: {
  readonly source: () => GpuSource;
  readonly nodes: () => Promise<DeviceNodesState>;
  readonly busy: () => { readonly drain: boolean; readonly notice: boolean };
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): Promise<Extract<ExitVerdict, { kind: "leave" }> | null> {
  const { clock, signal } = options;
  let watch = startExitWatch(clock.monotonic());
  while (!signal.aborted) {
    // The files first: what they say must not be older than what the source says. While all is well they are looked at
    // only until they have been seen once.
    const isWell = options.source().state === "ready" && watch.hadNodes;
    const nodes = isWell ? null : await options.nodes().catch(() => null);
    const facts = { source: options.source(), nodes, now: clock.monotonic() };
    watch = followExit(watch, facts);
    const verdict = exitVerdict(watch, facts, options.busy());
    if (verdict.kind === "leave") return verdict;
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {});
  }
  return null;
}
