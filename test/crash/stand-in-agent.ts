// An agent's part in a crash test without its process: it says that its node is idle, empties it when the coordinator
// asks, says so in its mark, and takes all back when the request is withdrawn. The real one is agent/; here only what a
// coordinator sees of it matters, and that it never dies.

import type { World } from "../../coordinator/replay/world.ts";
import { readDrainRequest, readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Node } from "../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { feedReports } from "../build/reports.ts";
import type { Scene } from "../build/scene.ts";

const LOOK_MS = 50;

/** Serves every node of the scene that has GPUs, until the scene ends. */
export function standInForAgents(scene: Scene): void {
  const nodes = (): readonly Node[] => scene.world.list("nodes").filter(hasGpus);
  const feed = feedReports(scene.nats.url, () => nodes().map(({ metadata }) => metadata.name));
  const timer = setInterval(() => {
    for (const node of nodes()) scene.server.change((world) => attend(world, node));
  }, LOOK_MS);
  scene.also(async () => {
    clearInterval(timer);
    await feed.stop();
  });
}

/** Says what an agent says when its cloud has told it that the machine goes at `deadline`. */
export function notice(scene: Scene, node: string, deadline: number, phase: DrainState["phase"]): void {
  scene.server.change((world) => {
    const found = world.get("nodes", { name: node });
    if (found === null) return;
    const state = {
      v: 1,
      id: `aws-${node}`,
      cause: "notice",
      source: "aws",
      phase,
      seenAt: systemClock.now(),
      deadline,
      replace: true,
      cordonedByUs: true,
    } as const satisfies DrainState;
    world.put("nodes", marked(found, state, true));
  });
}

function attend(world: World, node: Node): void {
  const { annotations } = node.metadata;
  const request = readDrainRequest(annotations?.[NODE_ANNOTATION.drainRequest]);
  const state = readDrainState(annotations?.[NODE_ANNOTATION.drainState]);
  if (state.kind === "value" && state.value.cause === "notice") return;
  if (request.kind !== "value") {
    if (state.kind === "value") world.put("nodes", marked(node, null, false));
    return;
  }
  const { id, deadline } = request.value;
  if (state.kind === "value" && state.value.id === id && state.value.phase === "drained") return;
  const pods = world.list("pods").filter((pod) => pod.spec.nodeName === node.metadata.name && !isDone(pod));
  for (const { metadata } of pods) world.evict(metadata);
  const seenAt = systemClock.now();
  world.put(
    "nodes",
    marked(
      node,
      {
        v: 1,
        id,
        cause: "request",
        source: "coordinator",
        phase: pods.length === 0 ? "drained" : "wave",
        seenAt,
        deadline,
        replace: false,
        cordonedByUs: true,
      },
      true,
    ),
  );
}

function marked(node: Node, state: DrainState | null, cordoned: boolean): Node {
  const { [NODE_ANNOTATION.drainState]: _before, ...others } = node.metadata.annotations ?? {};
  const annotations =
    state === null ? others : { ...others, [NODE_ANNOTATION.drainState]: JSON.stringify(state) };
  return {
    ...node,
    metadata: { ...node.metadata, annotations },
    spec: { ...node.spec, unschedulable: cordoned },
  };
}

function hasGpus({ status }: Node): boolean {
  return Object.keys(status?.allocatable ?? {}).some((name) => name.endsWith("/gpu"));
}

function isDone({ status }: { readonly status?: { readonly phase?: string } }): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}
