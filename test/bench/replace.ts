// How soon a spot node that is to go has its successor asked for: from the instant at which its agent begins to publish
// the notice to that at which the provider has taken the larger size, by the provider's own list. Through each back end,
// over a real nats-server, with the shipped coordinator and its shipped settings; every call takes the provider 100 ms.

import { GPU_RESOURCE, NODE_LABEL } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { openProvider, PROVIDERS } from "./providers.ts";
import type { Provider, ProviderName } from "./providers.ts";

const ANSWERS_AFTER_MS = 100;
/** Of each back end. */
const NOTICES = 60;
/** A coordinator runs for weeks: it has seen a notice before. */
const WARM_UP = 6;
const NODES = NOTICES + WARM_UP;
/** Of the two minutes that AWS gives, as much as the bench can wait: each machine goes while others are noticed. */
const GOES_AFTER_MS = 5_000;
const SPOT = "spot-a";
const SPARE = "od-b";

export async function run(): Promise<Figure[]> {
  const worst: number[] = [];
  for (const name of PROVIDERS) {
    const taken = await noticesThrough(name);
    const p99 = quantile(taken, 0.99);
    console.error(
      `replace, ${name}: ${taken.length} notices, p50 ${quantile(taken, 0.5).toFixed(3)} s, p99 ${p99.toFixed(3)} s, worst ${Math.max(...taken).toFixed(3)} s`,
    );
    worst.push(p99);
  }
  return [
    // Of the back end that is the slowest.
    figure("p99_s", Math.max(...worst), "s", { max: 1 }),
    figure("back_ends", worst.length, "", { min: PROVIDERS.length }),
  ];
}

async function noticesThrough(name: ProviderName): Promise<readonly number[]> {
  await using scene = await openScene({ pools: [] });
  const provider = await openProvider(name, scene, { answersAfterMs: ANSWERS_AFTER_MS });
  provider.addGroup(SPOT, { desired: NODES, capacityType: "spot", max: 2 * NODES });
  provider.addGroup(SPARE, { desired: 0, capacityType: "on-demand", max: 2 * NODES });
  scene.server.change((world) =>
    world.submitService({
      name: "train",
      replicas: NODES,
      gpus: 8,
      graceSeconds: seconds(1),
      exitAfterMs: millis(0),
    }),
  );
  scene.policy(policyFor(provider));
  const busy = (): readonly string[] =>
    scene.world
      .list("pods")
      .flatMap(({ spec, status }) => (status?.phase === "Running" ? [spec.nodeName ?? ""] : []));
  await scene.until(() => busy().length === NODES, { withinMs: 60_000 });
  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
    env: provider.env,
  });
  scene.also(() => coordinator.kill());
  await scene.until(() =>
    scene.status()?.pools.some(({ name: pool, ready }) => pool === SPOT && ready === NODES),
  );
  const nats = await natsOf(scene);

  const random = seededRandom(17);
  const nodes = spotNodes(scene);
  const taken: number[] = [];
  for (const [index, node] of nodes.entries()) {
    const took = await noticed(scene, provider, nats, node);
    if (index >= WARM_UP) taken.push(took);
    // Notices must not fall into step with the cycles.
    await systemClock.sleep(millis(Math.floor(200 + 600 * random())));
  }
  return taken;
}

/** Seconds from the notice of this node to the size that makes room for its successor. */
async function noticed(scene: Scene, provider: Provider, nats: Nats, node: string): Promise<number> {
  const taken = (): readonly number[] =>
    provider.calls().flatMap(({ at, write, pools }) => (write && pools.includes(SPARE) ? [at] : []));
  const before = taken().length;
  const notice = aNotice(node);
  const { seenAt } = notice;
  const deadline = seenAt + GOES_AFTER_MS;
  scene.server.change((world) => world.interrupt(node, epochMs(deadline)));
  await publishNotice(scene, nats, { ...notice, deadline });
  const at = await scene.until(() => taken()[before], { withinMs: 30_000 });
  return (at - seenAt) / 1000;
}

function policyFor(provider: Provider) {
  const open = { nodes: 2 * NODES, percent: 100 };
  const common = {
    maxSize: 2 * NODES,
    template: { allocatable: { cpu: "96", memory: "1000Gi", pods: "110", [GPU_RESOURCE]: "8" } },
  };
  const pools = [
    poolSpec(SPOT, { ...common, group: provider.groupOf(SPOT) }),
    poolSpec(SPARE, { ...common, capacityType: "on-demand", group: provider.groupOf(SPARE) }),
  ];
  return policySpec(pools, {
    maxNodes: 4 * NODES,
    maxPercentOrNodesAdded: open,
    maxPercentOrNodesRemoved: open,
    emptySeconds: 600,
    idleSeconds: 600,
  });
}

function spotNodes(scene: Scene): readonly string[] {
  return scene.world
    .list("nodes")
    .filter(({ metadata }) => metadata.labels?.[NODE_LABEL.pool] === SPOT)
    .map(({ metadata }) => metadata.name);
}
