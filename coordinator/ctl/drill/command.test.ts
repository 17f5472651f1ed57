import { describe, expect, onTestFinished, test } from "vitest";

import type { DrainState } from "../../../shared/contract/node-marks.ts";
import type { Node } from "../../../shared/model/kube.ts";
import {
  EVENT,
  GPU_RESOURCE,
  NODE_ANNOTATION,
  NODE_CONDITION,
  POLICY,
  TAINT,
} from "../../../shared/model/names.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { millis, seconds } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { fixedToken } from "../../../shared/runtime/kube/config.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startWorldServer } from "../../../test/world/server.ts";
import { createWorld } from "../../replay/world.ts";
import { readCommand } from "../arguments.ts";
import { drill } from "./command.ts";

const TOKEN = "t";
const { interruptionWarning, terminationTime, drainState, interruptionSource } = NODE_ANNOTATION;

/** Two nodes with a batch, a service and a lone pod on the first; the test plays the agent. */
async function setUp() {
  const clock = createFakeClock();
  const world = createWorld({
    start: clock.now(),
    seed: 1,
    pools: [
      {
        name: "spot-a",
        replicas: 2,
        capacityType: "spot",
        instanceType: "gpu-8x",
        zones: ["zone-a"],
        allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
        bootMs: millis(0),
        readyMs: millis(0),
      },
    ],
    startDelayMs: millis(0),
    heartbeatMs: null,
  });
  world.advance(clock.now());
  const server = await startWorldServer({ world, clock, token: TOKEN, speed: "manual" });
  const client = clientFor(new URL(server.url), clock, { token: fixedToken(TOKEN) });
  const interrupt = new AbortController();
  onTestFinished(async () => {
    interrupt.abort();
    client.close();
    await server.close();
  });
  const [one = "", two = ""] = world.list("nodes").map(({ metadata }) => metadata.name);

  const nodeNow = (name = one): Node => {
    const found = world.get("nodes", { name });
    if (found === null) throw new Error(`no node ${name}`);
    return found;
  };
  const change = (edit: (node: Node) => Node, name = one): void => {
    server.change(() => world.put("nodes", edit(nodeNow(name))));
  };
  const annotate = (annotations: Readonly<Record<string, string | null>>, name = one): void => {
    change((node) => {
      const all = Object.entries({ ...node.metadata.annotations, ...annotations });
      const left = Object.fromEntries(all.filter((entry): entry is [string, string] => entry[1] !== null));
      return { ...node, metadata: { ...node.metadata, annotations: left } };
    }, name);
  };
  /** The agent writes where its drain stands. */
  const say = (state: Partial<DrainState>): void => {
    const full: DrainState = {
      v: 1,
      id: "drill-1",
      cause: "notice",
      source: "drill",
      phase: "started",
      seenAt: clock.now(),
      deadline: clock.now() + 120_000,
      replace: false,
      cordonedByUs: true,
      ...state,
    };
    annotate({ [drainState]: JSON.stringify(full), [interruptionSource]: full.source });
  };
  /** The agent takes its marks back. */
  const unsay = (): void => {
    annotate({ [drainState]: null, [interruptionSource]: null });
    change(({ spec, ...node }) => ({ ...node, spec: { ...spec, unschedulable: false, taints: [] } }));
  };
  const lines: string[] = [];
  const run = (words: string) =>
    drill(
      (() => {
        const command = readCommand(`drill ${words}`.split(" "));
        if (command.word !== "drill") throw new Error(words);
        return command;
      })(),
      {
        client,
        print: (text) => lines.push(...text.split("\n")),
        clock,
        random: seededRandom(1),
        signal: interrupt.signal,
      },
    );
  const asked = () => nodeNow().metadata.annotations?.[interruptionWarning] === "true";
  // A fresh condition, so that no test says that there is no agent unless it is about that.
  change((node) => ({
    ...node,
    status: {
      ...node.status,
      conditions: [
        ...(node.status?.conditions ?? []),
        {
          type: NODE_CONDITION.gpuHealthy,
          status: "True",
          lastHeartbeatTime: new Date(clock.now()).toISOString(),
        },
      ],
    },
  }));
  const step = async (ms: number): Promise<void> => {
    await clock.advance(ms);
    server.step(clock.now());
  };
  return {
    clock,
    world,
    server,
    client,
    one,
    two,
    nodeNow,
    change,
    annotate,
    say,
    unsay,
    lines,
    run,
    asked,
    step,
    interrupt,
    submit: async () => {
      server.change(() => {
        const nodeSelector = { "kubernetes.io/hostname": one };
        const shape = { cpu: "1", graceSeconds: seconds(30), exitAfterMs: millis(500), nodeSelector };
        world.submitService({ ...shape, name: "batch", replicas: 1, evictionPriority: "low" });
        world.submitService({ ...shape, name: "web", replicas: 2 });
        world.put("pods", {
          metadata: { name: "alone", namespace: "default", uid: "uid-alone" },
          spec: { nodeName: one, containers: [{ name: "c" }] },
          status: { phase: "Running" },
        });
      });
      await step(1_000);
    },
    podOf: (owner: string) => {
      const found = world.list("pods").find(({ metadata }) => metadata.name.startsWith(owner));
      if (found === undefined) throw new Error(`no pod of ${owner}`);
      return found.metadata;
    },
    budget: (name: string, app: string) =>
      server.change(() =>
        world.put("poddisruptionbudgets", {
          metadata: { name, namespace: "default" },
          spec: { selector: { matchLabels: { app } }, minAvailable: 2 },
        }),
      ),
    line: (part: string) =>
      eventually(() => lines.find((line) => line.includes(part)), { describe: () => lines.join("\n") }),
  };
}

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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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

  test.each<[string, (stage: Awaited<ReturnType<typeof setUp>>) => void, string, RegExp]>([
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
    const stage = await setUp();
    make(stage);
    const before = stage.nodeNow().metadata.resourceVersion;
    const error = await refused(stage.run(stage.one));
    expect(error.kind).toBe(kind);
    expect(error.message).toMatch(message);
    expect(stage.nodeNow().metadata.resourceVersion).toBe(before);
  });

  test("names the nodes that there are when there is no such one", async () => {
    const stage = await setUp();
    expect(await refused(stage.run("nope"))).toMatchObject({
      kind: "not-found",
      message: `there is no node nope; there are ${[stage.one, stage.two].toSorted().join(", ")}`,
    });
  });

  test("is not asked for by two at once", async () => {
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
    stage.annotate({ [interruptionWarning]: "true" });
    stage.say({ phase: "drained" });
    expect(await stage.run(`${stage.one} --follow`)).toBe(0);
    expect(stage.lines[0]).toMatch(
      /^A drill of node \S+ stands already, as if it went at 2026-01-01T00:02:00.000Z; following it/,
    );
    expect(stage.lines).toContain(`Report of the drill of node ${stage.one}: drained`);
  });

  test.each<[string, (stage: Awaited<ReturnType<typeof setUp>>) => void, RegExp]>([
    ["called off", (stage) => stage.unsay(), /was called off/],
    ["overtaken", (stage) => stage.say({ id: "aws-1", source: "aws" }), /under a notice of aws now/],
    [
      "over with its node",
      (stage) => void stage.server.change((world) => world.remove("nodes", { name: stage.one })),
      /is gone, and its drill with it/,
    ],
  ])("ends when the drill is %s", async (_, make, text) => {
    const stage = await setUp();
    const running = stage.run(`${stage.one} --follow`);
    await eventually(stage.asked);
    stage.say({});
    await stage.line("no pod has to move");
    make(stage);
    expect(await running).toBe(1);
    expect(stage.lines.at(-1)).toMatch(text);
  });

  test("does not wait for ever for an agent that does not tell the end", async () => {
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
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
    const stage = await setUp();
    await stage.submit();
    stage.annotate({ [interruptionWarning]: "true" }, stage.two);
    await stage.run(`${stage.one} --dry-run`);
    expect(stage.lines[1]).toContain(
      `no drill may be asked for here now: a drill of node ${stage.two} stands`,
    );
    expect(stage.lines.some((line) => line.includes("default/web-"))).toBe(true);
  });

  test("names the right that is missing", async () => {
    const stage = await setUp();
    await stage.submit();
    stage.server.faults.set({ kind: "status", code: 403, match: { method: "POST" } });
    expect(await refused(stage.run(`${stage.one} --dry-run`))).toMatchObject({
      kind: "denied",
      message: expect.stringContaining("you need create on pods/eviction") as unknown,
    });
  });
});
