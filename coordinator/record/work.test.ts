// The work of a recorded cluster: run times from what was seen, and every row that is not whole counted and said.

import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import { readJobs } from "../replay/inputs/jobs.ts";
import { jobsCsv, servicesCsv } from "./work-csv.ts";
import { recordedWork } from "./work.ts";

const NODES = [node("n1"), node("n2")];

/** Minute → pods that are there then. */
async function work(minutes: Readonly<Record<number, readonly PodInput[]>>, nodes = () => NODES) {
  async function* all(): AsyncGenerator<{ readonly snapshot: Snapshot }> {
    for (const [minute, pods] of Object.entries(minutes))
      yield {
        snapshot: {
          ...snapshot({ policies: [], nodes: nodes(), pods: [] }),
          at: epochMs(NOW + Number(minute) * MINUTE),
          pods,
        },
      };
  }
  return await recordedWork(all());
}

/** Made at a minute; `uid` is its name. */
function made(name: string, minute: number, more: Partial<PodInput> = {}): PodInput {
  return {
    ...pod(name, { gpus: 2, owner: { uid: `${name}-job`, kind: "Job" } }),
    uid: name,
    createdAt: epochMs(NOW + minute * MINUTE),
    ...more,
  };
}

const onNode = { node: "n1", waiting: null } as const;

describe("recordedWork()", () => {
  test("takes a job from its arrival and its start to the moment in which it is gone", async () => {
    const waits = made("a", 1);
    const runs = made("a", 1, onNode);
    const found = await work({ 0: [], 1: [waits], 2: [waits], 3: [runs], 4: [runs], 5: [] });
    expect(found.work.jobs).toMatchObject([
      { id: waits.key, arrivalMs: MINUTE, durationMs: 2 * MINUTE, gpus: 2 },
    ]);
    expect(found).toMatchObject({ start: NOW, lengthMs: 5 * MINUTE, notes: [] });
  });

  test("says where names began anew, so that nobody takes two halves of a job for two jobs", async () => {
    async function* all(): AsyncGenerator<
      Parameters<typeof recordedWork>[0] extends AsyncIterable<infer T> ? T : never
    > {
      for (const [minute, names] of ["a", "a", "b"].entries())
        yield {
          head: { names },
          snapshot: {
            ...snapshot({ policies: [], nodes: NODES, pods: [] }),
            at: epochMs(NOW + minute * MINUTE),
            pods: [made(names, 0, onNode)],
          },
        };
    }
    const { counts, notes } = await recordedWork(all());
    expect(counts.namesAnew).toBe(1);
    expect(notes.join("\n")).toMatch(/1 times names began anew/);
  });

  test("counts what began before, runs on, or never ran", async () => {
    const before = made("before", -9, { ...onNode, startedAt: epochMs(NOW - 5 * MINUTE) });
    const on = made("on", 1, onNode);
    const never = made("never", 1);
    const found = await work({ 0: [before], 1: [before, on, never], 2: [on, never] });
    expect(found.work.jobs.map(({ id, arrivalMs, durationMs }) => [id, arrivalMs, durationMs])).toEqual([
      [before.key, 0, 2 * MINUTE],
      [on.key, MINUTE, MINUTE],
    ]);
    expect(found.counts).toMatchObject({ begunBefore: 1, stillRunning: 1, neverStarted: 1 });
    expect(found.notes.join("\n")).toContain("no run time is known, so they are left out");
  });

  test("makes one job of a try that was lost and the one after it", async () => {
    const first = made("a-1", 0, { ...onNode, owner: { uid: "job", kind: "Job" } });
    const second = made("a-2", 2, { node: "n2", waiting: null, owner: { uid: "job", kind: "Job" } });
    let minute = 0;
    const found = await work({ 0: [first], 1: [first], 2: [second], 3: [second], 4: [] }, () =>
      minute++ < 2 ? NODES : NODES.slice(1),
    );
    expect(found.work.jobs).toMatchObject([{ id: second.key, arrivalMs: 0, durationMs: 2 * MINUTE }]);
    expect(found.counts).toMatchObject({ triedAgain: 1, cutShort: 0 });
  });

  test("makes one job of a gang", async () => {
    const gang = { id: "ns/g", minimum: 2, source: "PodGroup" } as const;
    const [a, b] = [made("a", 0, { ...onNode, gang }), made("b", 0, { ...onNode, gang })];
    const found = await work({ 0: [a, b], 1: [a, b], 2: [] });
    expect(found.work.jobs).toMatchObject([
      { id: "ns/g", gpus: 4, workers: 2, gang: true, durationMs: 2 * MINUTE },
    ]);
  });

  test("makes replicas over time of what serves, and leaves out what has no GPU or comes with nodes", async () => {
    const owner = { uid: "rs", kind: "ReplicaSet" };
    const serve = (name: string, minute: number) => made(name, minute, { ...onNode, owner });
    const [a, b] = [serve("web-7-aa", 0), serve("web-7-bb", 1)];
    const others = [made("cpu", 0, { requests: { cpu: 1 } }), made("ds", 0, { daemon: true })];
    const found = await work({ 0: [a, ...others], 1: [a, b], 2: [a, b], 3: [b] });
    expect(found.work.services).toMatchObject([
      {
        name: a.key.replace("-aa", ""),
        gpusPerReplica: 2,
        steps: [
          { atMs: 0, replicas: 1 },
          { atMs: MINUTE, replicas: 2 },
          { atMs: 3 * MINUTE, replicas: 1 },
        ],
      },
    ]);
    expect(found.counts).toMatchObject({ jobs: 0, services: 1, withoutGpus: 1, daemons: 1 });
    expect(servicesCsv(found)).toContain(`${a.key.replace("-aa", "")},60,2,2,\n`);
  });

  test("says where nothing was recorded, and what ended there", async () => {
    const found = await work({ 0: [made("a", 0, onNode)], 30: [] });
    expect(found.counts).toMatchObject({ gaps: 1, inGaps: 1 });
  });

  test("is a file that a replay reads", async () => {
    const runs = made("a", 1, onNode);
    const found = await work({ 0: [], 1: [runs], 2: [made("on", 2, onNode)], 3: [made("on", 2, onNode)] });
    const read = readJobs(jobsCsv(found), "jobs.csv");
    expect(read.jobs).toMatchObject(
      found.work.jobs.map(({ id, arrivalMs, durationMs, gpus }) => ({ id, arrivalMs, durationMs, gpus })),
    );
    expect(read.dropped).toEqual([]);
  });

  test("refuses a recording without a complete look", async () => {
    await expect(work({})).rejects.toThrow("no decision with a complete list of pods");
  });
});
