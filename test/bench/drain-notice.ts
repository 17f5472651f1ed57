// What the bench `drain` plays on: a shipped agent on a machine of AWS whose metadata can tell of its end, and a shipped
// coordinator with a pool in which a successor can be had.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import { POLICY } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { startCloudMetadata } from "../build/metadata.ts";
import { aQuickPool, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";

const SPARE = "od-b";
const POLICY_NAME = "gpus";

export interface WatchedNode extends AsyncDisposable {
  /** The cloud tells that so many seconds are left. */
  notice(noticeS: number): void;
  /** When the agent saw it by its own word, and when a subscriber heard of it. Epoch ms. */
  seen(): Promise<{ readonly seenAt: number; readonly heardAt: number }>;
}

/** Starts the agent on a machine of AWS; resolves when it has asked for notices. */
export async function watchedNode(scene: Scene): Promise<WatchedNode> {
  await using building = new AsyncDisposableStack();
  const metadata = building.use(await startCloudMetadata("aws", systemClock));
  await scene.agent({ env: metadata.env });
  await metadata.endpoint.answered(metadata.noticePath, 2);
  const heard = () =>
    scene.heard.flatMap((one) => (one.kind === "notice" && one.message.source === "aws" ? [one] : []))[0];
  const held = building.move();
  return {
    notice: (noticeS) => {
      metadata.terminate(epochMs(systemClock.now() + noticeS * 1000));
    },
    seen: async () => {
      await scene.until("the notice is heard", () => heard() !== undefined);
      const notice = heard();
      return { seenAt: notice?.message.seenAt ?? Number.NaN, heardAt: notice?.atMs ?? Number.NaN };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

export interface GivenCoordinator extends AsyncDisposable {
  /** When the server accepted the first larger size; null: not yet. Epoch ms. */
  grownAt(): number | null;
}

/** Resolves when it leads and knows the pool of the scene's node; a second pool, on demand and empty, is there to grow. */
export async function withCoordinator(scene: Scene): Promise<GivenCoordinator> {
  await using building = new AsyncDisposableStack();
  scene.server.change((world) => {
    world.addPool(aQuickPool({ name: SPARE, capacityType: "on-demand", replicas: 0 }));
    world.put("autoscalingpolicies", {
      apiVersion: POLICY.apiVersion,
      kind: POLICY.kind,
      metadata: { name: POLICY_NAME, generation: 1 },
      spec: policySpec([poolSpec("spot-a"), poolSpec(SPARE, { capacityType: "on-demand" })], {
        emptySeconds: 600,
        idleSeconds: 600,
      }),
    });
  });
  const dir = building.adopt(await mkdtemp(join(tmpdir(), "drain-")), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, scene.server.kubeconfig());
  building.adopt(
    await startCoordinator({ kubeconfig, nats: scene.nats.url, waitFor: "leading" }),
    async (process) => {
      await process.kill();
    },
  );
  const pools = () =>
    parsePolicyStatus(scene.world.get("autoscalingpolicies", { name: POLICY_NAME })?.status)?.pools;
  await scene.until(
    "the coordinator knows the node",
    () => pools()?.some(({ name, ready }) => name === "spot-a" && ready === 1) ?? false,
    60_000,
  );
  const from = systemClock.now();
  const held = building.move();
  return {
    grownAt: () =>
      scene.server.audit.find(
        ({ at, subresource, method, userAgent, status }) =>
          at >= from &&
          subresource === "scale" &&
          method !== "GET" &&
          userAgent.includes("coordinator") &&
          status === 200,
      )?.at ?? null,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
