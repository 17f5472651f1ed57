// A recording from the writer to the reader, on a real disk: rotation, bounds, a process that was killed, a disk that fails.

import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { createLogSink, createQuietLog } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { node } from "../../test/build/node.ts";
import { NOW, SECOND } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { createFolder } from "./folder.ts";
import type { Bounds, Folder } from "./folder.ts";
import type { Decided, Head } from "./line.ts";
import { newTally, readRecording } from "./read.ts";
import type { Moment } from "./read.ts";
import { createRecorder } from "./recorder.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "recording-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const HEAD: Head = {
  format: "gpu-autoscaler-recording",
  v: 1,
  build: { version: "1", revision: "r" },
  session: "s1",
  names: null,
};
const BOUNDS: Bounds = { maxBytes: bytes(64 * 1024 * 1024), maxAgeMs: millis(86_400_000) };

function decided(index: number): Decided {
  const at = epochMs(NOW + index * 10 * SECOND);
  const seen = {
    ...snapshot({
      policies: [policy({ pools: [pool("spot", { gpus: 8, maxSize: 5 })] })],
      nodes: [node("n1", { pool: "spot", gpus: 8 })],
      pods: [pod("é-1", { gpus: 8, waitedMs: 600_000 }), pod(`p${index}`, { gpus: 1, node: "n1" })],
    }),
    at,
  };
  return { snapshot: seen, plan: decide(seen).plan };
}

function recording(folder: Folder) {
  const clock = createFakeClock();
  const stopping = new AbortController();
  const figures = { written: 0, bytes: 0, dropped: { queue: 0, disk: 0 } };
  const recorder = createRecorder({
    folder,
    clock,
    log: createQuietLog(createLogSink().log, clock),
    head: () => HEAD,
    onWritten: (wrote) => {
      figures.written++;
      figures.bytes += wrote.bytes;
    },
    onDropped: (why, count) => {
      figures.dropped[why] += count;
    },
  });
  const running = recorder.run(stopping.signal);
  return {
    recorder,
    clock,
    figures,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function readAll(...paths: readonly string[]) {
  const tally = newTally();
  const moments: Moment[] = [];
  for await (const moment of readRecording(paths, tally)) moments.push(moment);
  return { moments, tally };
}

async function recordAll(decisions: readonly Decided[], bounds = BOUNDS) {
  const { recorder, figures, stop } = recording(createFolder(dir, bounds));
  for (const [index, each] of decisions.entries()) {
    recorder.take(each);
    await eventually(() => figures.written === index + 1);
  }
  await stop();
  return figures;
}

describe("a recording", () => {
  test("gives back what was decided, byte for byte", async () => {
    const decisions = Array.from({ length: 5 }, (_, index) => decided(index));
    const figures = await recordAll(decisions);
    const { moments, tally } = await readAll(dir);
    expect(moments.map(({ snapshot: seen, plan }) => JSON.stringify({ snapshot: seen, plan }))).toEqual(
      decisions.map((each) => JSON.stringify(each)),
    );
    expect(tally).toEqual({ files: 1, decisions: 5, dropped: 0, cut: 0, damaged: [] });
    const [name = ""] = await readdir(dir);
    expect((await stat(join(dir, name))).size).toBeGreaterThanOrEqual(figures.bytes);
  });

  test("can be read to its last whole line after its process was killed", async () => {
    const { recorder, figures, stop } = recording(createFolder(dir, BOUNDS));
    for (let index = 0; index < 4; index++) {
      recorder.take(decided(index));
      await eventually(() => figures.written === index + 1);
    }
    const [name = ""] = await readdir(dir);
    // As it lies on the disk while it is written: without an end.
    const open = join(dir, "recording-open.ndjson.gz");
    await eventually(async () => (await stat(join(dir, name))).size >= figures.bytes);
    await writeFile(open, await readFile(join(dir, name)));
    await stop();
    expect((await readAll(open)).tally).toMatchObject({ decisions: 4, cut: 0, damaged: [] });
    await truncate(open, (await stat(open)).size - 20);
    expect((await readAll(open)).tally).toMatchObject({ decisions: 3, cut: 1, damaged: [] });
  });

  test("begins a file each hour that is readable by itself, and stays within its size and age", async () => {
    const hours = Array.from({ length: 5 }, (_, hour) => decided(hour * 360));
    await recordAll(hours, { ...BOUNDS, maxBytes: bytes(12_000) });
    const names = (await readdir(dir)).toSorted();
    expect(names.length).toBeGreaterThan(0);
    expect(names.length).toBeLessThan(5);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(12_000);
    const { moments } = await readAll(join(dir, names.at(-1) ?? ""));
    expect(moments.map(({ at }) => at)).toEqual([hours[4]?.snapshot.at]);
  });

  test("leaves files of others alone", async () => {
    await writeFile(join(dir, "notes.txt"), "mine");
    await recordAll([decided(0), decided(400)], { maxBytes: bytes(1_000), maxAgeMs: millis(0) });
    expect(await readdir(dir)).toContain("notes.txt");
  });

  test("loses decisions and nothing else where the disk fails, and says how many", async () => {
    const file = join(dir, "file");
    await writeFile(file, "");
    const { recorder, figures, clock, stop } = recording(createFolder(join(file, "below"), BOUNDS));
    recorder.take(decided(0));
    await eventually(() => figures.dropped.disk === 1);
    // While it rests after a failure nothing is tried.
    recorder.take(decided(1));
    expect(figures.dropped).toEqual({ queue: 0, disk: 2 });
    await clock.advance(30_000);
    recorder.take(decided(2));
    await eventually(() => figures.dropped.disk === 3);
    await stop();
    expect(figures.written).toBe(0);
  });

  test("leaves no file behind in which no decision is whole", async () => {
    const { recorder, figures, clock, stop } = recording(createFolder(dir, BOUNDS));
    const { snapshot: seen, plan } = decided(0);
    const unwritable: Decided = { snapshot: seen, plan: { ...plan, figures: 1n as never } };
    recorder.take(unwritable);
    await eventually(() => figures.dropped.disk === 1);
    await eventually(async () => (await readdir(dir)).length === 0);
    await clock.advance(30_000);
    recorder.take(decided(1));
    await eventually(() => figures.written === 1);
    recorder.take(unwritable);
    await eventually(() => figures.dropped.disk === 2);
    await stop();
    expect(await readdir(dir)).toHaveLength(1);
  });

  test("drops what comes while a slow disk is behind, and the reader counts it", async () => {
    const real = createFolder(dir, BOUNDS);
    const gate = Promise.withResolvers<void>();
    let waits = true;
    const slow: Folder = {
      ...real,
      fileFor: async (at, head) => {
        if (waits) await gate.promise;
        waits = false;
        return await real.fileFor(at, head);
      },
    };
    const { recorder, figures, stop } = recording(slow);
    recorder.take(decided(0));
    await eventually(() => Promise.resolve(true));
    for (let index = 1; index <= 7; index++) recorder.take(decided(index));
    expect(figures.dropped.queue).toBeGreaterThan(0);
    const kept = 8 - figures.dropped.queue;
    gate.resolve();
    await eventually(() => figures.written === kept);
    recorder.take(decided(8));
    await eventually(() => figures.written === kept + 1);
    await stop();
    expect((await readAll(dir)).tally).toMatchObject({
      decisions: kept + 1,
      dropped: figures.dropped.queue,
    });
  });
});

describe("reading", () => {
  test.each([
    ["no folder", "nowhere", undefined, /cannot read the recording .*nowhere/],
    ["an empty folder", "", undefined, /holds no recording.*GPUAS_RECORD_DIR/],
    ["no JSON", "recording-a.ndjson", "hello\n", /its first line is no JSON/],
    [
      "another format",
      "recording-a.ndjson",
      '{"format":"x"}\n',
      /format is "x", known is "gpu-autoscaler-recording"/,
    ],
    [
      "a later version",
      "recording-a.ndjson",
      '{"format":"gpu-autoscaler-recording","v":2}\n',
      /v is 2, known is 1/,
    ],
    [
      "a line that is none",
      "recording-a.ndjson",
      `${JSON.stringify(HEAD)}\n{"n":1}\n`,
      /recording-a\.ndjson, line 2: it has no number and no instant/,
    ],
  ])("%s is refused with its name", async (_, name, text, message) => {
    const path = join(dir, name);
    if (text !== undefined) await writeFile(path, text);
    await expect(readAll(path)).rejects.toThrow(message);
  });
});
