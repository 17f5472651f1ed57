// Why NodePools get no machines: Karpenter deletes a NodeClaim for which its provider has none, and what is left is an
// event. The events are watched for as long as we run. Where we may not read them, the failures are not known, and
// nothing else is missing.

import { parseInstant } from "../../shared/model/instant.ts";
import type { KubeObject } from "../../shared/model/kube.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { elapsed, epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { RESOURCE, reduced } from "../../shared/runtime/kube/resources.ts";
import type { EventObject } from "../../shared/runtime/kube/resources.ts";
import { noCapacity } from "./machine-failure.ts";
import type { MachineFailure } from "./machine-failure.ts";
import type { ScaleGroupsOptions } from "./scale-groups.ts";
import { createWatched } from "./watched.ts";

export interface ClaimFailures {
  /** The newest failure of a pool that is not too long ago to say how it is now; null is none. */
  recent(pool: string, now: EpochMs): MachineFailure | null;
}

/** Karpenter tries again within seconds, and says so each time. */
const RECENT_MS = 60_000;
const SELECTOR = { fieldSelector: `involvedObject.kind=NodeClaim,reason=${KARPENTER.noCapacity}` };
/**
 * What the API server appends to the name of a NodePool to name its claims. The claim of an event is gone, so its name is
 * all there is to find the pool by; of a pool whose name is too long to fit, no failure is known.
 */
const GENERATED = /-[a-z0-9]{5}$/;

/** What is kept of an event. */
interface Refusal extends KubeObject {
  readonly pool: string;
  readonly message: string;
  readonly at: string;
}

export function watchClaimFailures({ watch, clock, onChange, spawn }: ScaleGroupsOptions): ClaimFailures {
  const newest = new Map<string, { readonly at: EpochMs; readonly failure: MachineFailure }>();

  function heard({ pool, message }: Refusal, at: EpochMs): void {
    const known = newest.get(pool);
    if (known !== undefined && known.at >= at) return;
    newest.set(pool, { at, failure: noCapacity(message) });
    onChange();
  }

  const watched = createWatched(
    reduced(RESOURCE.events, refusalOf),
    watch,
    (event) => {
      const now = clock.now();
      // What comes is of this moment. What is listed may be old, and is never of later, whatever the server's clock says.
      if (event.kind === "put") heard(event.object, now);
      if (event.kind === "synced")
        for (const refusal of event.items)
          heard(refusal, epochMs(Math.min(parseInstant(refusal.at) ?? 0, now)));
    },
    SELECTOR,
  );
  spawn("watch of NodeClaims without a machine", async (signal) => await watched.run(signal));

  return {
    recent: (pool, now) => {
      const known = newest.get(pool);
      return known !== undefined && elapsed(known.at, now) <= RECENT_MS ? known.failure : null;
    },
  };
}

function refusalOf({ metadata, involvedObject, message, lastTimestamp }: EventObject): Refusal {
  return { metadata, pool: involvedObject.name.replace(GENERATED, ""), message, at: lastTimestamp ?? "" };
}
