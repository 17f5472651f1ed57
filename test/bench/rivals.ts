// How soon each of the eleven rivals is seen: from the moment at which it begins, at a moment that nobody chose, to the
// metric that names it (of a size that a person wrote: to the pool's status). The shipped coordinator at its shipped
// settings, over the stand-ins of three clouds and the world's API server. Figures only: what they may be at worst is
// computed in virtual time by test/properties/rival-bounds.test.ts.

import { seededRandom } from "../../shared/model/random.ts";
import { RIVAL_KINDS } from "../../shared/model/rival.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { figure, median } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { aksStage, cloudStage, clusterRivals, secondCoordinator } from "./rivals-stage.ts";
import type { BenchRival } from "./rivals-stage.ts";

/** Of about three minutes each. */
const ROUNDS = 3;
/** Each begins within so long of the others, so that it falls anywhere between two questions. */
const APART_MS = 15_000;
/** Longer than any of them takes, so that a figure is one and no end of patience. */
const WITHIN_MS = 180_000;
/** Nothing is removed, so that what moves is what the bench moves. */
const STILL = { emptySeconds: 86_400, idleSeconds: 86_400 };

export async function run(): Promise<Figure[]> {
  const taken = new Map<string, number[]>(RIVAL_KINDS.map((kind) => [kind, []]));
  await using scene = await openScene({
    pools: [aQuickPool({ name: "listed" }), aQuickPool({ name: "claimed", replicas: 1 })],
  });
  await using aksScene = await openScene({ pools: [] });
  const clouds = await cloudStage(scene);
  const aks = await aksStage(aksScene);
  scene.policy(policySpec([poolSpec("listed"), poolSpec("claimed"), ...clouds.pools], STILL));
  aksScene.policy(policySpec(aks.pools, STILL));
  const ours = await coordinatorOf(scene, clouds.env);
  const ofAks = await coordinatorOf(aksScene, aks.env);
  await scene.until(() => scene.status()?.pools.every(({ size }) => size !== undefined), {
    withinMs: 60_000,
  });

  const random = seededRandom(23);
  const both: readonly (readonly [Scene, CoordinatorProcess, readonly BenchRival[]])[] = [
    [scene, ours, [...clouds.rivals, ...clusterRivals(scene)]],
    [aksScene, ofAks, aks.rivals],
  ];
  for (let round = 1; round <= ROUNDS; round++) {
    await Promise.all(
      both.flatMap(([of, coordinator, rivals]) =>
        rivals.map(async (rival) => {
          await systemClock.sleep(millis(Math.floor(APART_MS * random())));
          const took = await detected(of, coordinator, rival);
          console.error(`rivals, round ${round}, ${rival.kind}: ${took.toFixed(1)} s`);
          taken.get(rival.kind)?.push(took);
        }),
      ),
    );
  }
  const second = secondCoordinator(scene, clouds.env);
  taken.get(second.kind)?.push(await detected(scene, ours, second));

  return [...taken].flatMap(([kind, seconds]) => {
    const name = kind.replaceAll("-", "_");
    console.error(`rivals, ${kind}: ${seconds.map((one) => one.toFixed(1)).join(", ")} s`);
    return [
      figure(`${name}_median_s`, median(seconds), "s", {}),
      figure(`${name}_max_s`, Math.max(...seconds), "s", {}),
    ];
  });
}

async function coordinatorOf(
  scene: Scene,
  env: Readonly<Record<string, string>>,
): Promise<CoordinatorProcess> {
  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
    env,
  });
  scene.also(async () => await coordinator.kill());
  return coordinator;
}

/** Seconds from its beginning. It has ended, and is seen to have, when this resolves. */
async function detected(scene: Scene, coordinator: CoordinatorProcess, rival: BenchRival): Promise<number> {
  const { kind, pool } = rival;
  const isSeen = async (): Promise<boolean> =>
    (await coordinator.metric("gpu_autoscaler_rival", `pool="${pool}"`, `rival="${kind}"`)) !== null;
  const said = (): string => JSON.stringify(scene.status()?.pools.find(({ name }) => name === pool)?.because);
  const to = scene.world.clouds.group(pool)?.desired ?? 0;
  await rival.begin();
  const begun = performance.now();
  // One change of a size is adopted and no rival yet: the status tells of both.
  await scene.until(async () => (kind === "resized-by-hand" ? said().includes(`to ${to + 1}`) : isSeen()), {
    withinMs: WITHIN_MS,
  });
  const seconds = (performance.now() - begun) / 1000;
  if (rival.end !== null) {
    await rival.end();
    await scene.until(async () => !(await isSeen()), { withinMs: WITHIN_MS });
  }
  return seconds;
}
