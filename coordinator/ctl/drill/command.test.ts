import { describe, expect, test } from "vitest";

import { EVENT, NODE_ANNOTATION, POLICY, TAINT } from "../../../shared/model/names.ts";
import { seconds } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { openDrillStage } from "../../../test/build/drill-stage.ts";
import type { DrillStage } from "../../../test/build/drill-stage.ts";
import { eventually } from "../../../test/build/eventually.ts";

const { interruptionWarning, terminationTime, drainState } = NODE_ANNOTATION;

const refused = async (running: Promise<number>): Promise<AppError> => {
  try {
    await running;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
};

describe("gpuasctl drill NODE", () => {
  test("asks by annotations, waits for the agent's word and ends there", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    const running = stage.run(`${stage.one} --in 90s --replace --unmanaged`);
    await eventually(stage.asked);
    expect(stage.nodeNow().metadata.annotations).toMatchObject({
      [terminationTime]: new Date(stage.clock.now() + 90_000).toISOString(),
      [NODE_ANNOTATION.drillReplace]: "true",
      [NODE_ANNOTATION.drillUnmanaged]: "true",
    });
    stage.say({});
    expect(await running).toBe(0);
    expect(stage.lines).toEqual([
      `Drill of node ${stage.one}: as if it went at 2026-01-01T00:01:31.000Z, in 90 s`,
      "  +0.0 s    the agent holds it: the node is cordoned and marked",
      "  +0.0 s    4 pods to move: 1 low, 3 medium",
      `It goes on by itself: gpuasctl drill ${stage.one} --follow looks on, gpuasctl drill ${stage.one} --cancel ends it`,
    ]);
  });

  test("gives one object for scripts", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    const running = stage.run(`${stage.one} -o json`);
    await eventually(stage.asked);
    expect(stage.nodeNow().metadata.annotations?.[NODE_ANNOTATION.drillReplace]).toBeUndefined();
    stage.say({});
    await running;
    expect(JSON.parse(stage.lines.join("\n"))).toMatchObject({
      node: stage.one,
      id: "drill-1",
      pods: { low: 1, medium: 2 },
      kept: [{ pod: "default/alone" }],
      warnings: [],
    });
  });

  test("says what the agent says when it refuses, and takes its words away again", async () => {
    const stage = await openDrillStage();
    const running = refused(stage.run(stage.one));
    await eventually(stage.asked);
    stage.say({ phase: "refused", why: "one at a time", cordonedByUs: false });
    await eventually(() => !stage.asked());
    stage.unsay();
    await eventually(() => stage.clock.sleeping(300) > 0);
    await stage.clock.advance(300);
    expect(await running).toMatchObject({
      kind: "refused",
      message: `the agent of node ${stage.one} refuses the drill: one at a time`,
    });
  });

  test("says so when no agent answers, in the agent's own words where it wrote an event", async () => {
    const stage = await openDrillStage();
    stage.change((node) => ({ ...node, status: { ...node.status, conditions: [] } }));
    const silent = refused(stage.run(stage.one));
    await eventually(stage.asked);
    await eventually(async () => {
      await stage.step(1_000);
      return stage.clock.now() > Date.UTC(2026, 0, 1) + 11_000;
    });
    expect(await silent).toMatchObject({
      kind: "timeout",
      message: expect.stringMatching(
        /^no agent has answered within 10 s[\s\S]*--cancel takes that back$/,
      ) as unknown,
    });
    expect(stage.lines[0]).toContain("no agent has written the condition GpuHealthy");
    expect(stage.asked()).toBe(true);

    stage.annotate({ [interruptionWarning]: null, [terminationTime]: null });
    const told = refused(stage.run(stage.one));
    await eventually(stage.asked);
    await stage.client.create(
      { group: "", version: "v1", plural: "events", kind: "Event", namespaced: true },
      {
        metadata: { name: "e1", namespace: "default" },
        involvedObject: { kind: "Node", name: stage.one },
        type: "Warning",
        reason: EVENT.drillRefused,
        message: "drills are switched off on this node",
        lastTimestamp: new Date(stage.clock.now()).toISOString().replace(/\.\d+Z$/, "Z"),
      } as never,
    );
    await eventually(async () => {
      await stage.step(1_000);
      return stage.clock.now() > Date.UTC(2026, 0, 1) + 22_000;
    });
    expect((await told).message).toContain("its agent does not begin: drills are switched off on this node");
  });

  test.each<[string, (stage: DrillStage) => void, string, RegExp]>([
    [
      "another drill stands",
      (stage) => stage.annotate({ [interruptionWarning]: "true" }, stage.two),
      "refused",
      /no drill of node \S+ now: a drill of node \S+ stands/,
    ],
    [
      "its policy has drills disabled",
      (stage) =>
        void stage.server.change((world) =>
          world.put("autoscalingpolicies", {
            apiVersion: POLICY.apiVersion,
            kind: POLICY.kind,
            metadata: { name: "gpus" },
            spec: { provider: "aws", drills: "Disabled", nodePools: [{ name: "spot-a" }] },
          } as never),
        ),
      "refused",
      /policy gpus, to which node \S+ belongs, has drills: Disabled/,
    ],
    ["a real notice stands", (stage) => stage.say({ source: "aws" }), "refused", /under a notice of aws/],
    [
      "a drill of it stands already",
      (stage) => stage.annotate({ [interruptionWarning]: "true" }),
      "conflict",
      /stands already: gpuasctl drill \S+ --follow looks on, gpuasctl drill \S+ --cancel ends it/,
    ],
    [
      "the coordinator empties it",
      (stage) => stage.say({ cause: "request", source: "coordinator" }),
      "conflict",
      /being emptied for the coordinator/,
    ],
    ["marks of the last one are there", (stage) => stage.say({}), "conflict", /marks of the last drill/],
  ])("does not ask while %s", async (_, make, kind, message) => {
    const stage = await openDrillStage();
    make(stage);
    const before = stage.nodeNow().metadata.resourceVersion;
    const error = await refused(stage.run(stage.one));
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(message);
    expect(stage.nodeNow().metadata.resourceVersion).toBe(before);
  });

  test("names the nodes that there are when there is no such one", async () => {
    const stage = await openDrillStage();
    expect(await refused(stage.run("nope"))).toMatchObject({
      kind: "not-found",
      message: `there is no node nope; there are ${[stage.one, stage.two].toSorted().join(", ")}`,
    });
  });

  test("is not asked for by two at once", async () => {
    const stage = await openDrillStage();
    // Somebody is quicker, between the look and the write.
    const over = stage.server.onRequest(({ when, method }) => {
      if (when === "before" && method === "PATCH" && !stage.asked())
        stage.annotate({ [interruptionWarning]: "true" });
    });
    let settled = false;
    const running = refused(stage.run(stage.one)).finally(() => {
      settled = true;
    });
    await eventually(async () => {
      await stage.step(50);
      return settled;
    });
    const error = await running;
    over();
    expect(error).toMatchObject({
      kind: "conflict",
      message: expect.stringContaining("stands already") as unknown,
    });
    expect(stage.nodeNow().metadata.annotations?.[terminationTime]).toBeUndefined();
  });
});

describe("gpuasctl drill NODE --follow", () => {
  test("tells each pod and the budget in its way, and ends with the report", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    stage.budget("web", "web");
    const running = stage.run(`${stage.one} --follow`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line("3 pods to move: 1 low, 2 medium");
    const batch = stage.podOf("batch");
    stage.server.change((world) =>
      world.evict({ namespace: "default", name: batch.name }, { graceSeconds: seconds(17) }),
    );
    await stage.line(`default/${batch.name} is asked to leave, with 17 s of grace`);
    await stage.step(1_000);
    await stage.line(`default/${batch.name} is gone after`);
    // The second class is late by now, and its budget is looked for.
    await eventually(async () => {
      await stage.step(500);
      return (
        stage.lines.filter((line) => line.includes("budget default/web allows no disruption now")).length ===
        2
      );
    });
    stage.say({ phase: "final", seenAt: stage.clock.now(), deadline: stage.clock.now() });
    expect(await running).toBe(1);
    expect(stage.lines.filter((line) => line.startsWith("  left: default/web-"))).toHaveLength(2);
    expect(stage.lines.at(-1)).toBe(
      `The node stays cordoned until the drill is ended: gpuasctl drill ${stage.one} --cancel`,
    );
    expect(stage.lines.filter((line) => line.includes("wave "))).toEqual([
      expect.stringContaining("wave low"),
    ]);
  });

  test("gives one event a line for scripts", async () => {
    const stage = await openDrillStage();
    const running = stage.run(`${stage.one} --follow -o json`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line('"plan"');
    stage.say({ phase: "drained" });
    expect(await running).toBe(0);
    const events = stage.lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    expect(events.map(({ kind }) => kind)).toEqual(["asked-for", "held", "plan", "report"]);
    expect(events[1]).toMatchObject({ at: "2026-01-01T00:00:00.000Z", afterSeconds: 0, id: "drill-1" });
  });

  test("leaves the drill on when nobody wants to look any longer, and is there for a second look", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    const running = stage.run(`${stage.one} --follow`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line("pods to move");
    stage.interrupt.abort();
    expect(await running).toBe(130);
    expect(stage.lines.at(-1)).toBe(
      `The drill of node ${stage.one} goes on: gpuasctl drill ${stage.one} --follow looks on again, gpuasctl drill ${stage.one} --cancel ends it`,
    );
    expect(stage.asked()).toBe(true);
  });

  test("joins a drill that stands, also one that is over", async () => {
    const stage = await openDrillStage();
    stage.annotate({ [interruptionWarning]: "true" });
    stage.say({ phase: "drained" });
    expect(await stage.run(`${stage.one} --follow`)).toBe(0);
    expect(stage.lines[0]).toMatch(
      /^A drill of node \S+ stands already, as if it went at 2026-01-01T00:02:00.000Z; following it/,
    );
    expect(stage.lines).toContain(`Report of the drill of node ${stage.one}: drained`);
  });

  test.each<[string, (stage: DrillStage) => void, RegExp]>([
    ["called off", (stage) => stage.unsay(), /was called off/],
    ["overtaken", (stage) => stage.say({ id: "aws-1", source: "aws" }), /under a notice of aws now/],
    [
      "over with its node",
      (stage) => void stage.server.change((world) => world.remove("nodes", { name: stage.one })),
      /is gone, and its drill with it/,
    ],
  ])("ends when the drill is %s", async (_, make, text) => {
    const stage = await openDrillStage();
    const running = stage.run(`${stage.one} --follow`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line("no pod has to move");
    make(stage);
    expect(await running).toBe(1);
    expect(stage.lines.at(-1)).toMatch(text);
  });

  test("says so when the API server is not heard of, and goes on when it is back", async () => {
    const stage = await openDrillStage();
    const running = stage.run(`${stage.one} --follow`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line("no pod has to move");
    stage.server.refuse(true);
    await stage.line("the API server is not heard of");
    stage.server.refuse(false);
    stage.say({ phase: "drained" });
    let ended = false;
    void running.finally(() => {
      ended = true;
    });
    await eventually(async () => {
      await stage.step(500);
      return ended;
    });
    expect(await running).toBe(0);
    expect(stage.lines.some((line) => line.includes("the API server answers again"))).toBe(true);
  });

  test("asks for nothing when it may not look on", async () => {
    const stage = await openDrillStage();
    stage.server.faults.set({ kind: "status", code: 403, match: { pathIncludes: "/api/v1/pods" } });
    expect(await refused(stage.run(`${stage.one} --follow`))).toMatchObject({
      kind: "denied",
      message: expect.stringContaining("you need list and watch on nodes and on pods") as unknown,
    });
    expect(stage.asked()).toBe(false);
  });

  test("asks for nothing when what it would look on cannot be read", async () => {
    const stage = await openDrillStage();
    stage.server.faults.set({ kind: "status", code: 503, match: { pathIncludes: "/api/v1/pods" } });
    let ended = false;
    const running = refused(stage.run(`${stage.one} --follow`)).finally(() => {
      ended = true;
    });
    await eventually(async () => {
      await stage.step(1_000);
      return ended;
    });
    expect(await running).toMatchObject({
      kind: "unavailable",
      message: expect.stringMatching(/node and its pods cannot be watched: .*503/) as unknown,
    });
    expect(stage.asked()).toBe(false);
  });

  test("does not wait for ever for an agent that does not tell the end", async () => {
    const stage = await openDrillStage();
    const running = refused(stage.run(`${stage.one} --in 5s --follow`));
    await eventually(stage.asked);
    stage.say({ deadline: stage.clock.now() + 5_000 });
    await stage.line("no pod has to move");
    await eventually(async () => {
      await stage.step(1_000);
      return stage.clock.now() > Date.UTC(2026, 0, 1) + 36_000;
    });
    expect(await running).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining("its agent has not told the end") as unknown,
    });
  });
});

describe("gpuasctl drill NODE --cancel", () => {
  test("takes the words away and waits until the marks are gone", async () => {
    const stage = await openDrillStage();
    stage.annotate({
      [interruptionWarning]: "true",
      [terminationTime]: "x",
      [NODE_ANNOTATION.drillReplace]: "true",
    });
    stage.say({});
    stage.change((node) => ({
      ...node,
      spec: {
        ...node.spec,
        unschedulable: true,
        taints: [{ key: TAINT.spotInterruption, effect: "NoSchedule" }],
      },
    }));
    const running = stage.run(`${stage.one} --cancel`);
    await eventually(() => !stage.asked() && stage.clock.sleeping(300) > 0);
    expect(stage.lines).toEqual([]);
    stage.unsay();
    await stage.clock.advance(300);
    expect(await running).toBe(0);
    expect(stage.lines).toEqual([
      `The drill of node ${stage.one} is ended, and its marks are gone: it takes pods again`,
    ]);
    expect(stage.nodeNow().metadata.annotations).not.toHaveProperty([NODE_ANNOTATION.drillReplace]);
  });

  test("says what is still there when its agent takes nothing back", async () => {
    const stage = await openDrillStage();
    stage.annotate({ [interruptionWarning]: "true" });
    stage.say({});
    const running = refused(stage.run(`${stage.one} --cancel`));
    await eventually(async () => {
      await stage.step(1_000);
      return stage.clock.now() > Date.UTC(2026, 0, 1) + 31_000;
    });
    expect(await running).toMatchObject({
      kind: "timeout",
      message: expect.stringContaining(`there is still annotation ${drainState} (started)`) as unknown,
    });
  });

  test("changes nothing where no drill stands, and nothing of a real notice", async () => {
    const stage = await openDrillStage();
    expect(await stage.run(`${stage.one} --cancel`)).toBe(0);
    expect(stage.lines[0]).toContain("nothing is changed");
    stage.annotate({ [interruptionWarning]: "true" });
    stage.say({ source: "gcp" });
    expect(await refused(stage.run(`${stage.one} --cancel`))).toMatchObject({ kind: "refused" });
    expect(stage.asked()).toBe(true);
    expect(await refused(stage.run("nope --cancel"))).toMatchObject({ kind: "not-found" });
  });
});

describe("gpuasctl drill NODE --dry-run", () => {
  test("says who would leave in which order, who would stay, and which budgets are in the way; and changes nothing", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    stage.budget("web", "web");
    const before = stage.world.version;
    expect(await stage.run(`${stage.one} --dry-run --in 60s`)).toBe(0);
    expect(stage.world.version).toBe(before);
    const text = stage.lines.join("\n");
    expect(text).toContain(
      `Dry run of a drill of node ${stage.one} with 60 s; nothing is changed\n  a drill may be asked for here now`,
    );
    expect(stage.lines.find((line) => line.includes("default/batch-"))).toMatch(
      /low +default\/batch-\S+ +0\.0 s +17 s +allowed$/,
    );
    expect(
      stage.lines.filter((line) =>
        /medium +default\/web-\S+ +2\.9 s +30 s +blocked: budget default\/web allows no disruption now: it needs 2 healthy pods and has 2$/.test(
          line,
        ),
      ),
    ).toHaveLength(2);
    expect(text).toContain(
      "Blocked now: 2 pods by default/web; a drill asks again each second and never forces",
    );
    expect(text).toMatch(/Left where it is\n {2}default\/alone stays: it has no controller/);
    const evictions = stage.server.audit.filter(({ subresource }) => subresource === "eviction");
    expect(evictions).toHaveLength(3);
    for (const { body } of evictions) expect(body).toMatchObject({ deleteOptions: { dryRun: ["All"] } });
  });

  test("tells apart what a budget lets go one after another, and several budgets on one pod", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    stage.server.change((world) =>
      world.put("poddisruptionbudgets", {
        metadata: { name: "web", namespace: "default" },
        spec: { selector: { matchLabels: { app: "web" } }, maxUnavailable: 1 },
      }),
    );
    for (const name of ["b", "c"]) stage.budget(name, "batch");
    await stage.step(0);
    await stage.run(`${stage.one} --dry-run -o json`);
    const run = JSON.parse(stage.lines.join("\n")) as { readonly pods: readonly { readonly pod: string }[] };
    expect(run).toMatchObject({
      mode: "staggered",
      refusal: null,
      queues: [{ budget: "default/web", allowed: 1, pods: 2 }],
      kept: [{ pod: "default/alone" }],
    });
    expect(run.pods.find(({ pod }) => pod.startsWith("default/batch"))).toMatchObject({
      answer: "blocked",
      budgets: ["default/b", "default/c"],
    });
  });

  test("says that no drill may be asked for, and looks all the same", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    stage.annotate({ [interruptionWarning]: "true" }, stage.two);
    await stage.run(`${stage.one} --dry-run`);
    expect(stage.lines[1]).toContain(
      `no drill may be asked for here now: a drill of node ${stage.two} stands`,
    );
    expect(stage.lines.some((line) => line.includes("default/web-"))).toBe(true);
  });

  test("names the right that is missing", async () => {
    const stage = await openDrillStage();
    await stage.submit();
    stage.server.faults.set({ kind: "status", code: 403, match: { method: "POST" } });
    expect(await refused(stage.run(`${stage.one} --dry-run`))).toMatchObject({
      kind: "denied",
      message: expect.stringContaining("you need create on pods/eviction") as unknown,
    });
  });
});
