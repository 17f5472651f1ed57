// How fast the shipped agent acts on a drill, by the clock of those whom it tells: from the annotation standing
// in the API to the message at a NATS subscriber, and to evictions that the API server has accepted. The worst
// of several runs counts.

import { millis, seconds } from "../../shared/model/units.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const RUNS = 5;
const CLASSES = ["low", "medium", "high"] as const;
const PODS_EACH = 10;
const PODS = CLASSES.length * PODS_EACH;

interface Run {
  readonly publishedS: number;
  /** Seconds after the notice of each accepted eviction, in order. */
  readonly evictedS: readonly number[];
}

export async function run(): Promise<Figure[]> {
  const short: Run[] = [];
  for (let i = 0; i < RUNS; i++) short.push(await drill(30));
  // Pods that take a minute to end: no class may start earlier because the one before it is gone.
  const long = await drill(120);
  const worst = (of: (run: Run) => number | undefined): number =>
    Math.max(...short.map((one) => of(one) ?? Number.NaN));
  return [
    figure(
      "published_s",
      worst((one) => one.publishedS),
      "s",
      { max: 0.3 },
    ),
    figure(
      "first_eviction_s",
      worst((one) => one.evictedS[0]),
      "s",
      { max: 0.5 },
    ),
    figure(
      "thirty_evictions_s",
      worst((one) => one.evictedS[PODS - 1]),
      "s",
      { max: 1.5 },
    ),
    figure("last_class_s", long.evictedS[PODS - 1] ?? Number.NaN, "s", { max: 8.5 }),
  ];
}

async function drill(noticeS: number): Promise<Run> {
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
  await scene.agent();
  await scene.drill(noticeS);
  await scene.until("every pod is evicted", () => accepted(scene).length >= PODS, 30_000);
  await scene.until("the notice is heard", () => scene.heard.some((one) => one.kind === "notice"));

  const visible = scene.server.audit.find(
    (entry) => entry.userAgent === "kubectl" && entry.method === "PATCH",
  );
  const heard = scene.heard.find((one) => one.kind === "notice");
  if (visible === undefined || heard === undefined)
    throw new Error("the drill is not in the audit log or was not heard");
  const order = accepted(scene).map((one) => CLASSES.findIndex((name) => one.pod.startsWith(name)));
  if (order.some((at, i) => at < (order[i - 1] ?? 0)))
    throw new Error(`classes left out of order: ${order.join(" ")}`);
  return {
    publishedS: (heard.atMs - visible.at) / 1000,
    evictedS: accepted(scene).map((one) => (one.atMs - visible.at) / 1000),
  };
}

const accepted = (scene: Scene) => scene.evictions().filter((one) => one.status === 201);
