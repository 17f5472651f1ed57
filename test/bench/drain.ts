// How fast the shipped agent acts on a notice, by the clock of those whom it tells, from the instant that it says it saw
// it: until the message is at a NATS subscriber, until the API server has accepted evictions, and, with the shipped
// coordinator beside it, until the provider has been asked for a successor. How soon a notice is seen is the bench
// `notice`; what it is worth to the pods is `deadline`.

import { millis, seconds } from "../../shared/model/units.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";
import { watchedNode, withCoordinator } from "./drain-notice.ts";
import { figure, median, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const RUNS = 20;
const REPLACED_RUNS = 5;
const CLASSES = ["low", "medium", "high"] as const;
const PODS_EACH = 10;
const PODS = CLASSES.length * PODS_EACH;

interface Run {
  readonly publishedS: number;
  /** Seconds after the notice was seen of each accepted eviction, in order. */
  readonly evictedS: readonly number[];
}

export async function run(): Promise<Figure[]> {
  const short: Run[] = [];
  for (let i = 0; i < RUNS; i++) short.push(await drained(30));
  // Pods that take a minute to end: no class may start earlier because the one before it is gone.
  const long = await drained(120);
  const replaced: number[] = [];
  for (let i = 0; i < REPLACED_RUNS; i++) replaced.push(await replacedAfterS());

  const firsts = short.map(({ evictedS }) => evictedS[0] ?? Number.NaN);
  return [
    figure("published_s", Math.max(...short.map(({ publishedS }) => publishedS)), "s", { max: 0.3 }),
    figure("first_eviction_s", median(firsts), "s", { max: 0.5 }),
    // Of so few runs it is the worst one.
    figure("first_eviction_p99_s", quantile(firsts, 0.99), "s", { max: 1.5 }),
    figure(
      "thirty_evictions_s",
      Math.max(...short.map(({ evictedS }) => evictedS[PODS - 1] ?? Number.NaN)),
      "s",
      { max: 1.5 },
    ),
    figure("last_class_s", long.evictedS[PODS - 1] ?? Number.NaN, "s", { max: 8.5 }),
    figure("replacement_s", Math.max(...replaced), "s", { max: 1 }),
  ];
}

async function drained(noticeS: number): Promise<Run> {
  await using scene = await createScene();
  scene.server.change((world) => {
    for (const name of CLASSES) {
      const priority = name === "medium" ? {} : { evictionPriority: name };
      world.submitService({
        name,
        replicas: PODS_EACH,
        cpu: "1",
        graceSeconds: seconds(60),
        exitAfterMs: millis(60_000),
        ...priority,
      });
    }
  });
  await scene.until("pods run", () => CLASSES.every((name) => scene.running(name).length === PODS_EACH));
  await using node = await watchedNode(scene);
  node.notice(noticeS);
  await scene.until("every pod is evicted", () => accepted(scene).length >= PODS, 30_000);

  const { seenAt, heardAt } = await node.seen();
  const order = accepted(scene).map((one) => CLASSES.findIndex((name) => one.pod.startsWith(name)));
  if (order.some((at, i) => at < (order[i - 1] ?? 0)))
    throw new Error(`classes left out of order: ${order.join(" ")}`);
  return {
    publishedS: (heardAt - seenAt) / 1000,
    evictedS: accepted(scene).map((one) => (one.atMs - seenAt) / 1000),
  };
}

/** Seconds from the notice until the group of a pool has been written larger. */
async function replacedAfterS(): Promise<number> {
  await using scene = await createScene();
  scene.server.change((world) =>
    world.submitService({
      name: "train",
      replicas: 1,
      gpus: 8,
      evictionPriority: "high",
      graceSeconds: seconds(60),
      exitAfterMs: millis(60_000),
    }),
  );
  await scene.until("the pod runs", () => scene.running("train").length === 1);
  await using coordinator = await withCoordinator(scene);
  await using node = await watchedNode(scene);
  node.notice(120);
  await scene.until("a group is written", () => coordinator.grownAt() !== null);
  const { seenAt } = await node.seen();
  return ((coordinator.grownAt() ?? Number.NaN) - seenAt) / 1000;
}

const accepted = (scene: Scene) => scene.evictions().filter((one) => one.status === 201);
