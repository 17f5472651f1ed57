import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { createGangObjects, minimumOfJobSet, minimumOfPodGroup } from "./gang-objects.ts";
import { ASK_AGAIN_MS, LOOK_AGAIN_MS } from "./optional.ts";

function setup({ client }: WorldClient) {
  const clock = createFakeClock();
  const stop = new AbortController();
  const sink = createLogSink();
  const state = { changes: 0, trouble: [] as ErrorKind[] };
  const gangs = createGangObjects({
    watch: {
      client,
      clock,
      random: seededRandom(1),
      log: sink.log,
      onTrouble: (kind) => void state.trouble.push(kind),
    },
    discover: createDiscovery(client),
    onChange: () => void state.changes++,
  });
  const running = gangs.watches.map(async (watch) => await watch.run(stop.signal));
  const end = async (): Promise<void> => {
    stop.abort();
    await Promise.all(running);
  };
  return { gangs, clock, sink, state, end };
}

function putPodGroup({ server }: WorldClient, name: string, minMember: number): void {
  server.change((world) =>
    world.put("podgroups", { metadata: { namespace: "default", name }, spec: { minMember } }),
  );
}

describe("createGangObjects()", () => {
  test("follows the groups of every project that is installed", async () => {
    await using made = await aWorldClient();
    putPodGroup(made, "g", 4);
    made.server.change((world) => {
      const metadata = { namespace: "default", name: "g" };
      world.put("volcanopodgroups", { metadata, spec: { minMember: 8 } });
      world.put("jobsets", {
        metadata,
        spec: { replicatedJobs: [{ name: "w", replicas: 2, template: { spec: { parallelism: 3 } } }] },
      });
    });
    const { gangs, state, end } = setup(made);
    await eventually(() => gangs.minimum("jobSet", "default", "g") !== null && gangs.revision >= 3);
    expect(gangs.minimum("podGroup", "default", "g")).toBe(4);
    expect(gangs.minimum("volcanoPodGroup", "default", "g")).toBe(8);
    expect(gangs.minimum("jobSet", "default", "g")).toBe(6);
    expect(gangs.minimum("podGroup", "other", "g")).toBeNull();

    const before = gangs.revision;
    putPodGroup(made, "g", 5);
    await eventually(() => gangs.minimum("podGroup", "default", "g") === 5);
    expect(gangs.revision).toBe(before + 1);
    expect(state.changes).toBe(gangs.revision);
    await end();
  });

  test.each([
    ["not installed", 404],
    ["forbidden", 403],
  ])("looks again every few minutes for a kind that is %s, and calls it no trouble", async (_, code) => {
    await using made = await aWorldClient();
    putPodGroup(made, "g", 4);
    const mend = made.server.faults.set({
      kind: "status",
      code,
      match: { pathIncludes: "/scheduling.x-k8s.io/" },
    });
    const { gangs, clock, sink, state, end } = setup(made);
    await clock.untilSleeping(LOOK_AGAIN_MS);
    expect(gangs.minimum("podGroup", "default", "g")).toBeNull();
    mend();
    await clock.advance(LOOK_AGAIN_MS - 1);
    expect(gangs.minimum("podGroup", "default", "g")).toBeNull();
    await clock.advance(1);
    await eventually(() => gangs.minimum("podGroup", "default", "g") === 4);
    expect(state.trouble).toEqual([]);
    expect(sink.lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
    await end();
  });

  test("forgets what it was forbidden to go on reading", async () => {
    await using made = await aWorldClient();
    putPodGroup(made, "g", 4);
    const { gangs, clock, state, end } = setup(made);
    await eventually(() => gangs.minimum("podGroup", "default", "g") === 4);
    const before = gangs.revision;
    made.server.faults.set({ kind: "status", code: 403, match: { pathIncludes: "/scheduling.x-k8s.io/" } });
    made.server.cutAll();
    await eventually(async () => {
      await clock.advance(1_000);
      return gangs.minimum("podGroup", "default", "g") === null;
    });
    expect(gangs.revision).toBeGreaterThan(before);
    expect(state.trouble).not.toContain("denied");
    await end();
  });

  test("asks a server that gave no answer again soon", async () => {
    await using made = await aWorldClient();
    putPodGroup(made, "g", 4);
    made.server.faults.set({
      kind: "status",
      code: 503,
      times: 1,
      match: { pathIncludes: "/scheduling.x-k8s.io/" },
    });
    const { gangs, clock, end } = setup(made);
    await clock.untilSleeping(ASK_AGAIN_MS);
    await clock.advance(ASK_AGAIN_MS);
    await eventually(() => gangs.minimum("podGroup", "default", "g") === 4);
    await end();
  });
});

describe("minimumOfPodGroup()", () => {
  test.each([
    [{ minMember: 4 }, 4],
    [{}, 1],
    [{ minMember: "four" }, null],
    [{ minMember: -1 }, null],
  ])("of %j is %s", (spec, expected) => {
    expect(minimumOfPodGroup(spec)).toBe(expected);
  });
});

describe("minimumOfJobSet()", () => {
  const job = (fields: object) => ({ name: "w", template: { spec: {} }, ...fields });
  const workers = job({ replicas: 4, template: { spec: { parallelism: 8 } } });

  test.each<[string, unknown, number | null]>([
    ["the pods of all jobs", { replicatedJobs: [job({ name: "driver" }), workers] }, 33],
    [
      "no more pods of a job than it needs to complete",
      { replicatedJobs: [job({ template: { spec: { parallelism: 8, completions: 3 } } })] },
      3,
    ],
    [
      "not known where the jobs begin in order",
      { startupPolicy: { startupPolicyOrder: "InOrder" }, replicatedJobs: [workers] },
      null,
    ],
    [
      "not known where a job waits for another",
      { replicatedJobs: [job({ name: "driver" }), { ...workers, dependsOn: [{ name: "driver" }] }] },
      null,
    ],
    ["not known without jobs", {}, null],
    ["not known with a number that is none", { replicatedJobs: [job({ replicas: "4" })] }, null],
  ])("is %s", (_, spec, expected) => {
    expect(minimumOfJobSet(spec, undefined)).toBe(expected);
  });

  test("is without the jobs that have succeeded", () => {
    const status = { replicatedJobsStatus: [{ name: "w", succeeded: 3 }] };
    expect(minimumOfJobSet({ replicatedJobs: [workers, job({ name: "driver" })] }, status)).toBe(9);
  });
});
