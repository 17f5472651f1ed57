import { describe, expect, test } from "vitest";

import type { DrainRequest } from "../../shared/contract/node-marks.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { Idleness } from "../assess/idle.ts";
import type { DrainOrder, StateToWrite } from "./order.ts";
import { answerRequest } from "./request.ts";

const NOW = epochMs(1_000_000);
const request: DrainRequest = {
  v: 1,
  id: "shrink-1",
  deadline: NOW + 600_000,
  reason: "idle",
  idleBelow: 0.05,
};
const reading = { gpu: "GPU-1", p95: 0.02, threshold: 0.05, detail: "quiet" };

function ask(options: {
  readonly idle?: Idleness["kind"];
  readonly state?: StateToWrite | null;
  readonly request?: DrainRequest;
}) {
  const did: string[] = [];
  let asked = 0;
  const answer = answerRequest(options.request ?? request, {
    drainer: {
      state: options.state ?? null,
      follow: (order: DrainOrder) => did.push(`follow ${order.id} by ${order.source}`),
      refuse: (order, why) => did.push(`refuse ${order.id}: ${why.detail}`),
    },
    idleness: (threshold) => {
      asked++;
      return { kind: options.idle ?? "idle", reading: { ...reading, threshold } };
    },
    now: NOW,
  });
  return { answer, did, asked };
}

function state(phase: StateToWrite["phase"], id = "shrink-1"): StateToWrite {
  return {
    v: 1,
    id,
    cause: "request",
    source: "coordinator",
    phase,
    seenAt: NOW,
    deadline: NOW + 600_000,
    replace: false,
  };
}

describe("answerRequest()", () => {
  test("an idle node is drained", () => {
    expect(ask({})).toEqual({ answer: "accepted", did: ["follow shrink-1 by coordinator"], asked: 1 });
  });

  test("a node that is not idle refuses with the reading", () => {
    expect(ask({ idle: "not-idle" })).toMatchObject({ answer: "refused", did: ["refuse shrink-1: quiet"] });
  });

  test("a request whose deadline has passed is refused without a look at the GPUs", () => {
    const late = ask({ request: { ...request, deadline: NOW - 5_000 } });
    expect(late).toMatchObject({ answer: "refused", asked: 0 });
    expect(late.did[0]).toContain("passed 5 s before");
  });

  test("a request is answered once", () => {
    expect(ask({ state: state("refused") })).toEqual({ answer: "answered-before", did: [], asked: 0 });
  });

  test("an accepted drain goes on after a restart without a second question", () => {
    expect(ask({ state: state("started"), idle: "not-idle" })).toMatchObject({
      answer: "answered-before",
      did: ["follow shrink-1 by coordinator"],
      asked: 0,
    });
  });

  test("another id is a new question", () => {
    expect(ask({ state: state("refused", "shrink-0") }).answer).toBe("accepted");
  });

  test("accepts a node that is to go although it is busy, without asking whether it is idle", () => {
    const { answer, asked } = ask({ idle: "not-idle", request: { ...request, evenBusy: true } });
    expect(answer).toBe("accepted");
    expect(asked).toBe(0);
  });
});
