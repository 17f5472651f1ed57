import { afterEach, describe, expect, test } from "vitest";

import type { HealthFinding, HealthLevel } from "../../shared/model/gpu-health.ts";
import type { Condition, Node } from "../../shared/model/kube.ts";
import { FIELD_MANAGER, NODE_CONDITION } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import type { Applier } from "../../shared/runtime/kube/client.ts";
import { parseKubeconfig } from "../../shared/runtime/kube/kubeconfig.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { aNode, aWorld } from "../../test/world/build.ts";
import { servesWorlds } from "../../test/world/serving.ts";
import { CONDITION_HEARTBEAT_MS, conditionOf, createConditionWriter } from "./condition.ts";

const serve = servesWorlds();
const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

const aFinding = (
  level: HealthLevel,
  rule = "fell-off-bus",
  gpu: string | null = "GPU-0",
): HealthFinding => ({
  rule,
  gpu,
  level,
  since: epochMs(0),
  evidence: "Xid 79 (driver)",
  remedy: "reboot-node",
  clears: "a reboot",
});
const HEALTHY = conditionOf("healthy", []);
const FATAL = conditionOf("fatal", [aFinding("fatal")]);

describe("conditionOf()", () => {
  test("is True for GPUs that work, and says which should be seen to", () => {
    expect(conditionOf("healthy", [aFinding("application")])).toMatchObject({
      status: "True",
      reason: "GpusHealthy",
    });
    const degraded = conditionOf("degraded", [aFinding("degraded", "remap-pending"), aFinding("suspicion")]);
    expect(degraded).toMatchObject({ status: "True", reason: "GpusDegraded" });
    expect(degraded.message).toBe("GPU-0: Xid 79 (driver) (reboot-node; over by a reboot)");
  });

  test("is False with the worst rule as its reason, and Unknown when nobody answers", () => {
    expect(FATAL).toMatchObject({ status: "False", reason: "FellOffBus" });
    expect(conditionOf("fatal", [aFinding("fatal", "gpus-missing", null)]).message).toMatch(/^node: /);
    expect(conditionOf("unknown", [])).toMatchObject({ status: "Unknown", reason: "GpusCannotBeAsked" });
  });

  test("tells five findings and how many more there are", () => {
    const { message } = conditionOf(
      "fatal",
      Array.from({ length: 9 }, () => aFinding("fatal")),
    );
    expect(message.match(/Xid 79/g)).toHaveLength(5);
    expect(message).toMatch(/and 4 more$/);
  });
});

describe("createConditionWriter()", () => {
  function setUp(there: Condition | null = null) {
    const clock = createFakeClock(Date.UTC(2026, 10, 26, 12));
    const written: { condition: Condition; how: object; ref: object }[] = [];
    const server: { fails: AppError | null } = { fails: null };
    const apply: Applier["apply"] = async (resource, ref, body, how) => {
      if (server.fails !== null) throw server.fails;
      const { status } = body as { status: { conditions: [Condition] } };
      written.push({ condition: status.conditions[0], how, ref });
      return await Promise.resolve({ kind: resource.kind, metadata: { name: ref.name } } as never);
    };
    const stop = new AbortController();
    const { log, lines } = createLogSink();
    const node: Node | undefined =
      there === null ? undefined : { metadata: { name: "n1" }, status: { conditions: [there] } };
    const writer = createConditionWriter({
      client: { apply },
      node: "n1",
      ownNode: () => node,
      clock,
      random: () => 0.5,
      log,
      signal: stop.signal,
    });
    stops.push(async () => {
      stop.abort();
      await writer.ended;
    });
    return { clock, written, server, writer, lines };
  }

  test("writes what is said at once, under a field manager of its own, and again as a heartbeat", async () => {
    const { clock, written, writer } = setUp();
    writer.say(HEALTHY);
    await clock.advance(0);
    await clock.advance(CONDITION_HEARTBEAT_MS);
    expect(written).toHaveLength(2);
    expect(written[0]).toEqual({
      ref: { name: "n1" },
      how: { fieldManager: FIELD_MANAGER.agentHealth, subresource: "status", force: true },
      condition: {
        type: NODE_CONDITION.gpuHealthy,
        ...HEALTHY,
        lastHeartbeatTime: "2026-11-26T12:00:00Z",
        lastTransitionTime: "2026-11-26T12:00:00Z",
      },
    });
    expect(written[1]?.condition).toMatchObject({
      lastHeartbeatTime: "2026-11-26T12:05:00Z",
      lastTransitionTime: "2026-11-26T12:00:00Z",
    });
  });

  test("keeps the time of the change while the status stays, over a restart too", async () => {
    const before = {
      type: NODE_CONDITION.gpuHealthy,
      status: "True",
      lastTransitionTime: "2026-11-20T08:00:00Z",
    };
    const { clock, written, writer } = setUp(before);
    writer.say(HEALTHY);
    await clock.advance(60_000);
    writer.say(conditionOf("degraded", [aFinding("degraded")]));
    await clock.advance(60_000);
    writer.say(FATAL);
    await clock.advance(0);
    expect(written.map(({ condition }) => [condition.reason, condition.lastTransitionTime])).toEqual([
      ["GpusHealthy", "2026-11-20T08:00:00Z"],
      ["GpusDegraded", "2026-11-20T08:00:00Z"],
      ["FellOffBus", "2026-11-26T12:02:00Z"],
    ]);
  });

  test("does not take another status's time, or one that cannot be read, for its own", async () => {
    for (const there of [
      { type: NODE_CONDITION.gpuHealthy, status: "False", lastTransitionTime: "2026-11-20T08:00:00Z" },
      { type: NODE_CONDITION.gpuHealthy, status: "True", lastTransitionTime: "yesterday" },
      { type: "Ready", status: "True", lastTransitionTime: "2026-11-20T08:00:00Z" },
    ]) {
      const { clock, written, writer } = setUp(there);
      writer.say(HEALTHY);
      await clock.advance(0);
      expect(written[0]?.condition.lastTransitionTime).toBe("2026-11-26T12:00:00Z");
    }
  });

  test.each([
    ["unavailable", "the server is away"],
    ["denied", "no right to it"],
  ] as const)(
    "tries again while it is %s, with the newest word, and complains once a minute",
    async (kind, words) => {
      const { clock, written, server, writer, lines } = setUp();
      server.fails = new AppError(kind, words);
      writer.say(HEALTHY);
      await clock.advance(20_000);
      writer.say(FATAL);
      await clock.advance(20_000);
      expect(written).toEqual([]);
      expect(lines.filter(({ message }) => message.includes("not written"))).toHaveLength(1);
      server.fails = null;
      await clock.advance(60_000);
      expect(written.map(({ condition }) => condition.status)).toEqual(["False"]);
    },
  );
});

test("the condition stands on a node of the world beside the kubelet's", async () => {
  const world = aWorld();
  const kubelets = { type: "Ready", status: "True" };
  world.put("nodes", aNode("n1", { status: { conditions: [kubelets] } }));
  const { server } = await serve(world);
  const config = await parseKubeconfig(server.kubeconfig(), { clock: systemClock, path: "kubeconfig" });
  const client = createKubeClient({ config, clock: systemClock, userAgent: "test/1" });
  stops.push(() => {
    client.close();
  });
  const stop = new AbortController();
  const writer = createConditionWriter({
    client,
    node: "n1",
    ownNode: () => undefined,
    clock: systemClock,
    random: () => 0.5,
    log: createLogSink().log,
    signal: stop.signal,
  });
  stops.push(async () => {
    stop.abort();
    await writer.ended;
  });
  const conditions = (): readonly Condition[] => world.get("nodes", { name: "n1" })?.status?.conditions ?? [];
  writer.say(FATAL);
  await expect
    .poll(() => conditions().map(({ type, status }) => [type, status]))
    .toEqual([
      ["Ready", "True"],
      [NODE_CONDITION.gpuHealthy, "False"],
    ]);
});
