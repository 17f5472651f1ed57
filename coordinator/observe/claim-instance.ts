// A NodeClaim as a decision reads it. Whether its node is its own, and Ready, is found out by who calls.

import { parseInstant } from "../../shared/model/instant.ts";
import type { NodeClaim } from "../../shared/model/kube.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { isLive, isUnlaunched } from "../cloud/scale/claims.ts";
import type { InstanceInput } from "../decide/snapshot.ts";
import { claimFailure } from "./machine-failure.ts";

export function claimInstance(claim: NodeClaim, node: string | null, ready: boolean): InstanceInput {
  const { name, labels = {}, creationTimestamp = "" } = claim.metadata;
  // Karpenter goes on trying, with what has just been refused.
  const failure = isLive(claim) && isUnlaunched(claim) ? claimFailure(claim) : undefined;
  const state = !isLive(claim) ? "leaving" : failure !== undefined ? "failed" : ready ? "ready" : "booting";
  const createdAt = parseInstant(creationTimestamp);
  const { [NODE_LABEL.zone]: zone, [NODE_LABEL.instanceType]: instanceType } = labels;
  return {
    id: name,
    node,
    state,
    ...(createdAt === null ? {} : { createdAt }),
    ...(zone === undefined ? {} : { zone }),
    ...(instanceType === undefined ? {} : { instanceType }),
    ...(failure === undefined ? {} : { failure }),
  };
}
