// MachinePools, by watch. The object tells how many machines its provider shall keep and which nodes they are; a member
// has no other name than its node's, since nothing can be asked of it by name.

import type { MachinePool } from "../../shared/model/kube.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { clusterApiBounds } from "../cloud/scale/bounds.ts";
import { inVersionOf } from "../cloud/scale/kinds.ts";
import { noSize, pausedBecause } from "../cloud/scale/paused.ts";
import type { GroupReading, InstanceInput } from "../decide/snapshot.ts";
import { clusterApiTemplate } from "./group-template.ts";
import { rivalOf } from "./rival.ts";
import type { ScaleGroupsOptions, Target, VersionWatch } from "./scale-groups.ts";
import { startServed } from "./served.ts";
import { createNews, createWatched } from "./watched.ts";

export function watchMachinePools(target: Target, options: ScaleGroupsOptions): VersionWatch {
  const served = startServed(target, options, () => {
    const isNews = createNews<MachinePool>((pool) => [
      sizeOf(pool),
      pool.status?.nodeRefs,
      clusterApiTemplate(pool),
      pool.metadata.deletionTimestamp !== undefined,
    ]);
    return {
      pools: createWatched(inVersionOf(RESOURCE.machinePools, target.apiVersion), options.watch, (event) => {
        if (isNews(event) || event.kind === "live") options.onChange();
      }),
    };
  });

  return {
    reading: ({ name, namespace }) => {
      const open = served.open(options.clock.now());
      if ("absent" in open) return { group: open.absent, instances: [] };
      const pool = open.watches.pools.store.get({ namespace, name });
      if (pool === undefined || pool.metadata.deletionTimestamp !== undefined) {
        const detail = `there is no MachinePool ${namespace}/${name}: create it, or correct nodePools[].group`;
        return { group: { kind: "missing", detail }, instances: [] };
      }
      const mismatches = rivalOf(`MachinePool ${name}`, pool);
      const template = clusterApiTemplate(pool);
      return {
        group: sizeOf(pool),
        instances: (pool.status?.nodeRefs ?? []).map(({ name: node }): InstanceInput => {
          return { id: node, node, state: options.isNodeReady(node) ? "ready" : "booting" };
        }),
        ...(template === null ? {} : { template }),
        ...(mismatches.length === 0 ? {} : { mismatches }),
      };
    },
  };
}

function sizeOf(pool: MachinePool): GroupReading {
  const { metadata, spec } = pool;
  const words = `MachinePool ${metadata.name}`;
  const replicas = spec?.replicas;
  const paused = pausedBecause(pool, words);
  if (paused !== null) return { kind: "unknown", detail: paused };
  if (replicas === undefined || !Number.isInteger(replicas) || replicas < 0)
    return { kind: "unknown", detail: noSize(words, replicas) };
  return { kind: "known", size: replicas, chosenRemoval: false, ...clusterApiBounds(metadata.annotations) };
}
