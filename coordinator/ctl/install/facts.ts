// What the checks before an installation look at, each thing read by itself. Types only.

import type { KubeObject, Lease, StorageClass } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Certificate, RightAnswer } from "../doctor/facts.ts";
import type { Read } from "../doctor/finding.ts";
import type { Definition, Workload } from "../doctor/kinds.ts";
import type { Rendered } from "./helm.ts";

export interface PreFlight {
  readonly now: EpochMs;
  readonly namespace: string;
  readonly release: string;
  readonly helm: Read<string>;
  /** What the chart makes of the values. */
  readonly rendered: Read<readonly Rendered[]>;
  readonly version: Read<{ readonly major: string; readonly minor: string; readonly gitVersion: string }>;
  readonly space: Read<KubeObject>;
  readonly definition: Read<Definition>;
  /** Rendered kinds that the API server does not know, as `kind in apiVersion`. */
  readonly unserved: Read<readonly string[]>;
  /** Objects for the whole cluster that are there already under a name of ours. */
  readonly standing: Read<readonly KubeObject[]>;
  /** Whoever types, asked of the API server. */
  readonly rights: Read<readonly RightAnswer[]>;
  /** What the API server says of each rendered object without keeping it. */
  readonly trial: Read<readonly Trial[]>;
  readonly storageClasses: Read<readonly StorageClass[]>;
  /** Servers of NATS that are not the chart's. */
  readonly servers: Read<readonly NatsServer[]>;
  readonly certificates: Read<readonly Certificate[]>;
  /** Names of Secrets that pods would wait for. */
  readonly secrets: Read<readonly string[]>;
  readonly leases: Read<readonly Lease[]>;
  /** Deployments and DaemonSets of all namespaces. */
  readonly workloads: Read<readonly Workload[]>;
}

export interface Trial {
  /** `ClusterRole gpu-autoscaler-agent`. */
  readonly object: string;
  /** Null: it would be taken. */
  readonly refusal: string | null;
}

export interface NatsServer {
  readonly url: string;
  /** `unseen`: it is not inside of this cluster, or nobody may look. */
  readonly state: "ready" | "no-service" | "no-endpoint" | "unseen";
}
