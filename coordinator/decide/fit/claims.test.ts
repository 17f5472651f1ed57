import { expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { claims } from "./claims.ts";

test.each<readonly [string, Partial<PodInput>, Reason | null]>([
  ["none", {}, null],
  ["an empty list", { resourceClaims: [] }, null],
  ["two claims", { resourceClaims: ["b", "a"] }, { code: "claims-not-understood", claim: "a" }],
  ["a request", { provisioningRequest: "pr" }, { code: "provisioning-request", name: "pr" }],
])("claims: %s", (_, fields, reason) => {
  const pod = podWith("p", fields);
  for (const kind of ["new", "booting", "node"] as const)
    expect(claims.refusal(pod, place({ kind }), contextOf([pod]))).toEqual(reason);
});
