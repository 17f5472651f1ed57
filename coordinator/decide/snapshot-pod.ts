// One pod as a decision sees it: what it asks for, where it may run and what it runs beside, where the scheduler
// stands with it. Most pods have little of this, so what few have is optional and absent means that there is none.

import type { LabelSelector, Toleration } from "../../shared/model/kube.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { EpochMs } from "../../shared/model/units.ts";

export interface PodInput {
  /** namespace/name */
  readonly key: string;
  readonly uid: string;
  readonly node: string | null;
  readonly createdAt: EpochMs;
  /** Where the scheduler stands with a pod that has no node. */
  readonly waiting:
    | { readonly kind: "unschedulable"; readonly since: EpochMs }
    | { readonly kind: "gated" }
    | { readonly kind: "undecided" }
    /** Its scheduler says that it would fit and waits for the rest of its gang. */
    | { readonly kind: "gang"; readonly since: EpochMs }
    | null;
  readonly nominatedNode: string | null;
  readonly terminating: boolean;
  /** When a terminating pod is to be gone, its grace included. */
  readonly endsAt?: EpochMs;
  /** When its end was first asked for, by the API server's clock as `createdAt`: its successor is younger. */
  readonly endingSince?: EpochMs;
  readonly owner: { readonly uid: string; readonly kind: string } | null;
  readonly daemon: boolean;
  readonly mirror: boolean;
  readonly class: EvictionClass;
  readonly requests: Resources;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly priority: number;
  /** Only those that decisions read: safe-to-evict, do-not-disrupt, reclaim, checkpoint hooks. */
  readonly annotations: Readonly<Record<string, string>>;

  // What few pods have. Absent: it has none.
  /** Those that some selector may ask for; the namespace is in the key. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Required node affinity: one of the terms has to hold. An empty list matches nothing. */
  readonly nodeTerms?: readonly NodeTerm[];
  readonly podAffinity?: readonly PodTerm[];
  readonly podAntiAffinity?: readonly PodTerm[];
  /** Only those that forbid: DoNotSchedule. */
  readonly spread?: readonly SpreadInput[];
  readonly hostPorts?: readonly HostPort[];
  readonly volumes?: readonly VolumeInput[];
  readonly gang?: GangInput;
  /** Names of ResourceClaims, which are not understood yet. */
  readonly resourceClaims?: readonly string[];
  /** Name of the ProvisioningRequest that consumes it, which is not understood yet. */
  readonly provisioningRequest?: string;
  /** GPU model that it asks for by annotation or well-known label, as written. */
  readonly gpuModel?: string;
  /** emptyDir that is no memory, or hostPath; without those that the pod itself lists as no loss. */
  readonly localStorage?: boolean;
  readonly startedAt?: EpochMs;
  /** False: its Ready condition is not True. */
  readonly ready?: boolean;
}

/** What one pod of a DaemonSet takes of a node, and on which nodes there will be one. */
export type DaemonInput = Pick<
  PodInput,
  "key" | "uid" | "requests" | "nodeSelector" | "nodeTerms" | "tolerations"
>;

/** All of the expressions have to hold; with none the term matches nothing, as in Kubernetes. */
export interface NodeTerm {
  readonly labels: readonly NodeExpression[];
  /** On `metadata.name`, which no new node has. */
  readonly names: readonly NodeExpression[];
}

export interface NodeExpression {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values: readonly string[];
}

export interface PodTerm {
  readonly topologyKey: string;
  /** Null selects no pod. `matchLabelKeys` and `mismatchLabelKeys` are worked in. */
  readonly selector: LabelSelector | null;
  /** Names, the pod's own where the term says nothing. */
  readonly namespaces: readonly string[];
  /** Beside `namespaces`; an empty one selects all. */
  readonly namespaceSelector: LabelSelector | null;
}

export interface SpreadInput {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** `matchLabelKeys` is worked in. */
  readonly selector: LabelSelector | null;
  /** Whether domains of nodes that the pod's selector and affinity exclude do not count; Kubernetes: Honor. */
  readonly nodeAffinityPolicy: "Honor" | "Ignore";
  /** Whether domains of nodes whose taints it does not tolerate do not count; Kubernetes: Ignore. */
  readonly nodeTaintsPolicy: "Honor" | "Ignore";
}

export interface HostPort {
  /** "0.0.0.0" clashes with every address. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** One claim of a pod, as far as it says where the pod may run. */
export type VolumeInput =
  /** Bound: the node has to match the volume's own terms; null: it may be anywhere. */
  | {
      readonly kind: "bound";
      readonly claim: string;
      readonly nodeTerms: readonly NodeTerm[] | null;
      readonly driver: string | null;
    }
  /** Made where the pod goes, within these terms; null: anywhere. */
  | {
      readonly kind: "first-consumer";
      readonly claim: string;
      readonly nodeTerms: readonly NodeTerm[] | null;
      readonly driver: string | null;
    }
  /** No node helps: there is no such claim, its volume is not bound and does not wait for a pod, or it is gone. */
  | { readonly kind: "missing" | "unbound" | "lost"; readonly claim: string };

export interface GangInput {
  /** `<namespace>/<name>` with the kind where names could meet. */
  readonly id: string;
  /** Pods that have to run together. Null: what is there, since nobody says. */
  readonly minimum: number | null;
  /** Members that have done their work and run no more: the gang does not wait for them. Absent: none. */
  readonly succeeded?: number;
  readonly source: "PodGroup" | "JobSet" | "Kueue" | "LeaderWorkerSet" | "annotation";
}
