// The back end `azure` under the contract suite, over our own stand-in of Azure's API and a world that stands still until a
// test lets time pass: scale sets of their own, or the pools of an AKS cluster.

import type { CloudAccount } from "../../coordinator/cloud/account.ts";
import type { MadeAccount } from "../../coordinator/cloud/accounts.ts";
import { createAzureAccount } from "../../coordinator/cloud/azure/account.ts";
import { AZURE_PLACE } from "../../coordinator/replay/world-cloud.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aCloudGroup, facts } from "../world/build.ts";
import { sizeAs } from "../world/cloud/azure-troubles.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { AzureCloud } from "../world/cloud/azure.ts";
import { calling } from "./harness.ts";
import type { CloudGroupHarness, HarnessSetup } from "./harness.ts";

export const RETRY_AFTER_S = 7;
/** Longer than it takes to try again, to boot and to end. */
const A_WHILE = millis(120_000);

export interface AzureHarness extends CloudGroupHarness {
  readonly world: World;
  readonly cloud: AzureCloud;
  readonly account: { readonly account: CloudAccount; readonly keys: readonly string[] };
}

export async function azureAccountAt(
  cloud: Pick<AzureCloud, "env">,
  clock: Clock = systemClock,
  subscriptionID: string = AZURE_PLACE.subscription,
): Promise<MadeAccount> {
  return await createAzureAccount({
    subscriptionID,
    env: cloud.env,
    clock,
    limiter: { run: async (_call, { signal }, send) => await send(signal) },
  });
}

export async function azureHarness(
  setup: HarnessSetup,
  kind: { readonly aks: boolean; readonly triesAgain?: boolean; readonly serial?: boolean },
): Promise<AzureHarness> {
  const { groups, size, min, max } = setup;
  const { aks, triesAgain = true, serial = false } = kind;
  const world = createWorld({ start: systemClock.now(), seed: 1, heartbeatMs: null });
  const names = Array.from({ length: groups }, (_, at) => `group-${at}`);
  for (const name of names)
    world.clouds.addGroup(aCloudGroup({ name, cloud: "azure", desired: size, max: 1000, triesAgain }));
  const cloud = await startAzureCloud({ change: (make) => make(world), clock: systemClock, aks, serial });
  for (const name of names)
    if (!aks) cloud.configure(name, { tags: { ...(min > 0 ? { min: String(min) } : {}), max: String(max) } });
  const made = await azureAccountAt(cloud);
  const { account } = made;
  const keys = names.map((name) => cloud.key(name));
  const [first = ""] = names;
  const name = (at: number): string => names[at] ?? "none";

  function advance(): void {
    world.advance(after(world.now, A_WHILE));
  }
  advance();

  const harness: AzureHarness = {
    world,
    cloud,
    group: (at = 0) => account.group(cloud.key(name(at))),
    account: { account, keys },
    seen: async () => {
      const look = (await account.look([cloud.key(first)], calling(harness))).get(cloud.key(first));
      return look?.kind === "seen" ? look.members : [];
    },
    instances: async (at = 0) => {
      const { instances } = world.clouds.group(name(at)) ?? { instances: [] };
      return await settled(instances.flatMap(({ id, state }) => (state === "running" ? [id] : [])));
    },
    size: async (at = 0) => await settled(world.clouds.group(name(at))?.desired ?? null),
    made: async () => await settled(facts(world, "machine-created").length),
    writes: async () => await settled(cloud.calls.filter(({ write }) => write).length),
    reads: async () => await settled(cloud.calls.filter(({ write }) => !write).length),
    advance: async () => await settled(advance()),
    stockOut: async (left) => {
      const held = world.clouds.groups().flatMap(({ instances }) => instances).length;
      await settled(world.clouds.setCapacity({}, left === null ? null : held + left));
    },
    quota: async () => {
      const message = "exceeding approved standardNCADSA100v4Family Cores quota";
      cloud.trouble.set({ kind: "refuse", code: "OperationNotAllowed", message, match: { write: true } });
      await settled(null);
    },
    deny: async () => {
      cloud.trouble.set({ kind: "refuse", code: "AuthorizationFailed", match: { write: true } });
      await settled(null);
    },
    throttle: async () => {
      const refusal = { code: "TooManyRequests", retryAfterSeconds: RETRY_AFTER_S } as const;
      cloud.trouble.set({ kind: "refuse", ...refusal, match: { write: true }, times: 1 });
      return await settled(RETRY_AFTER_S);
    },
    loseAnswer: async (when) => {
      cloud.trouble.set({ kind: "lost", when, match: { write: true }, times: 1 });
      await settled(null);
    },
    hideSize: async () => {
      cloud.trouble.set({ ...sizeAs(first, "2"), match: { group: first, write: false } });
      await settled(null);
    },
    resizeByOther: async (to) => await settled(world.clouds.setDesired(first, to)),
    deleteGroup: async () => await settled(world.clouds.removeGroup(first)),
    interrupt: async (id) => await settled(world.clouds.interrupt(id, world.now)),
    skewClock: async (ms) => await settled(cloud.skew(ms)),
    [Symbol.asyncDispose]: async () => {
      made.close();
      await cloud.close();
    },
  };
  return harness;
}

/** The world answers at once, whatever the harness promises. */
async function settled<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
