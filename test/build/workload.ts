// What a test reads of a workload that the chart renders: its pods, their containers, and the environment that a program
// would find there. Only the fields that are asked for.

import type { Rendered } from "../control-plane/helm.ts";

export interface RenderedContainer {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly fieldRef?: { readonly fieldPath: string } };
  }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe?: { readonly httpGet?: { readonly path: string; readonly scheme?: string } };
  readonly readinessProbe?: { readonly httpGet?: { readonly path: string; readonly scheme?: string } };
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

export interface RenderedVolume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string }[] };
  readonly projected?: {
    readonly sources: readonly { readonly serviceAccountToken?: { readonly audience: string } }[];
  };
}

export interface RenderedPod {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly dnsPolicy?: string;
  readonly priorityClassName?: string;
  readonly runtimeClassName?: string;
  readonly terminationGracePeriodSeconds?: number;
  readonly tolerations?: readonly object[];
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: {
        readonly nodeSelectorTerms: readonly {
          readonly matchExpressions: readonly { readonly key: string; readonly operator: string }[];
        }[];
      };
    };
  };
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string }[];
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsNonRoot?: boolean;
    readonly seccompProfile?: { readonly type: string };
  };
  readonly containers: readonly [RenderedContainer, ...RenderedContainer[]];
  readonly volumes?: readonly RenderedVolume[];
}

export interface RenderedTemplate {
  readonly metadata: Required<Pick<Rendered["metadata"], "labels" | "annotations">>;
  readonly spec: RenderedPod;
}

/** @throws Error when the object has no template of pods. */
export function templateOf({ kind, metadata, spec }: Rendered): RenderedTemplate {
  const { template } = spec as { readonly template?: RenderedTemplate };
  if (template === undefined) throw new Error(`${kind} ${metadata.name} makes no pods`);
  return template;
}

/** As the kubelet would set it, on a node and for a pod of these names. */
export function environmentOf(object: Rendered): Readonly<Record<string, string>> {
  const known: Readonly<Record<string, string>> = {
    "spec.nodeName": "node-1",
    "metadata.name": "pod-1",
    "metadata.namespace": "namespace-1",
  };
  const { env = [] } = templateOf(object).spec.containers[0];
  return Object.fromEntries(
    env.map(({ name, value, valueFrom }) => [
      name,
      value ?? known[valueFrom?.fieldRef?.fieldPath ?? ""] ?? "",
    ]),
  );
}
