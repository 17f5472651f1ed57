import { describe, expect, test } from "vitest";

import type { DrillPermit } from "../shared/contract/drill-permit.ts";
import type { DrainState } from "../shared/contract/node-marks.ts";
import type { Sighting } from "../shared/model/interruption.ts";
import type { Node } from "../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../shared/model/names.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import { createLogSink } from "../shared/runtime/log.ts";
import { createPulse } from "../shared/runtime/stream.ts";
import { createFakeClock } from "../test/build/clock.ts";
import type { Drainer } from "./act/drain.ts";
import { noticeOfOrder, stateOf } from "./act/order.ts";
import type { DrainOrder, StateToWrite } from "./act/order.ts";
import type { Told } from "./assess/interruption.ts";
import { NOTHING_KNOWN, NOTHING_SEEN, viewOf } from "./assess/view.ts";
import { createHistory } from "./assess/window.ts";
import { runLoop } from "./loop.ts";

/** A loop on a node whose annotations, GPUs and drain the test sets. */
function setUp(
  options: {
    readonly podsSynced?: boolean;
    readonly drills?: boolean;
    readonly annotations?: Record<string, string>;
    readonly bootID?: string;
    readonly answered?: boolean;
  } = {},
) {
  const clock = createFakeClock();
  const startedAt = clock.monotonic();
  const pulse = createPulse(clock);
  const did: string[] = [];
  const news: string[] = [];
  const sentAtMs: number[] = [];
  const hinted: string[] = [];
  const ids: string[] = [];
  const world = {
    node: {
      metadata: { name: "gpu-1", annotations: options.annotations ?? {} },
      status: { nodeInfo: { bootID: options.bootID ?? "boot-1" } },
    } as Node | undefined,
    told: { sightings: [], answered: options.answered ?? true } as Told,
    permit: { kind: "allowed" } as DrillPermit | null,
    podsSynced: options.podsSynced ?? true,
    busy: false,
    writing: false,
    broken: false,
    revision: 0,
    state: null as StateToWrite | null,
  };
  let following: DrainOrder | null = null;
  const drainer: Drainer = {
    get state() {
      return world.state;
    },
    get notice() {
      return following === null ? null : noticeOfOrder(following);
    },
    get busy() {
      return world.busy;
    },
    get writing() {
      return world.writing;
    },
    adopt: (state) => {
      did.push(`adopt ${state.id}`);
      world.state = state;
    },
    follow: (order) => {
      if (following?.id === order.id) return;
      following = order;
      ids.push(order.id);
      did.push(`follow ${order.source === "drill" ? "drill" : order.cause}`);
      world.state = stateOf(order, "started");
      world.busy = true;
    },
    refuse: (order, reading) => {
      did.push(`refuse ${order.id}: ${reading.detail}`);
      world.state = stateOf(order, "refused");
    },
    refuseDrill: (order, why) => {
      did.push(`refuse drill: ${why}`);
      world.state = stateOf(order, "refused");
    },
    undo: ({ endDrill } = { endDrill: null }) => {
      did.push(endDrill !== null ? "undo with the drill" : "undo");
      following = null;
      world.state = null;
      world.busy = false;
    },
    podsChanged: () => undefined,
    settled: async () => undefined,
    leave: () => did.push("leave"),
  };
  const stop = new AbortController();
  const lasting = new AbortController();
  const ended = runLoop({
    node: "gpu-1",
    drills: options.drills ?? true,
    maintenanceLeadMs: millis(120_000),
    told: () => world.told,
    permit: (drill) => (drill === null ? null : world.permit),
    hints: { follow: (hints, known) => void hinted.push(`${hints.length} ${known}`) },
    reportIntervalMs: millis(5_000),
    shutdownGraceMs: millis(60_000),
    sight: {
      view: () => viewOf(NOTHING_SEEN, NOTHING_KNOWN, createHistory(millis(1_000)), millis(0)),
      get revision() {
        return world.revision;
      },
    },
    ownNode: () => world.node,
    podsSynced: () => world.podsSynced,
    drainer,
    reporter: {
      send: () => {
        if (world.broken) throw new Error("broken");
        sentAtMs.push(clock.monotonic() - startedAt);
        return true;
      },
    },
    news: {
      drillIgnored: (ignored) => news.push(ignored.code),
      drillHeld: (permit) => news.push(permit.kind === "refused" ? permit.code : permit.kind),
      calledOff: (why) => news.push(why),
      otherDrainer: (taint) => news.push(taint),
      requestMalformed: () => news.push("request malformed"),
      requestAnswered: (answer) => news.push(answer),
      reported: () => undefined,
    },
    pulse,
    clock,
    // Half an interval before the first report.
    random: () => 0.5,
    log: createLogSink().log,
    signal: stop.signal,
    lasting: lasting.signal,
  });
  const annotate = async (annotations: Record<string, string>): Promise<void> => {
    world.node = { ...world.node, metadata: { name: "gpu-1", annotations } };
    pulse.trigger();
    await clock.advance(10);
  };
  const tell = async (...sightings: Sighting[]): Promise<void> => {
    world.told = { sightings, answered: true };
    pulse.trigger();
    await clock.advance(10);
  };
  return { clock, did, ids, news, hinted, sentAtMs, world, stop, ended, pulse, annotate, tell };
}

const DRILL = { [NODE_ANNOTATION.interruptionWarning]: "true" };
const requested = (id: string): Record<string, string> => ({
  [NODE_ANNOTATION.drainRequest]: JSON.stringify({
    v: 1,
    id,
    deadline: Date.UTC(2027, 0, 1),
    reason: "idle",
    idleBelow: 0.05,
  }),
});

describe("runLoop()", () => {
  test("reports by the schedule and not later and later", async () => {
    const { clock, sentAtMs } = setUp();
    await clock.advance(20_000);
    expect(sentAtMs).toEqual([2_500, 7_500, 12_500, 17_500]);
  });

  test("reports a change at once, and a burst of changes once each 200 ms", async () => {
    const { clock, sentAtMs, world, pulse } = setUp();
    await clock.advance(3_000);
    for (let i = 0; i < 5; i++) {
      world.revision++;
      pulse.trigger();
      await clock.advance(20);
    }
    await clock.advance(1_000);
    expect(sentAtMs).toEqual([2_500, 3_000, 3_200]);
  });

  test("a stage that fails takes no other one with it", async () => {
    const { clock, did, sentAtMs, world, annotate } = setUp();
    world.broken = true;
    await clock.advance(3_000);
    await annotate(DRILL);
    world.broken = false;
    await clock.advance(10_000);
    expect(did).toEqual(["follow drill"]);
    expect(sentAtMs.length).toBeGreaterThan(0);
  });

  test("follows a drill, ignores its repetition, and undoes it when it ends", async () => {
    const { did, annotate } = setUp();
    await annotate(DRILL);
    await annotate({ ...DRILL, other: "change" });
    await annotate({});
    expect(did).toEqual(["follow drill", "undo"]);
  });

  test("a drill that comes into a request and goes again leaves the request to be answered anew", async () => {
    const { did, annotate } = setUp();
    await annotate(requested("shrink-1"));
    await annotate({ ...requested("shrink-1"), ...DRILL });
    await annotate(requested("shrink-1"));
    await annotate({});
    expect(did.map((one) => one.split(":")[0])).toEqual([
      "refuse shrink-1",
      "follow drill",
      "refuse shrink-1",
      "undo",
    ]);
  });

  test("a drill that is set again with the same time after it was called off has an id of its own", async () => {
    const { world, annotate } = setUp();
    const drill = { ...DRILL, [NODE_ANNOTATION.terminationTime]: "2026-01-01T00:02:00Z" };
    await annotate(drill);
    const first = world.state?.id;
    await annotate({});
    await annotate(drill);
    expect(first).toContain("drill-gpu-1-");
    expect(world.state?.id).toContain("drill-gpu-1-");
    expect(world.state?.id).not.toBe(first);
  });

  test("says once that a drill is ignored, and again when it was asked for again", async () => {
    const { did, news, annotate, clock } = setUp({ drills: false });
    await annotate(DRILL);
    await clock.advance(60_000);
    await annotate({ ...DRILL, other: "change" });
    expect(news).toEqual(["drills-disabled"]);
    await annotate({});
    await annotate(DRILL);
    expect(news).toEqual(["drills-disabled", "drills-disabled"]);
    expect(did).toEqual([]);
  });

  test("says once that a drill in the past is ignored, although it lies further back each time", async () => {
    const { news, annotate, clock } = setUp();
    const drill = { ...DRILL, [NODE_ANNOTATION.terminationTime]: "2025-12-31T23:00:00Z" };
    await annotate(drill);
    await clock.advance(30_000);
    await annotate({ ...drill, other: "change" });
    expect(news).toEqual(["time-past"]);
  });

  test("answers a request once, from its own reading", async () => {
    const { did, news, annotate } = setUp();
    await annotate(requested("shrink-1"));
    await annotate({ ...requested("shrink-1"), other: "change" });
    expect(did).toEqual(["refuse shrink-1: the first reading is not there yet"]);
    expect(news).toEqual(["refused"]);
  });

  test("takes up what an earlier process left before it does anything", async () => {
    const left: DrainState = {
      v: 1,
      id: "drill-gpu-1-abc",
      cause: "notice",
      source: "drill",
      phase: "started",
      seenAt: Date.UTC(2026, 0, 1) - 5_000,
      deadline: Date.UTC(2026, 0, 1) + 60_000,
      replace: false,
      cordonedByUs: true,
    };
    const { clock, did, world } = setUp({
      annotations: { ...DRILL, [NODE_ANNOTATION.drainState]: JSON.stringify(left) },
    });
    await clock.advance(100);
    expect(did).toEqual(["adopt drill-gpu-1-abc", "follow drill"]);
    expect(world.state).toMatchObject({ id: left.id, seenAt: left.seenAt, deadline: left.deadline });
  });

  test("undoes what an earlier process left when its cause has gone meanwhile", async () => {
    const left = {
      v: 1,
      id: "x",
      cause: "notice",
      source: "drill",
      phase: "drained",
      seenAt: 1,
      deadline: 2,
      replace: false,
      cordonedByUs: true,
    };
    const { clock, did } = setUp({ annotations: { [NODE_ANNOTATION.drainState]: JSON.stringify(left) } });
    await clock.advance(100);
    expect(did).toEqual(["adopt x", "undo"]);
  });

  test("waits a second for the pods to be known, and no longer", async () => {
    const { clock, did } = setUp({ podsSynced: false, annotations: DRILL });
    await clock.advance(900);
    expect(did).toEqual([]);
    await clock.advance(200);
    expect(did).toEqual(["follow drill"]);
  });

  test("does nothing about a node that is not registered, and reports all the same", async () => {
    const { clock, did, sentAtMs, world } = setUp();
    world.node = undefined;
    await clock.advance(10_000);
    expect(did).toEqual([]);
    expect(sentAtMs).toHaveLength(2);
  });

  test("stops at once when asked and no drain is under way", async () => {
    const { clock, stop, ended, did } = setUp();
    await clock.advance(100);
    stop.abort();
    await clock.advance(10);
    await ended;
    expect(did).toEqual(["leave"]);
  });

  test("goes on with a drain when asked to stop, until it is over", async () => {
    const { clock, stop, ended, did, world, pulse, annotate } = setUp();
    await annotate(DRILL);
    stop.abort();
    await clock.advance(30_000);
    expect(did).toEqual(["follow drill"]);
    world.busy = false;
    pulse.trigger();
    await clock.advance(10);
    await ended;
    expect(did).toEqual(["follow drill", "leave"]);
  });

  test("leaves a drain to the next agent when its own grace is over", async () => {
    const { clock, stop, ended, did, annotate } = setUp();
    await annotate(DRILL);
    stop.abort();
    await clock.advance(60_100);
    await ended;
    expect(did).toEqual(["follow drill", "leave"]);
  });

  test("a drill that may not begin is refused once, and asked about anew when it is another one", async () => {
    const { did, news, world, annotate } = setUp();
    world.permit = { kind: "refused", code: "another-drill", detail: "node gpu-2 holds one" };
    await annotate(DRILL);
    await annotate({ ...DRILL, other: "change" });
    expect(did).toEqual(["refuse drill: node gpu-2 holds one"]);
    expect(news).toEqual(["another-drill"]);
    // The other one is over; this one was refused all the same.
    world.permit = { kind: "allowed" };
    await annotate({ ...DRILL, other: "again" });
    expect(did).toHaveLength(1);
    await annotate({});
    await annotate(DRILL);
    expect(did.slice(1)).toEqual(["undo", "follow drill"]);
  });

  test("a drill that a restarted agent finds refused stays refused", async () => {
    const refused = {
      v: 1,
      id: "drill-gpu-1-abc",
      cause: "notice",
      source: "drill",
      phase: "refused",
      seenAt: 1,
      deadline: 2,
      replace: false,
      cordonedByUs: false,
    };
    const { clock, did } = setUp({
      annotations: { ...DRILL, [NODE_ANNOTATION.drainState]: JSON.stringify(refused) },
    });
    await clock.advance(1_000);
    expect(did).toEqual(["adopt drill-gpu-1-abc"]);
  });

  test("a drill that may not begin takes no request's place and keeps none from being answered", async () => {
    const { did, news, world, annotate } = setUp();
    const request = {
      [NODE_ANNOTATION.drainRequest]: JSON.stringify({
        v: 1,
        id: "shrink-1",
        deadline: Date.UTC(2027, 0, 1),
        reason: "rebalance",
        idleBelow: 0.05,
        evenBusy: true,
      }),
    };
    await annotate(request);
    world.permit = { kind: "refused", code: "policy-disabled", detail: "no drills" };
    await annotate({ ...request, ...DRILL });
    expect(did).toEqual(["follow request"]);
    expect(news).toEqual(["accepted", "policy-disabled"]);
    // The node is told of it when it has room for that.
    await annotate(DRILL);
    expect(did).toEqual(["follow request", "undo", "refuse drill: no drills"]);
    await annotate({ ...request, ...DRILL });
    expect(did.at(-1)).toBe("follow request");
    expect(news).toEqual(["accepted", "policy-disabled", "accepted"]);
  });

  test("a drill waits until our marks of what was before are off the node", async () => {
    const { did, world, annotate, pulse, clock } = setUp();
    world.writing = true;
    await annotate(DRILL);
    expect(did).toEqual([]);
    world.writing = false;
    pulse.trigger();
    await clock.advance(10);
    expect(did).toEqual(["follow drill"]);
  });

  test("a drill of which nobody knows whether it may begin waits for the answer", async () => {
    const { did, news, world, annotate, pulse, clock } = setUp();
    world.permit = { kind: "unknown", code: "cannot-look", detail: "nodes cannot be listed" };
    await annotate(DRILL);
    await annotate({ ...DRILL, other: "change" });
    expect(news).toEqual(["unknown"]);
    world.permit = { kind: "allowed" };
    pulse.trigger();
    await clock.advance(10);
    expect(did).toEqual(["follow drill"]);
  });

  const taken: Sighting = {
    id: "aws-1",
    source: "aws",
    kind: "termination",
    action: "terminate",
    seenAt: epochMs(Date.UTC(2026, 0, 1)),
    deadline: epochMs(Date.UTC(2026, 0, 1, 0, 2)),
    endsMachine: true,
  };

  test("a real notice needs nobody's leave, wins over a drill, and ends when its cloud takes it back", async () => {
    const { did, news, world, annotate, tell } = setUp();
    world.permit = { kind: "refused", code: "policy-disabled", detail: "no drills" };
    await tell(taken);
    world.permit = { kind: "allowed" };
    await annotate(DRILL);
    await tell();
    expect(did).toEqual(["follow notice", "undo"]);
    expect(news).toEqual(["withdrawn"]);
  });

  test("a real notice that comes into a drill takes its place", async () => {
    const { did, annotate, tell } = setUp();
    await annotate(DRILL);
    await tell(taken);
    expect(did).toEqual(["follow drill", "follow notice"]);
  });

  test("a real notice is acted on before the API server has shown the node", async () => {
    const { did, world, tell } = setUp();
    world.node = undefined;
    await tell(taken);
    expect(did).toEqual(["follow notice"]);
  });

  test("hints are followed in every look, and maintenance that ends the machine in time", async () => {
    const { clock, did, hinted, tell } = setUp();
    const reboot = { ...taken, kind: "maintenance", deadline: epochMs(clock.now() + 600_000) } as const;
    await tell(reboot);
    expect(hinted.at(-1)).toBe("1 true");
    await clock.advance(479_900);
    expect(did).toEqual([]);
    await clock.advance(200);
    expect(did).toEqual(["follow notice"]);
    expect(hinted.at(-1)).toBe("0 true");
  });

  const stateLeft: DrainState = {
    v: 1,
    id: "aws-1",
    cause: "notice",
    source: "aws",
    phase: "final",
    seenAt: 1,
    deadline: 2,
    replace: true,
    cordonedByUs: true,
  };

  test("a notice that its cloud takes back and says again is another one", async () => {
    const { did, ids, tell } = setUp();
    await tell(taken);
    await tell();
    await tell(taken);
    expect(did).toEqual(["follow notice", "undo", "follow notice"]);
    expect(ids).toEqual(["aws-1", `aws-1~${taken.seenAt.toString(36)}`]);
  });

  test("a machine that has started anew is done with its notice", async () => {
    const { clock, did, news } = setUp({
      annotations: { [NODE_ANNOTATION.drainState]: JSON.stringify({ ...stateLeft, bootID: "boot-0" }) },
    });
    await clock.advance(100);
    expect(did).toEqual(["adopt aws-1", "undo"]);
    expect(news).toEqual(["restarted"]);
  });

  test("a machine that has started anew waits for its cloud's word, and not for ever", async () => {
    const left = { ...stateLeft, bootID: "boot-0" };
    const annotations = { [NODE_ANNOTATION.drainState]: JSON.stringify(left) };
    const heard = setUp({ annotations, answered: false });
    await heard.clock.advance(4_000);
    await heard.tell(taken);
    // The machine goes all the same: nothing was called off in between.
    expect(heard.did).toEqual(["adopt aws-1", "follow notice"]);
    expect(heard.news).toEqual([]);
    const deaf = setUp({ annotations, answered: false });
    await deaf.clock.advance(5_100);
    expect(deaf.did).toEqual(["adopt aws-1", "undo"]);
    expect(deaf.news).toEqual(["restarted"]);
  });

  test("says once that somebody else empties the node too", async () => {
    const { news, world, annotate } = setUp();
    const taints = [{ key: "karpenter.sh/disrupted", effect: "NoSchedule" as const }];
    if (world.node !== undefined) world.node = { ...world.node, spec: { taints } };
    await annotate({});
    expect(news).toEqual([]);
    await annotate(DRILL);
    await annotate({ ...DRILL, other: "change" });
    await annotate({ ...DRILL, other: "again" });
    expect(news).toEqual(["karpenter.sh/disrupted"]);
  });

  test("a drill that asked for it gives its node back when its time has come", async () => {
    const { clock, did, annotate } = setUp();
    await annotate({ ...DRILL, [NODE_ANNOTATION.drillAutoUncordon]: "true" });
    await clock.advance(119_000);
    expect(did).toEqual(["follow drill"]);
    await clock.advance(1_100);
    expect(did).toEqual(["follow drill", "undo with the drill"]);
  });

  test("goes on with a notice when its node is known by that name no more, and when it is again", async () => {
    const { did, world, clock, pulse, tell } = setUp();
    await tell(taken);
    const { node } = world;
    world.node = undefined;
    pulse.trigger();
    await clock.advance(5_000);
    world.node = node;
    pulse.trigger();
    await clock.advance(10);
    expect(did).toEqual(["follow notice"]);
  });
});
