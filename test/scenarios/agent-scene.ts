// One GPU node in the simulated world, a real nats-server and the shipped agent on that node: what the agent's
// scenarios play in. What they check they read from the world, its audit log and the messages, never from the
// agent's own word.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { decode } from "../../shared/contract/codec.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { GpuReport } from "../../shared/contract/gpu-report.ts";
import type { HealthMessage } from "../../shared/contract/health.ts";
import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import { MESSAGE_KINDS } from "../../shared/contract/subjects.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, NODE_ANNOTATION, STREAM, SUBJECT_ROOT, TAINT } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes, epochMs, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { fixedToken } from "../../shared/runtime/kube/config.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { EventObject } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { consumeEvents, ensureStream } from "../../shared/runtime/nats-jetstream.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import { startAgent } from "../build/agent.ts";
import type { AgentProcess, AgentStart } from "../build/agent.ts";
import { clientFor } from "../build/kube-client.ts";
import { startNats } from "../build/nats.ts";
import type { NatsServer } from "../build/nats.ts";
import { createDouble, healthyGpu } from "../nvml-double/fixture.ts";
import type { Double } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import { startWorldServer } from "../world/server.ts";
import type { WorldServer } from "../world/server.ts";

export type Heard =
  | { readonly kind: "report"; readonly message: GpuReport }
  | { readonly kind: "notice"; readonly message: NoticeMessage }
  | { readonly kind: "drain"; readonly message: DrainReport }
  | { readonly kind: "health"; readonly message: HealthMessage };

export interface Scene extends AsyncDisposable {
  readonly world: World;
  readonly server: WorldServer;
  readonly nats: NatsServer;
  readonly double: Double;
  readonly node: string;
  /** A person with a kubeconfig. */
  /** Path of one that leads to the world. */
  readonly kubeconfig: string;
  readonly kubectl: KubeClient;
  /** What a subscriber has got, with its own time of receipt. */
  readonly heard: readonly (Heard & { readonly atMs: number })[];
  agent(more?: Partial<AgentStart>): Promise<AgentProcess>;
  currentNode(): Node;
  /** What the agent keeps on the node. */
  state(): DrainState | null;
  /** Pods of the node that are not finished. */
  pods(): readonly Pod[];
  running(owner: string): readonly Pod[];
  annotate(annotations: Readonly<Record<string, string | null>>): Promise<void>;
  drill(seconds: number): Promise<void>;
  evictions(): readonly {
    readonly pod: string;
    readonly status: number;
    readonly atMs: number;
    readonly graceSeconds: unknown;
  }[];
  phases(): readonly string[];
  /** The same as the stream keeps it, whoever was cut off meanwhile. */
  storedPhases(): readonly string[];
  /** Kubernetes Events with this reason. */
  events(reason: string): readonly EventObject[];
  until(what: string, holds: () => boolean, withinMs?: number): Promise<void>;
}

const TOKEN = "token-of-the-scene";

export async function createScene(
  options: { readonly gpus?: readonly ScenarioGpu[]; readonly nats?: "running" | "away" } = {},
): Promise<Scene> {
  await using building = new AsyncDisposableStack();
  const clock = systemClock;

  // 1. One node that is there from the start.
  const world = createWorld({
    start: clock.now(),
    seed: 1,
    pools: [
      {
        name: "spot-a",
        replicas: 1,
        capacityType: "spot",
        instanceType: "gpu-8x",
        zones: ["zone-a"],
        allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" },
        bootMs: millis(0),
        readyMs: millis(0),
      },
    ],
    nodeDomain: "sim.internal",
    startDelayMs: millis(0),
    heartbeatMs: null,
  });
  world.advance(clock.now());
  const node = world.list("nodes")[0]?.metadata.name;
  if (node === undefined) throw new Error("the world has no node");
  const server = building.adopt(await startWorldServer({ world, clock, token: TOKEN }), (one) => one.close());
  const dir = building.adopt(await mkdtemp(join(tmpdir(), "agent-scene-")), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, server.kubeconfig());
  const kubectl = building.adopt(
    clientFor(new URL(server.url), clock, { token: fixedToken(TOKEN), userAgent: "kubectl" }),
    (client) => {
      client.close();
    },
  );

  // 2. NATS with the stream that the coordinator makes, and somebody who listens.
  const natsServer = building.adopt(await startNats(), (one) => one.remove());
  const nats = building.adopt(
    connectNats({
      servers: [natsServer.url],
      name: "scene",
      log: createLogSink().log,
      clock,
      random: seededRandom(1),
    }),
    (one) => one.close(),
  );
  const over = new AbortController();
  building.defer(() => {
    over.abort();
  });
  await nats.whenConnected(over.signal);
  await ensureStream(nats, {
    name: STREAM,
    subjects: [`${SUBJECT_ROOT}.notice.*`, `${SUBJECT_ROOT}.drain.*`, `${SUBJECT_ROOT}.health.*`],
    maxAgeMs: millis(3_600_000),
    maxBytes: bytes(16 * 1024 * 1024),
  });
  const heard: (Heard & { atMs: number })[] = [];
  const listen = async (kind: Heard["kind"]): Promise<void> => {
    for await (const { subject, data } of nats.subscribe(`${SUBJECT_ROOT}.${kind}.*`, {
      signal: over.signal,
    })) {
      const answer = decode(kind, subject, data);
      if (answer.kind === "refused") throw new Error(`${subject}: ${answer.code} ${answer.detail}`);
      heard.push({ kind, message: answer.message, atMs: clock.now() } as Heard & { atMs: number });
    }
  };
  for (const kind of MESSAGE_KINDS)
    if (kind !== "tell") listen(kind).catch((error: unknown) => heardWrong.push(error));
  // A subscriber misses what comes while it is cut off; the stream does not.
  const stored: DrainReport[] = [];
  const readStream = async (): Promise<void> => {
    const reading = {
      stream: STREAM,
      subjects: [`${SUBJECT_ROOT}.drain.*`],
      start: { kind: "since", at: epochMs(0) } as const,
      signal: over.signal,
      clock,
      log: createLogSink().log,
      random: seededRandom(2),
    };
    for await (const { subject, data } of consumeEvents(nats, reading)) {
      const answer = decode("drain", subject, data);
      if (answer.kind === "message") stored.push(answer.message);
    }
  };
  readStream().catch((error: unknown) => heardWrong.push(error));
  const heardWrong: unknown[] = [];
  if (options.nats === "away") await natsServer.stop();

  // 3. The GPUs.
  const double = building.use(await createDouble({ gpus: options.gpus ?? [0, 1].map(idleGpu) }));

  const agents: AgentProcess[] = [];
  const held = building.move();
  const currentNode = (): Node => {
    const found = world.get("nodes", { name: node });
    if (found === null) throw new Error(`node ${node} is gone`);
    return found;
  };
  const pods = (): readonly Pod[] => world.list("pods").filter((pod) => pod.spec.nodeName === node);
  const annotate: Scene["annotate"] = async (annotations) => {
    await kubectl.mergePatch(RESOURCE.nodes, { name: node }, { metadata: { annotations } });
  };

  return {
    world,
    server,
    nats: natsServer,
    double,
    node,
    kubeconfig,
    kubectl,
    heard,
    agent: async (more = {}) => {
      const started = await startAgent({
        node,
        kubeconfig,
        nats: natsServer.url,
        doubleDir: double.directory,
        scenario: join(double.directory, "scenario"),
        counters: join(double.directory, "counters"),
        ...more,
      });
      agents.push(started);
      return started;
    },
    currentNode,
    state: () => {
      const mark = readDrainState(currentNode().metadata.annotations?.[NODE_ANNOTATION.drainState]);
      if (mark.kind === "malformed") throw new Error(`drain-state: ${mark.why}`);
      return mark.kind === "value" ? mark.value : null;
    },
    pods,
    running: (owner) =>
      pods().filter(
        (pod) => pod.metadata.ownerReferences?.[0]?.name === owner && pod.status?.phase === "Running",
      ),
    annotate,
    drill: async (seconds) => {
      await annotate({
        [NODE_ANNOTATION.interruptionWarning]: "true",
        [NODE_ANNOTATION.terminationTime]: new Date(clock.now() + seconds * 1000).toISOString(),
      });
    },
    evictions: () =>
      server.audit
        .filter((entry) => entry.subresource === "eviction")
        .map((entry) => {
          const body = entry.body as { deleteOptions?: { gracePeriodSeconds?: unknown } } | null;
          return {
            pod: entry.name ?? "",
            status: entry.status,
            atMs: entry.at,
            graceSeconds: body?.deleteOptions?.gracePeriodSeconds,
          };
        }),
    phases: () => heard.flatMap((one) => (one.kind === "drain" ? [phaseOf(one.message)] : [])),
    storedPhases: () => stored.map(phaseOf),
    // The world keeps events as they came; these were written by our own recorder.
    events: (reason) =>
      (world.list("events") as unknown as readonly EventObject[]).filter((event) => event.reason === reason),
    until: async (what, holds, withinMs = 20_000) => {
      const giveUpAt = performance.now() + withinMs;
      while (!holds()) {
        if (heardWrong.length > 0) throw heardWrong[0];
        if (performance.now() > giveUpAt) {
          const said = agents
            .at(-1)
            ?.logs.slice(-20)
            .map((line) => JSON.stringify(line))
            .join("\n");
          throw new Error(
            `not so within ${withinMs} ms: ${what}\nthe agent's last lines:\n${said ?? "(no agent)"}`,
          );
        }
        await clock.sleep(millis(20));
      }
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(agents.map((one) => one.kill()));
      await held.disposeAsync();
    },
  };
}

export function idleGpu(index: number): ScenarioGpu {
  return { ...healthyGpu(index), utilPercent: 0 };
}

/** The taints that the agent puts on a node. */
export function ourTaints(node: Node): readonly string[] {
  const ours: readonly string[] = [TAINT.spotInterruption, TAINT.scaleDown];
  return (node.spec?.taints ?? [])
    .filter((taint) => ours.includes(taint.key))
    .map((taint) => `${taint.key}:${taint.effect}`);
}

function phaseOf(report: DrainReport): string {
  return report.class === undefined ? report.phase : `${report.phase} ${report.class}`;
}
