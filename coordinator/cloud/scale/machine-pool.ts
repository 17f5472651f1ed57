// A Cluster API MachinePool: its size can be read and raised, and nothing else. Its members are made and ended by the
// infrastructure provider, which picks who goes when the number falls. Also where the provider shows each member as a
// Machine: that it takes a marked one first is only a wish of the contract between it and Cluster API, and whether the
// number falls with a Machine that is deleted differs between providers. So nothing is removed by name.

import type { MachinePool } from "../../../shared/model/kube.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { checkGrowth } from "../group.ts";
import type { CallOptions, NodeGroup } from "../group.ts";
import { inVersionOf } from "./kinds.ts";
import { clusterApiState, createScaled, withoutChoice } from "./scaled.ts";
import type { ScaleGroupOptions } from "./scaled.ts";

export function createMachinePool(options: ScaleGroupOptions): NodeGroup {
  const { client, target } = options;
  const { words, namespace, write } = createScaled(options);
  const pools = inVersionOf(RESOURCE.machinePools, target.apiVersion);

  async function getOrNull(call: CallOptions): Promise<MachinePool | null> {
    try {
      return await client.get(pools, { namespace, name: target.name }, call);
    } catch (error) {
      if (kindOf(error) === "not-found") return null;
      throw error;
    }
  }

  return {
    ...withoutChoice(words),
    read: async (call) => {
      const pool = await client.get(pools, { namespace, name: target.name }, call);
      return clusterApiState(pool, words);
    },
    contains: async (node, call) => {
      const pool = await getOrNull(call);
      return pool?.status?.nodeRefs?.some(({ name }) => name === node) ?? false;
    },
    resize: async (to, seen, call) => {
      checkGrowth(words, to, seen);
      await write(to, seen, call);
    },
  };
}
