// What act's steps need around them, for tests: a step that calls the Kubernetes API without a client of the test fails. Time
// stands still, nothing of a leader before is on its way, and a test overrides what it is about.

import type { ActContext } from "../../coordinator/act/context.ts";
import { launchFailureOf } from "../../coordinator/cloud/group.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "./clock.ts";

const unexpected = async (): Promise<never> => {
  throw new AppError("bug", "this step needs no Kubernetes call of its own");
};

export function anActContext(overrides: Partial<ActContext> = {}): ActContext {
  return {
    client: { get: unexpected, list: unexpected, mergePatch: unexpected, evict: unexpected },
    clock: createFakeClock(),
    random: () => 0.5,
    log: createLogSink().log,
    groupOf: () => null,
    drainTimeoutMs: millis(1_000),
    maybeMs: millis(0),
    inheritedMs: () => millis(0),
    launchFailureOf,
    quietMs: () => millis(0),
    call: () => ({ signal: new AbortController().signal, deadlineMs: millis(1_000) }),
    ...overrides,
  };
}
