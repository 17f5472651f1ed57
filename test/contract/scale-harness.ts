// The contract suite on groups that are objects of a cluster: the group and the observer that the coordinator uses, over
// any API server with controllers behind it (a stage). What a stage is made of is not known here.

import type { NodeGroup } from "../../coordinator/cloud/group.ts";
import { createScaleGroup } from "../../coordinator/cloud/scale/create.ts";
import type { PoolReading } from "../../coordinator/observe/groups.ts";
import { createScaleGroups } from "../../coordinator/observe/scale-groups.ts";
import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE, createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { eventually } from "../build/eventually.ts";
import type { CloudGroupHarness, SeenMember } from "./harness.ts";

/** An API server, the controllers that answer for its objects, and hands on both. */
export interface ScaleStage
  extends
    AsyncDisposable,
    Pick<
      CloudGroupHarness,
      | "instances"
      | "size"
      | "made"
      | "writes"
      | "advance"
      | "stockOut"
      | "quota"
      | "deny"
      | "throttle"
      | "loseAnswer"
      | "resizeByOther"
      | "deleteGroup"
      | "interrupt"
    > {
  readonly client: KubeClient;
  readonly targets: readonly ScaleGroup[];
  /** Of calls from now on: short once an answer gets lost. */
  readonly deadlineMs: number;
}

export function scaleHarness(stage: ScaleStage): CloudGroupHarness {
  const [first] = stage.targets;
  if (first === undefined) throw new RangeError("a stage without a group");
  let hidden = false;
  let skewMs = 0;
  const client = hiding(stage.client, first, () => hidden);
  const discover = createDiscovery(client);
  // A server whose clock is ahead is a coordinator whose clock is behind.
  const now = (): EpochMs => epochMs(systemClock.now() - skewMs);
  const clock: Clock = { ...systemClock, now };

  function groupOf(target: ScaleGroup): NodeGroup {
    return createScaleGroup({ client, discover, target, defaultNamespace: "default", clock });
  }

  /** By an observer that has just started: what it lists is what there is. */
  async function observed(target: ScaleGroup): Promise<PoolReading> {
    const stop = new AbortController();
    const running: Promise<void>[] = [];
    const groups = createScaleGroups({
      watch: { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} },
      clock,
      discover,
      defaultNamespace: "default",
      groupOf,
      isNodeReady: () => true,
      providerIdOf: () => undefined,
      onChange: () => {},
      spawn: (_, task) => void running.push(task(stop.signal).catch(() => {})),
    });
    try {
      return await eventually(async () => {
        const reading = groups.reading(target);
        if (reading.group.kind === "unknown") return null;
        const open = reading.instances.some(({ node, state }) => node === null && state === "booting");
        return open && (await refusedAgain()) ? null : reading;
      });
    } finally {
      stop.abort();
      await Promise.all(running);
    }
  }

  /** Where Karpenter has said that there is no machine, it says so again at its next attempt, for which no test waits. */
  async function refusedAgain(): Promise<boolean> {
    const fieldSelector = `involvedObject.kind=NodeClaim,reason=${KARPENTER.noCapacity}`;
    const last = (await stage.client.list(RESOURCE.events, { fieldSelector })).items.at(-1);
    if (last === undefined) return false;
    await stage.client.mergePatch(RESOURCE.events, last.metadata, { count: (last.count ?? 1) + 1 });
    return true;
  }

  return {
    ...stage,
    get deadlineMs() {
      return stage.deadlineMs;
    },
    account: null,
    group: (at = 0) => groupOf(stage.targets[at] ?? first),
    seen: async () => {
      const { instances } = await observed(first);
      // A server lists by name.
      const oldestFirst = instances.toSorted(
        (a, b) => (a.createdAt ?? Infinity) - (b.createdAt ?? Infinity) || 0,
      );
      return oldestFirst.map(({ state, ...member }): SeenMember => {
        return {
          ...member,
          state: state === "leaving" ? "leaving" : state === "failed" ? "failed" : "present",
        };
      });
    },
    hideSize: async () => {
      hidden = true;
      await Promise.resolve();
    },
    skewClock: async (ms) => {
      skewMs = ms;
      await Promise.resolve();
    },
    [Symbol.asyncDispose]: async () => {
      await stage[Symbol.asyncDispose]();
    },
  };
}

/** The same client, for which the first group says no size while it is hidden: no number, or no list of its members. */
function hiding(client: KubeClient, { name, kind }: ScaleGroup, isHidden: () => boolean): KubeClient {
  return {
    ...client,
    get: async (resource, ref, options) => {
      const object = await client.get(resource, ref, options);
      if (!isHidden() || resource.kind !== kind || ref.name !== name) return object;
      if (!("spec" in object) || typeof object.spec !== "object" || object.spec === null) return object;
      if (!("replicas" in object.spec)) return object;
      return { ...object, spec: { ...object.spec, replicas: "2" } };
    },
    list: async (resource, selector, options) => {
      if (isHidden() && kind === "NodePool" && resource.plural === RESOURCE.nodeClaims.plural)
        throw new AppError("unavailable", "no list of NodeClaims");
      return await client.list(resource, selector, options);
    },
  };
}
