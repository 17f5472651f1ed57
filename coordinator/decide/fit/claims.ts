// Dynamic resource allocation (ResourceClaims) and ProvisioningRequests are not understood yet. A pod with one is
// refused everywhere, because a node bought on a guess may never be used, and a pod taken from its node may find no
// other.

import type { Reason } from "../../../shared/model/reasons.ts";
import { compareText } from "../order.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Check } from "./check.ts";

export const claims: Check = { name: "claims", reads: "marks", refusal: claimsRefusal };

/** Of several claims the first by name. */
export function claimsRefusal({ resourceClaims, provisioningRequest }: PodInput): Reason | null {
  const [claim] = (resourceClaims ?? []).toSorted(compareText);
  if (claim !== undefined) return { code: "claims-not-understood", claim };
  return provisioningRequest === undefined
    ? null
    : { code: "provisioning-request", name: provisioningRequest };
}
