import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock, settle } from "../../../test/build/clock.ts";
import type { FakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { startFakeKubelet } from "../../../test/build/kubelet.ts";
import type { FakeKubelet, KubeletPod } from "../../../test/build/kubelet.ts";
import { LIST_DEADLINE_MS, PING_DEADLINE_MS } from "./channel.ts";
import { SILENCE_MAX_MS, watchPodResources } from "./pod-resources.ts";
import type { PodResources } from "./pod-resources.ts";

const EVERY_MS = 10_000;

function pod(name: string, devices: Readonly<Record<string, readonly string[]>>): KubeletPod {
  return { namespace: "team-a", name, containers: [{ name: "main", devices }] };
}
const TRAIN = pod("train-0", { "nvidia.com/gpu": ["GPU-0"] });
const OTHER = pod("train-1", { "nvidia.com/gpu": ["GPU-1"] });

let kubelet: FakeKubelet;
let clock: FakeClock;
let stop: AbortController;
let watched: PodResources;
let changes: number;
let sink: ReturnType<typeof createLogSink>;
/** The pods that the API server says are there, as `namespace/name`. */
let onNode: Set<string>;

function watch(socket = kubelet.socket): void {
  watched = watchPodResources({
    socket,
    clock,
    log: sink.log,
    signal: stop.signal,
    listEveryMs: millis(EVERY_MS),
    isOnNode: ({ namespace, name }) => onNode.has(`${namespace}/${name}`),
    onChange: () => {
      changes++;
    },
  });
}

beforeEach(async () => {
  kubelet = await startFakeKubelet([TRAIN]);
  clock = createFakeClock();
  stop = new AbortController();
  changes = 0;
  onNode = new Set();
  sink = createLogSink();
});
afterEach(async () => {
  stop.abort();
  await watched.ended;
  await kubelet[Symbol.asyncDispose]();
});

/** Who holds what, or why it is not known. */
function said(): readonly string[] | string {
  const state = watched.state();
  if (state.kind === "unknown") return state.why;
  return state.devices.map((held) => `${held.pod} ${held.device}`);
}
const lines = (): readonly string[] =>
  sink.lines.filter(({ level }) => level !== "debug").map(({ level, message }) => `${level}: ${message}`);
const KNOWN = "info: the kubelet says which pods hold the GPUs";
const UNKNOWN = "warn: which pods hold the GPUs is not known; readings go on without pods";

/** The wait between two lists has begun. */
const idle = async (): Promise<void> => {
  await clock.untilSleeping(EVERY_MS);
};
const answered = async (text: readonly string[] | string): Promise<void> => {
  await eventually(() => JSON.stringify(said()) === JSON.stringify(text), { describe: () => String(said()) });
};
/** The pause after the failure of that number has begun. A ping has a time limit of the same length as the first. */
async function paused(failure: number, ms: number): Promise<void> {
  await eventually(() => sink.lines.filter(({ level }) => level === "debug").length === failure);
  await clock.untilSleeping(ms);
}
/** One attempt that the kubelet takes and does not answer. */
async function stalledAttempt(lists: number): Promise<void> {
  await kubelet.listed(lists);
  await clock.advance(LIST_DEADLINE_MS);
}

describe("watchPodResources()", () => {
  test("knows nothing before the first answer, then what the kubelet says, and how old it is", async () => {
    watch();
    expect(said()).toBe("the kubelet has not been asked yet");
    await idle();
    expect(watched.state()).toMatchObject({ kind: "known", at: clock.now() });
    expect(said()).toEqual(["train-0 GPU-0"]);
    expect(lines()).toEqual([KNOWN]);
  });

  test("asks each 10 s and calls only when somebody else holds something", async () => {
    watch();
    await idle();
    expect(changes).toBe(1);
    // The order of the answer says nothing, and neither do devices that are no GPUs.
    kubelet.answer({ kind: "pods", pods: [OTHER, TRAIN] });
    await clock.advance(EVERY_MS);
    await answered(["train-0 GPU-0", "train-1 GPU-1"]);
    expect(changes).toBe(2);
    kubelet.answer({ kind: "pods", pods: [TRAIN, pod("net", { "rdma/hca": ["mlx5_0"] }), OTHER] });
    await idle();
    await clock.advance(EVERY_MS);
    await kubelet.listed(3);
    await idle();
    expect(said()).toEqual(["train-0 GPU-0", "train-1 GPU-1"]);
    expect(changes).toBe(2);
    // A pod goes, and what it held goes with it.
    kubelet.answer({ kind: "pods", pods: [OTHER] });
    await clock.advance(EVERY_MS);
    await answered(["train-1 GPU-1"]);
    expect(changes).toBe(3);
    expect(lines()).toEqual([KNOWN]);
  });

  test("asks soon when it is told that pods have changed, and at most once a second", async () => {
    watch();
    await idle();
    for (let second = 1; second <= 3; second++) {
      for (let news = 0; news < 50; news++) watched.refresh();
      await clock.advance(1_000);
      await kubelet.listed(1 + second);
      // No call is under way any more, so it waits for the next one.
      const calls = (): number => clock.sleeping(PING_DEADLINE_MS) + clock.sleeping(LIST_DEADLINE_MS);
      await eventually(() => clock.sleeping() === 1 && calls() === 0);
    }
    expect(kubelet.lists).toBe(4);
  });

  test("keeps the last list through a stall of 10 s, with its age", async () => {
    watch();
    await idle();
    const heardAt = clock.now();
    kubelet.answer({ kind: "stall" });
    await clock.advance(EVERY_MS);
    await stalledAttempt(2);
    await paused(1, 1_000);
    await clock.advance(1_000);
    await kubelet.listed(3);
    await clock.advance(4_000);
    // 10 s of silence so far.
    expect(said()).toEqual(["train-0 GPU-0"]);
    expect(watched.state()).toMatchObject({ at: heardAt });
    kubelet.answer({ kind: "pods", pods: [TRAIN, OTHER] });
    await clock.advance(1_000);
    await paused(2, 2_000);
    await clock.advance(2_000);
    await answered(["train-0 GPU-0", "train-1 GPU-1"]);
    expect(lines()).toEqual([KNOWN]);
  });

  test("knows nothing after three attempts, says it once, and says when it is back", async () => {
    watch();
    await idle();
    kubelet.answer({ kind: "stall" });
    await clock.advance(EVERY_MS);
    const pauses = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
    for (const [attempt, ms] of pauses.entries()) {
      await stalledAttempt(2 + attempt);
      await paused(1 + attempt, ms);
      expect(watched.state().kind).toBe(attempt < 2 ? "known" : "unknown");
      await clock.advance(ms);
    }
    expect(said()).toBe("the kubelet has not answered within 5 s");
    expect(changes).toBe(2);
    expect(lines()).toEqual([KNOWN, UNKNOWN]);
    await stalledAttempt(2 + pauses.length);
    await paused(1 + pauses.length, 30_000);
    kubelet.answer({ kind: "pods", pods: [TRAIN] });
    await clock.advance(30_000);
    await answered(["train-0 GPU-0"]);
    expect(changes).toBe(3);
    expect(lines()).toEqual([KNOWN, UNKNOWN, KNOWN]);
  });

  test("goes on after the kubelet has started anew, without a word", async () => {
    watch();
    await idle();
    await kubelet.stop();
    await clock.advance(EVERY_MS);
    await paused(1, EVERY_MS);
    await kubelet.start();
    kubelet.answer({ kind: "pods", pods: [OTHER] });
    expect(said()).toEqual(["train-0 GPU-0"]);
    await clock.advance(EVERY_MS);
    await answered(["train-1 GPU-1"]);
    expect(lines()).toEqual([KNOWN]);
  });

  describe("of a kubelet that lists no pod that is on the node", () => {
    const started = async (): Promise<void> => {
      onNode.add("team-a/train-0");
      watch();
      await idle();
      kubelet.answer({ kind: "pods", pods: [] });
      await clock.advance(EVERY_MS);
      await kubelet.listed(2);
      await clock.untilSleeping(2_000);
      // Just begun, it has not heard of its pods yet.
      expect(said()).toEqual(["train-0 GPU-0"]);
      expect(changes).toBe(1);
    };

    test("keeps what it knew, with its age, until the pods are listed again", async () => {
      await started();
      expect(watched.state()).toMatchObject({ kind: "known", at: clock.now() - EVERY_MS });
      kubelet.answer({ kind: "pods", pods: [OTHER, TRAIN] });
      await clock.advance(2_000);
      await answered(["train-0 GPU-0", "train-1 GPU-1"]);
      expect(changes).toBe(2);
      // Another doubt begins anew. The rhythm of 10 s is that of before the first.
      await clock.untilSleeping(EVERY_MS - 2_000);
      kubelet.answer({ kind: "pods", pods: [OTHER] });
      await clock.advance(EVERY_MS - 2_000);
      await clock.untilSleeping(2_000);
      expect(said()).toEqual(["train-0 GPU-0", "train-1 GPU-1"]);
    });

    test("believes it when it says so for 10 s", async () => {
      await started();
      for (let again = 3; again <= 7; again++) {
        expect(said()).toEqual(["train-0 GPU-0"]);
        await clock.untilSleeping(2_000);
        await clock.advance(2_000);
        await kubelet.listed(again);
      }
      await answered([]);
      expect(changes).toBe(2);
      await idle();
    });

    test("believes it at once when the API server knows nothing of the pod any more", async () => {
      await started();
      onNode.clear();
      await clock.advance(2_000);
      await answered([]);
      expect(changes).toBe(2);
    });
  });

  test("asks less often while the kubelet says that it is too much, and forgets the list after 30 s of it", async () => {
    watch();
    await idle();
    kubelet.answer({ kind: "status", code: 8, message: "rejected by rate limit" });
    await clock.advance(EVERY_MS);
    await paused(1, 20_000);
    watched.refresh();
    await clock.advance(20_000);
    await kubelet.listed(3);
    // The next pause is 40 s; the list counts for the 10 s that are left of its 30.
    await paused(2, SILENCE_MAX_MS - 20_000);
    await clock.advance(9_999);
    expect(said()).toEqual(["train-0 GPU-0"]);
    await clock.advance(1);
    expect(said()).toContain("rejected by rate limit");
    expect(lines()).toEqual([KNOWN, UNKNOWN]);
    await clock.untilSleeping(30_000);
    await clock.advance(30_000);
    await paused(3, 60_000);
    expect(kubelet.lists).toBe(4);
  });

  test("reads no answer into one that cannot be read", async () => {
    watch();
    await idle();
    kubelet.answer({ kind: "body", body: Uint8Array.of(0, 0, 0, 0, 2, 0x0a, 0x05) });
    await clock.advance(EVERY_MS);
    await paused(1, 1_000);
    expect(said()).toEqual(["train-0 GPU-0"]);
    await clock.advance(1_000);
    await paused(2, 2_000);
    await clock.advance(2_000);
    await eventually(() => watched.state().kind === "unknown");
    expect(said()).toContain("not a protobuf message at byte 1");
  });

  test("looks each 10 s for a socket that is not there, and says so once", async () => {
    await kubelet.stop();
    watch();
    for (let look = 0; look < 4; look++) {
      await paused(1 + look, EVERY_MS);
      expect(said()).toContain(`there is no kubelet socket at ${kubelet.socket}`);
      await clock.advance(EVERY_MS);
    }
    expect(changes).toBe(1);
    expect(lines()).toEqual([UNKNOWN]);
    await paused(5, EVERY_MS);
    await kubelet.start();
    await clock.advance(EVERY_MS);
    await answered(["train-0 GPU-0"]);
    expect(changes).toBe(2);
    expect(lines()).toEqual([UNKNOWN, KNOWN]);
  });

  test("ends with the signal, in the middle of a call and before the first", async () => {
    kubelet.answer({ kind: "stall" });
    watch();
    await kubelet.listed(1);
    stop.abort();
    await watched.ended;
    expect(clock.sleeping()).toBe(0);
    await settle();
    watch();
    await watched.ended;
    expect(kubelet.lists).toBe(1);
    expect(lines()).toEqual([]);
  });
});
