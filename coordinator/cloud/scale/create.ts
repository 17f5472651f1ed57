// The group behind a `scale` target of a policy: the one that knows the target's kind, else one that only reads and
// raises its number. A call may take several requests; here they get what is left of its time together.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { CallOptions, NodeGroup } from "../group.ts";
import { scaleKindOf } from "./kinds.ts";
import { createMachineDeployment } from "./machine-deployment.ts";
import { createMachinePool } from "./machine-pool.ts";
import { createNodePool } from "./node-pool.ts";
import { createPlainGroup } from "./scaled.ts";
import type { ScaleGroupOptions } from "./scaled.ts";

export function createScaleGroup(options: ScaleGroupOptions): NodeGroup {
  const group = groupOf(options);
  const timed = (call: CallOptions): CallOptions => counting(call, options.clock);
  return {
    backEnd: group.backEnd,
    chosenRemoval: group.chosenRemoval,
    conditional: group.conditional,
    read: async (call) => await group.read(timed(call)),
    resize: async (to, seen, call) => await group.resize(to, seen, timed(call)),
    removeInstance: async (id, seen, call) => await group.removeInstance(id, seen, timed(call)),
    releaseInstance: async (id, seen, call) => await group.releaseInstance(id, seen, timed(call)),
    cancelUnfilled: async (count, seen, call) => await group.cancelUnfilled(count, seen, timed(call)),
    keepInstance: async (id, call) => await group.keepInstance(id, timed(call)),
    contains: async (id, call) => await group.contains(id, timed(call)),
    ...(group.releaseLeaving === undefined
      ? {}
      : {
          releaseLeaving: async (id, seen, call) =>
            (await group.releaseLeaving?.(id, seen, timed(call))) ?? false,
        }),
    ...(group.capAt === undefined
      ? {}
      : { capAt: async (cap, call) => (await group.capAt?.(cap, timed(call))) ?? [] }),
  };
}

/** Limits whose deadline is what is left each time that it is read. */
function counting({ signal, deadlineMs }: CallOptions, clock: Clock): CallOptions {
  const endsAt = clock.monotonic() + deadlineMs;
  return {
    signal,
    get deadlineMs() {
      const left = endsAt - clock.monotonic();
      // What was sent before may be done or not, and what was to follow was not sent.
      if (left <= 0)
        throw new AppError("timeout", `the call did not end within ${Math.round(deadlineMs)} ms`);
      return millis(left);
    },
  };
}

function groupOf(options: ScaleGroupOptions): NodeGroup {
  const kind = scaleKindOf(options.target);
  switch (kind) {
    case "machine-deployment":
      return createMachineDeployment(options);
    case "machine-pool":
      return createMachinePool(options);
    case "node-pool":
      return createNodePool(options);
    case "other":
      return createPlainGroup(options);
    default:
      return kind satisfies never;
  }
}
