// The NodePools whose limits we lowered, found by the note on them, and their limits given back: also where the policy that
// asked for it names them no more, or is gone. What is lowered, and to what, is not decided here.

import type { NodePool } from "../../../shared/model/kube.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { CallOptions, CapChange } from "../group.ts";
import { cappedNoteOf, givenBackPatch } from "./limits.ts";
import type { LimitsPatch } from "./limits.ts";
import type { ScaleClient } from "./scaled.ts";

export type CappedClient = Pick<ScaleClient, "get" | "list" | "mergePatch">;

export interface CappedGroup {
  readonly name: string;
  /** For which it was lowered; null: the note cannot be read, and only goes. */
  readonly policy: string | null;
}

export interface Capped {
  /** None where there is no Karpenter, or where it may not be read. @throws what else the call throws. */
  list(call: CallOptions): Promise<readonly CappedGroup[]>;
  /**
   * Gives all back that nobody else has changed since; a NodePool that is gone needs nothing. `call`: limits of each request.
   * @throws AppError conflict after the last attempt, else what the calls throw.
   */
  giveBack(name: string, call: () => CallOptions): Promise<readonly CapChange[]>;
}

export function createCapped(client: CappedClient): Capped {
  return {
    list: async (call) => await listCapped(client, call),
    giveBack: async (name, call) => await giveBack(client, name, call),
  };
}

/** Karpenter writes the NodePool's status for each claim that comes or goes. */
const ATTEMPTS = 12;

async function listCapped(client: CappedClient, call: CallOptions): Promise<readonly CappedGroup[]> {
  try {
    const { items } = await client.list(RESOURCE.nodePools, {}, call);
    return items
      .filter((pool) => pool.metadata.deletionTimestamp === undefined && givenBackPatch(pool) !== null)
      .map((pool) => ({ name: pool.metadata.name, policy: cappedNoteOf(pool)?.policy ?? null }));
  } catch (error) {
    const kind = kindOf(error);
    if (kind === "not-found" || kind === "denied") return [];
    throw error;
  }
}

async function giveBack(
  client: CappedClient,
  name: string,
  call: () => CallOptions,
): Promise<readonly CapChange[]> {
  try {
    return await changeLimits(
      client,
      async () => await client.get(RESOURCE.nodePools, { name }, call()),
      givenBackPatch,
      call,
    );
  } catch (error) {
    if (kindOf(error) === "not-found") return [];
    throw error;
  }
}

/** Over what was read, and worked out anew when somebody else has written in between. */
export async function changeLimits(
  client: Pick<CappedClient, "mergePatch">,
  read: () => Promise<NodePool>,
  patchOf: (pool: NodePool) => LimitsPatch | null,
  call: () => CallOptions,
  resource = RESOURCE.nodePools,
): Promise<readonly CapChange[]> {
  for (let attempt = 1; ; attempt++) {
    const pool = await read();
    const patch = patchOf(pool);
    if (patch === null) return [];
    const { annotations, limits, changes } = patch;
    const { name, resourceVersion } = pool.metadata;
    if (resourceVersion === undefined)
      throw new AppError("malformed", `NodePool ${name} has no resourceVersion`);
    try {
      const body = {
        metadata: { resourceVersion, annotations },
        ...(changes.length === 0 ? {} : { spec: { limits } }),
      };
      await client.mergePatch(resource, { name }, body, call());
      return changes;
    } catch (error) {
      if (kindOf(error) !== "conflict" || attempt >= ATTEMPTS) throw error;
    }
  }
}
