// What one account at one provider shows: many groups in one call, with their members. The observer keeps what it has
// seen and asks again (observe/clouds.ts); a decision reads only that. Writes go through `group`.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { RivalKind } from "../../shared/model/rival.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { GroupTemplate, InstanceInput, PricePoint } from "../decide/snapshot.ts";
import type { BackEnd, CallOptions, GroupState, NodeGroup } from "./group.ts";

/**
 * A member by the cloud's own word. `present`: there is a machine; whether it is a Ready node is seen in the cluster.
 * Members are joined to nodes by `providerID`, never by name (provider-id.ts).
 */
export interface Member extends Omit<InstanceInput, "node" | "state"> {
  readonly state: "present" | "leaving" | "failed";
  /** As the cluster's nodes show it, in the spelling of provider-id.ts. Absent: a placeholder, or one that has no machine. */
  readonly providerID?: string;
}

/** Something else that sizes this group or exchanges its machines, as the provider shows it. */
export interface RivalSight {
  readonly rival: RivalKind;
  /** What was seen, in words: `scaling policy cpu-50 of gpu-spot`. */
  readonly detail: string;
}

export type GroupLook =
  | {
      readonly kind: "seen";
      readonly state: GroupState;
      readonly chosenRemoval: boolean;
      /** Whether `releaseInstance` leaves the machine running, so that it may be called at the notice. */
      readonly detaches: boolean;
      /** Whether the group makes the next machine at once for one that another hand ends. Absent: it does not. */
      readonly replacesLeaving?: boolean;
      /** The last change of its size has failed, and the cloud may have taken the size back. Absent: it has not, or nobody knows. */
      readonly changeFailed?: boolean;
      /** Why, where the cloud says it: the size that was taken back has no place left that could. */
      readonly changeFailure?: { readonly kind: LaunchFailureKind; readonly detail: string };
      readonly members: readonly Member[];
      /** providerIDs of machines that are in the group and fill no place of its size: set aside, or kept warm. */
      readonly aside?: readonly string[];
      readonly template?: GroupTemplate;
      /** What its next machine is paid as, by its template. Absent: the provider does not say, or it may be either. */
      readonly capacityType?: "spot" | "on-demand";
      /** What an operator should know of the group's own settings, in words. */
      readonly mismatches: readonly string[];
      /** Absent: the provider shows none. */
      readonly rivals?: readonly RivalSight[];
    }
  | { readonly kind: "missing" | "unknown"; readonly detail: string };

/** Whether one call would be let through, found out without changing anything. */
export interface ProbeAnswer {
  /** As the provider names the right: `autoscaling:SetDesiredCapacity`, `compute.instanceGroupManagers.update`. */
  readonly call: string;
  /** `unknown`: it cannot be found out without doing it, or nobody answered. */
  readonly outcome: "allowed" | "denied" | "unknown";
  /** Why, in words: the provider's refusal, or what stands against asking. Never a credential. */
  readonly detail?: string;
  /** True: all that moves nodes works without it. */
  readonly optional?: boolean;
}

export interface CloudAccount {
  readonly backEnd: BackEnd;
  /** In metrics and logs: `aws us-west-2`. */
  readonly name: string;
  /**
   * Looks at groups by their key in this account, as few calls as the provider allows; one entry for each key. A group
   * whose answer is malformed is `unknown` and the others are seen. @throws AppError when nothing could be asked.
   */
  look(keys: readonly string[], options: CallOptions): Promise<ReadonlyMap<string, GroupLook>>;
  group(key: string): NodeGroup;
  /**
   * What spot machines of these types cost at `at`, by zone; a type or zone without a price is not in the answer.
   * @throws AppError, `denied` without the right. Absent: the provider does not tell, or not by a call of ours.
   */
  spotPrices?(
    instanceTypes: readonly string[],
    at: EpochMs,
    options: CallOptions,
  ): Promise<readonly PricePoint[]>;
  /**
   * Which of the calls that `look` and `group` make would be let through for these groups, each call once. It changes
   * nothing at the provider, whatever it is allowed, and sends nothing that would if a check there failed to refuse it.
   * Nothing of an answer is an error: what could not be asked is `unknown` with its reason. Absent: it cannot tell.
   * Rejects by the signal alone.
   */
  probe?(keys: readonly string[], options: CallOptions): Promise<readonly ProbeAnswer[]>;
}
