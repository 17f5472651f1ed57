// All that the checks look at, each thing read by itself: that one cannot be read says nothing of the others. Types only.

import type { KubeObject, Lease, Node, Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { UnreadObject } from "../../../shared/runtime/kube/resources.ts";
import type { RightsAnswer } from "../../report/rights-page.ts";
import type { Read } from "./finding.ts";
import type { AdmissionBinding, AdmissionPolicy, Definition, DeviceSlice, Workload } from "./kinds.ts";

export interface Facts {
  readonly now: EpochMs;
  /** Where our programs run. */
  readonly namespace: string;
  readonly version: Read<{ readonly major: string; readonly minor: string; readonly gitVersion: string }>;
  readonly space: Read<KubeObject>;
  readonly definition: Read<Definition>;
  readonly policies: Read<readonly UnreadObject[]>;
  readonly nodes: Read<readonly Node[]>;
  /** In all namespaces. */
  readonly pods: Read<readonly Pod[]>;
  readonly budgets: Read<readonly PodDisruptionBudget[]>;
  readonly nodeLeases: Read<readonly Lease[]>;
  readonly slices: Read<readonly DeviceSlice[]>;
  readonly agents: Read<Workload>;
  readonly coordinator: Read<Workload>;
  readonly nats: Read<Workload>;
  readonly lease: Read<Lease>;
  /** The leader's own page, by the service's proxy. */
  readonly page: Read<unknown>;
  /** What the leader's probe says. */
  readonly probe: Read<Probe>;
  readonly admissionPolicies: Read<readonly AdmissionPolicy[]>;
  readonly admissionBindings: Read<readonly AdmissionBinding[]>;
  readonly agentRights: Read<readonly RightAnswer[]>;
  readonly coordinatorRights: Read<readonly RightAnswer[]>;
  readonly certificates: Read<readonly Certificate[]>;
  /** What each account at a cloud lets the coordinator do, by its own answer. */
  readonly cloudRights: Read<RightsAnswer>;
  /** The metrics page of the replica that leads, or of any. */
  readonly coordinatorMetrics: Read<string>;
  /** Those of a few agents. */
  readonly agentMetrics: Read<readonly AgentPage[]>;
}

export interface AgentPage {
  readonly node: string;
  readonly text: Read<string>;
}

export interface Probe {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

export interface RightAnswer {
  readonly verb: string;
  /** With its subresource: "nodes/status". */
  readonly resource: string;
  readonly purpose: string;
  readonly allowed: boolean;
}

export interface Certificate {
  /** "Secret gpu-autoscaler-web, tls.crt". */
  readonly place: string;
  /** Null: it is no certificate that can be read. */
  readonly expires: EpochMs | null;
}
