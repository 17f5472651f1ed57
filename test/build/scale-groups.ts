// The observer of groups that are objects of the cluster, over a world's API, with a clock that the test moves.

import { createScaleGroup } from "../../coordinator/cloud/scale/create.ts";
import type { GroupSource, PoolReading } from "../../coordinator/observe/groups.ts";
import { createScaleGroups } from "../../coordinator/observe/scale-groups.ts";
import type { ScaleGroupsOptions } from "../../coordinator/observe/scale-groups.ts";
import type { ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "./clock.ts";
import type { FakeClock } from "./clock.ts";
import { eventually } from "./eventually.ts";
import type { WorldClient } from "./world-client.ts";

export interface ObservedGroups extends AsyncDisposable {
  readonly groups: GroupSource<ScaleGroup>;
  readonly clock: FakeClock;
  /** How often it said that something has changed. */
  changes(): number;
  /** The first reading that is as wanted; without a wish the first that is known. */
  until(target: ScaleGroup, wanted?: (reading: PoolReading) => boolean): Promise<PoolReading>;
}

export function observeGroups(
  { client }: WorldClient,
  overrides: Partial<ScaleGroupsOptions> = {},
): ObservedGroups {
  const clock = createFakeClock();
  const discover = createDiscovery(client);
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  let changes = 0;
  const groups = createScaleGroups({
    watch: { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} },
    clock,
    discover,
    defaultNamespace: "default",
    groupOf: (target) => createScaleGroup({ client, discover, target, defaultNamespace: "default", clock }),
    isNodeReady: () => true,
    providerIdOf: () => undefined,
    onChange: () => void changes++,
    spawn: (_, task) => void running.push(task(stop.signal).catch(() => {})),
    ...overrides,
  });
  return {
    groups,
    clock,
    changes: () => changes,
    until: async (target, wanted = ({ group }) => group.kind === "known") =>
      await eventually(
        () => {
          const reading = groups.reading(target);
          return wanted(reading) ? reading : null;
        },
        { describe: () => JSON.stringify(groups.reading(target)) },
      ),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await Promise.all(running);
    },
  };
}
