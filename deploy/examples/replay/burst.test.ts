// The load test of a hundred requests at once, as a stranger plays it: the service grows by steps to ten, stands idle, waits
// five minutes and goes back step by step, and nodes follow.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { readCommand } from "../../../coordinator/ctl/arguments.ts";
import { replayWord } from "../../../coordinator/ctl/replay/word.ts";
import type { Run } from "../../../coordinator/replay/run.ts";
import { epochMs } from "../../../shared/model/units.ts";

const MINUTE_MS = 60_000;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "burst-"));
});
afterAll(async () => await rm(folder, { recursive: true }));

test("grows by steps to ten, waits five minutes, and goes back step by step", async () => {
  const json = join(folder, "burst.json");
  const scenario = new URL("burst.yaml", import.meta.url).pathname;
  const command = readCommand(["replay", "--scenario", scenario, "--workers", "0", "--json", json]);
  if (command.word !== "replay") throw new Error("no replay was read");
  await replayWord(command.replay, {
    workerUrl: new URL("none.ts", import.meta.url),
    processors: 1,
    clock: { now: () => epochMs(0) },
    say: () => {},
    isTerminal: false,
  });
  const data = JSON.parse(await readFile(json, "utf8")) as {
    readonly policies: readonly { readonly runs: readonly Run[] }[];
  };
  const run = data.policies[0]?.runs[0];
  if (run === undefined) throw new Error("nothing was played");
  const moves = run.happenings.flatMap((one) => ("to" in one ? [one] : []));
  const grown = moves.filter(({ kind }) => kind === "grow");
  expect(grown.map(({ to }) => to)).toEqual([2, 4, 6, 8, 10]);
  const shrunk = moves.filter(({ kind }) => kind === "shrink");
  expect(shrunk.map(({ to }) => to)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  // The requests end three minutes after the start; nothing goes for five minutes more.
  expect(shrunk[0]?.atMs).toBeGreaterThanOrEqual(8 * MINUTE_MS);
  const used = run.timeline.map(({ gpusAllocated }) => Math.round(gpusAllocated));
  expect(Math.max(...used)).toBe(10);
  expect(used[0]).toBe(1);
  expect(used.at(-1)).toBe(1);
  const top = used.indexOf(10);
  // Up to the top and then down, without a wave in between.
  expect(used.slice(0, top)).toEqual(used.slice(0, top).toSorted((a, b) => a - b));
  expect(used.slice(top)).toEqual(used.slice(top).toSorted((a, b) => b - a));
});
