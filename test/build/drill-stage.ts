// A stage for tests of `gpuasctl drill`: a world with two nodes, time that only the test moves, and nobody who plays the
// agent but the test itself, which writes the agent's marks.

import { onTestFinished } from "vitest";

import { readCommand } from "../../coordinator/ctl/arguments.ts";
import { drill } from "../../coordinator/ctl/drill/command.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, NODE_ANNOTATION, NODE_CONDITION } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { fixedToken } from "../../shared/runtime/kube/config.ts";
import { startWorldServer } from "../world/server.ts";
import { createFakeClock } from "./clock.ts";
import { eventually } from "./eventually.ts";
import { clientFor } from "./kube-client.ts";

const TOKEN = "t";
const { interruptionWarning, drainState, interruptionSource } = NODE_ANNOTATION;

export type DrillStage = Awaited<ReturnType<typeof openDrillStage>>;

/** Ends with the test. */
export async function openDrillStage() {
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
