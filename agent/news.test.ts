import { describe, expect, test } from "vitest";

import type { PlannedPod } from "../shared/model/drain-plan.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import { createLogSink } from "../shared/runtime/log.ts";
import { createMetrics } from "../shared/runtime/metrics.ts";
import { settle } from "../test/build/clock.ts";
import { createNews } from "./news.ts";
import { AGENT_METRICS } from "./publish/metrics/own.ts";

function pod(index: number): PlannedPod {
  return {
    key: `team/pod-${index}`,
    namespace: "team",
    name: `pod-${index}`,
    uid: `uid-${index}`,
    class: "medium",
    unknownPriority: "hihg",
    ownGraceMs: millis(30_000),
    extend: true,
    end: epochMs(1),
    latestStart: epochMs(1),
    state: "stays",
    forceAt: null,
    keepMode: false,
    hook: null,
    hookBy: epochMs(1),
    kept: null,
  };
}

/** An API server that takes an event when it is told to. */
function setUp() {
  const begun: string[] = [];
  const answers: PromiseWithResolvers<void>[] = [];
  const sink = createLogSink();
  const news = createNews({
    node: "gpu-1",
    nodeUid: () => "uid-node",
    publisher: { notice: () => undefined, drain: () => undefined },
    record: async ({ subject }) => {
      begun.push(subject.name);
      const answer = Promise.withResolvers<void>();
      answers.push(answer);
      await answer.promise;
    },
    metrics: createMetrics(AGENT_METRICS),
    log: sink.log,
    about: () => ({ machine: null, gpus: 8 }),
    onPhase: () => undefined,
    signal: new AbortController().signal,
  });
  return { news, begun, answers, lines: sink.lines };
}

describe("createNews()", () => {
  test("a crowd of events goes out one at a time, so that evictions find a way past it", async () => {
    const { news, begun, answers } = setUp();
    for (let i = 0; i < 200; i++) news.unknownPriority(pod(i));
    await settle();
    expect(begun).toEqual(["pod-0"]);
    answers[0]?.resolve();
    await settle();
    expect(begun).toEqual(["pod-0", "pod-1"]);
    answers[1]?.reject(new Error("refused"));
    await settle();
    expect(begun).toEqual(["pod-0", "pod-1", "pod-2"]);
  });

  test("events that an absent API server does not take do not pile up without end", async () => {
    const { news, begun, lines } = setUp();
    for (let i = 0; i < 1_000; i++) news.unknownPriority(pod(i));
    await settle();
    expect(begun).toHaveLength(1);
    expect(lines.filter((line) => line.message.includes("too many wait"))).toHaveLength(700);
  });
});
