// Kinds that only people's tools read, with the fields that are looked at, and what a workload of ours says of itself. The
// programs themselves never ask for these.

import type { Condition, KubeObject } from "../../../shared/model/kube.ts";
import { API_GROUP, POLICY } from "../../../shared/model/names.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";

/** A DaemonSet, Deployment or StatefulSet. */
export interface Workload extends KubeObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly name: string;
          readonly image?: string;
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
          readonly livenessProbe?: { readonly httpGet?: { readonly scheme?: string } };
        }[];
        readonly volumes?: readonly WorkloadVolume[];
      };
    };
  };
  readonly status?: {
    readonly desiredNumberScheduled?: number;
    readonly numberReady?: number;
    readonly updatedNumberScheduled?: number;
    readonly readyReplicas?: number;
  };
}

export interface WorkloadVolume {
  readonly name: string;
  readonly secret?: { readonly secretName?: string };
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: { readonly audience?: string } }[];
  };
}

export interface Definition extends KubeObject {
  readonly spec?: {
    readonly versions?: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: unknown;
    }[];
  };
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface AdmissionPolicy extends KubeObject {
  readonly spec?: {
    readonly matchConditions?: readonly { readonly expression: string }[];
    readonly variables?: readonly { readonly expression: string }[];
    readonly validations?: readonly { readonly expression: string }[];
  };
}

export interface AdmissionBinding extends KubeObject {
  readonly spec?: { readonly policyName?: string; readonly validationActions?: readonly string[] };
}

/** Only certificates are ever read of it. */
export interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface AccessReview extends KubeObject {
  readonly spec: {
    readonly user: string;
    readonly groups: readonly string[];
    readonly resourceAttributes: {
      readonly group: string;
      readonly resource: string;
      readonly subresource?: string;
      readonly verb: string;
      readonly namespace?: string;
    };
  };
  readonly status?: { readonly allowed?: boolean };
}

/** The same of whoever asks. */
export interface SelfReview extends KubeObject {
  readonly spec: { readonly resourceAttributes: AccessReview["spec"]["resourceAttributes"] };
  readonly status?: { readonly allowed?: boolean };
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[];
}

export interface DeviceSlice extends KubeObject {
  readonly spec?: { readonly driver?: string; readonly nodeName?: string };
}

function kind<T extends KubeObject>(
  apiVersion: string,
  name: string,
  plural: string,
  namespaced: boolean,
): Resource<T> {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return { group: group ?? "", version: version ?? "", plural, kind: name, namespaced };
}

const ADMISSION = "admissionregistration.k8s.io/v1";

export const KIND = {
  daemonSets: kind<Workload>("apps/v1", "DaemonSet", "daemonsets", true),
  deployments: kind<Workload>("apps/v1", "Deployment", "deployments", true),
  statefulSets: kind<Workload>("apps/v1", "StatefulSet", "statefulsets", true),
  definitions: kind<Definition>(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    false,
  ),
  admissionPolicies: kind<AdmissionPolicy>(
    ADMISSION,
    "ValidatingAdmissionPolicy",
    "validatingadmissionpolicies",
    false,
  ),
  admissionBindings: kind<AdmissionBinding>(
    ADMISSION,
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    false,
  ),
  selfReviews: kind<SelfReview>(
    "authorization.k8s.io/v1",
    "SelfSubjectAccessReview",
    "selfsubjectaccessreviews",
    false,
  ),
  services: kind<KubeObject>("v1", "Service", "services", true),
  endpoints: kind<EndpointSlice>("discovery.k8s.io/v1", "EndpointSlice", "endpointslices", true),
  secrets: kind<Secret>("v1", "Secret", "secrets", true),
  accessReviews: kind<AccessReview>(
    "authorization.k8s.io/v1",
    "SubjectAccessReview",
    "subjectaccessreviews",
    false,
  ),
  slices: kind<DeviceSlice>("resource.k8s.io/v1", "ResourceSlice", "resourceslices", false),
} as const;

export const DEFINITION_NAME = `${POLICY.plural}.${API_GROUP}`;

/** Of its first container, what is written as a value. */
export function environmentOf(workload: Workload | null): Readonly<Record<string, string>> {
  const [container] = workload?.spec?.template?.spec?.containers ?? [];
  return Object.fromEntries(
    (container?.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
  );
}
