// The groups behind the pools, wired once for both sides: observe reads them, act writes to them, and what was written is
// read again at once. Groups that are objects of the cluster go through its API, those of a cloud through that cloud's
// account. Wiring only; what a group promises stands in cloud/group.ts.

import type { ScaleGroup } from "../shared/contract/policy/pool.ts";
import type { Random } from "../shared/model/random.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import type { Discovery } from "../shared/runtime/kube/resources.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { ValidPolicy } from "./act/context.ts";
import { createAccounts } from "./cloud/accounts.ts";
import type { AccountCall, Accounts } from "./cloud/accounts.ts";
import type { NodeGroup } from "./cloud/group.ts";
import { createCapped } from "./cloud/scale/capped.ts";
import type { Capped } from "./cloud/scale/capped.ts";
import { createScaleGroup } from "./cloud/scale/create.ts";
import { targetOf } from "./cloud/target.ts";
import type { CloudTarget } from "./cloud/target.ts";
import { createClouds } from "./observe/clouds.ts";
import type { CloudGroups } from "./observe/clouds.ts";
import type { Cluster } from "./observe/cluster.ts";
import { createGroups } from "./observe/groups.ts";
import type { Groups } from "./observe/groups.ts";
import type { Policy } from "./observe/policies.ts";
import { createScaleGroups } from "./observe/scale-groups.ts";
import type { WatchDeps } from "./observe/watched.ts";

export interface BackEndsOptions {
  readonly client: KubeClient;
  readonly discover: Discovery;
  readonly cluster: Pick<Cluster, "isReady" | "machines">;
  readonly watch: WatchDeps;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A call to a cloud has ended. */
  readonly onCall: (call: AccountCall) => void;
  /** Something that a decision reads has changed. */
  readonly onChange: () => void;
  /** Takes over a task that ends with the signal. */
  readonly spawn: (name: string, task: (signal: AbortSignal) => Promise<void>) => void;
}

export interface BackEnds {
  readonly groups: Groups;
  readonly clouds: Pick<CloudGroups, "ages">;
  readonly accounts: Pick<Accounts, "account" | "rests" | "close">;
  readonly capped: Capped;
  /** Null for a pool without a group. */
  groupOf(policy: ValidPolicy, pool: string): NodeGroup | null;
}

export function createBackEnds(options: BackEndsOptions): BackEnds {
  const { client, discover, cluster, watch, clock, random, log, onCall, onChange, spawn } = options;
  const defaultNamespace = client.namespace;
  const isNodeReady = (node: string): boolean => cluster.isReady(node);

  const scaleGroupOf = (target: ScaleGroup): NodeGroup =>
    createScaleGroup({
      client,
      discover,
      target,
      defaultNamespace,
      clock,
      onWritten: () => scale.touched(target),
    });
  const scale = createScaleGroups({
    watch,
    clock,
    discover,
    defaultNamespace,
    groupOf: scaleGroupOf,
    isNodeReady,
    providerIdOf: (node) => cluster.machines.providerIdOf(node),
    onChange,
    spawn,
  });

  const accounts = createAccounts({ clock, random, onCall, onWritten: (target) => clouds.touched(target) });
  const clouds = createClouds({
    accounts,
    clock,
    random,
    log,
    machines: cluster.machines,
    isNodeReady,
    onChange,
    spawn,
  });

  return {
    groups: createGroups({ scale, clouds }),
    clouds,
    accounts,
    capped: createCapped(client),
    groupOf: (policy, pool) => {
      const target = targetOf(policy.spec.nodePools.find(({ name }) => name === pool)?.group);
      if (target === null) return null;
      return target.kind === "scale" ? scaleGroupOf(target.scale) : accounts.groupOf(target);
    },
  };
}

/** The groups at clouds that policies name, as they stand there. */
export function cloudTargetsOf(policies: readonly Policy[]): readonly CloudTarget[] {
  return policies.flatMap(({ parsed }) =>
    parsed.kind === "valid"
      ? parsed.spec.nodePools.flatMap(({ group }) => {
          const target = targetOf(group);
          return target === null || target.kind === "scale" ? [] : [target];
        })
      : [],
  );
}
