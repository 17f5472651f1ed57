// Replays on worker threads. Apart from the unit tests, since those share a process in which the agent's sampler has made the
// heaps of threads small.

import { expect, test } from "vitest";

import { playMany } from "../../coordinator/replay/many.ts";
import type { PlayTask } from "../../coordinator/replay/task.ts";
import { millis } from "../../shared/model/units.ts";
import { aJob, aPool, aPrice, aScenario, HOUR_MS, MINUTE_MS } from "../build/scenario.ts";

const workerUrl = new URL("../../coordinator/replay/worker.ts", import.meta.url);

function task(seed: number): PlayTask {
  return {
    scenario: aScenario({
      seed,
      lengthMs: millis(HOUR_MS),
      drainMs: millis(HOUR_MS),
      pools: [aPool("on-demand", "us-east-1a")],
      prices: [aPrice("on-demand", "us-east-1a", 3.6)],
      work: { jobs: [aJob("a", seed * MINUTE_MS, 10 * MINUTE_MS)], services: [] },
    }),
    sizer: { kind: "ours" },
  };
}

test("threads give what the caller's own thread gives, in the tasks' order, and say how far they are", async () => {
  const tasks = [3, 1, 2].map(task);
  const shares: number[] = [];
  const alone = await playMany(tasks, { workers: 0, workerUrl });
  const runs = await playMany(tasks, {
    workers: 2,
    workerUrl,
    onProgress: ({ share }) => shares.push(share),
  });
  expect(runs).toEqual(alone);
  expect(runs.map(({ seed }) => seed)).toEqual([3, 1, 2]);
  expect(shares.at(-1)).toBe(1);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
});

test("a scenario that cannot be played is its reader's error, from a thread as well", async () => {
  const { scenario } = task(1);
  const broken = {
    scenario: { ...scenario, lengthMs: -1 as typeof scenario.lengthMs },
    sizer: { kind: "ours" as const },
  };
  await expect(playMany([broken], { workers: 1, workerUrl })).rejects.toMatchObject({
    kind: "bad-input",
    message: expect.stringMatching(/lengthMs/) as string,
  });
});

test("a module gives other sizers, and one without such a function is named", async () => {
  const url = new URL("../../coordinator/replay/engine/decide-sizer.ts", import.meta.url).href;
  const given: PlayTask = { ...task(1), sizer: { kind: "module", url, name: "decideSizer", args: {} } };
  expect((await playMany([given], { workers: 0, workerUrl }))[0]?.sizer).toBe("ours");
  const none: PlayTask = { ...task(1), sizer: { kind: "module", url, name: "nobody" } };
  await expect(playMany([none], { workers: 0, workerUrl })).rejects.toThrow(
    /decide-sizer\.ts exports no function nobody/,
  );
});

test("an aborted replay ends with its reason", async () => {
  const stop = new AbortController();
  const playing = playMany([task(1), task(2)], {
    workers: 1,
    workerUrl,
    signal: stop.signal,
    onProgress: () => stop.abort(new Error("interrupted")),
  });
  await expect(playing).rejects.toThrow(/interrupted/);
});
