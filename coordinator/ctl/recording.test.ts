// What is made of a recording says what it lacks: a month with a hole in it shall not pass for a whole one.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { NOW, SECOND } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { createFolder } from "../record/folder.ts";
import { linePieces } from "../record/line.ts";
import type { Decided, Head } from "../record/line.ts";
import { replayRecording } from "./recording.ts";

const NOTHING = { policies: [], asJobs: undefined, anonymise: undefined, json: false };
const HEAD: Head = {
  format: "gpu-autoscaler-recording",
  v: 1,
  build: { version: "1", revision: "r" },
  session: "s1",
  names: null,
};

let dir = "";
let recording = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "recording-"));
  recording = join(dir, "recorded");
  const folder = createFolder(recording, { maxBytes: bytes(1e9), maxAgeMs: millis(1e12) });
  let before: Decided | null = null;
  for (let index = 0; index < 4; index++) {
    const at = epochMs(NOW + index * 10 * SECOND);
    const job = { ...pod("job", { gpus: 1, node: "n1", owner: { uid: "j", kind: "Job" } }), uid: "job" };
    const seen = {
      ...snapshot({
        policies: [policy({ pools: [pool("spot", { gpus: 8, maxSize: 5 })] })],
        nodes: [node("n1", { pool: "spot", gpus: 8 })],
        pods: [pod("served", { gpus: 1, node: "n1" }), ...(index < 2 ? [job] : [])],
      }),
      at,
    };
    const { file, isNew } = await folder.fileFor(at, HEAD);
    const decided: Decided = { snapshot: seen, plan: decide(seen).plan };
    await file.write(linePieces(isNew ? null : before, decided, index < 3 ? index : index + 2));
    before = decided;
  }
  await folder.close();
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

test("work on stdout says which of it is not there", async () => {
  const jobs = await replayRecording({ ...NOTHING, recording: [recording], asJobs: "-" });
  expect(jobs.text).toMatch(/^# 1 services are no jobs and not in here/m);
  const file = join(dir, "jobs.csv");
  const { text } = await replayRecording({ ...NOTHING, recording: [recording], asJobs: file });
  expect(text).toMatch(/1 services in .*jobs\.services\.csv/);
  expect(await readFile(file, "utf8")).not.toMatch(/services are no jobs/);
});

test("work and copies of a recording that has a hole say so", async () => {
  const hole = /2 decisions more were not recorded/;
  const file = join(dir, "jobs.csv");
  const work = await replayRecording({ ...NOTHING, recording: [recording], asJobs: file });
  expect(work.text).toMatch(hole);
  expect(await readFile(file, "utf8")).toMatch(hole);
  const copy = await replayRecording({ ...NOTHING, recording: [recording], anonymise: join(dir, "copy") });
  expect(copy.text).toMatch(hole);
});
