// The objects of other projects, as those projects define them: read out of their Go modules, with only what needs a
// running controller taken out (conversion webhooks), and installed into a control plane, as our own may be.

import { parse } from "yaml";

import type { KubeObject } from "../../shared/model/kube.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import { openGoModule } from "../tools/go-module.ts";
import type { ControlPlane } from "./start.ts";

/** A CustomResourceDefinition, as far as it is looked into here. */
export interface Definition extends KubeObject {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string; readonly kind: string };
    readonly scope: "Namespaced" | "Cluster";
    readonly conversion?: unknown;
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly schema?: unknown;
      readonly subresources?: unknown;
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const DEFINITIONS: Resource<Definition> = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
  namespaced: false,
};

const CLUSTER_API_MODULE = {
  path: "sigs.k8s.io/cluster-api",
  version: "v1.14.2",
  sum: "h1:o3GFNaeNFAOEEMpDPfhCK+2CjmV6gtQ8yLEcUwCg7bA=",
};
const KARPENTER_MODULE = {
  path: "sigs.k8s.io/karpenter",
  version: "v1.13.0",
  sum: "h1:7/ZergHciATEZ/hubSe9S2fB4iYWcRZqrWIItupUjVM=",
};

/** Machine, MachineDeployment and MachinePool, stored in the given version; the others are served beside it. */
export async function clusterApiDefinitions(
  version: "v1beta1" | "v1beta2" = "v1beta2",
): Promise<readonly Definition[]> {
  const files = await openGoModule(CLUSTER_API_MODULE);
  return ["machines", "machinedeployments", "machinepools"].map((plural) =>
    storedIn(version, read(files.text(`/config/crd/bases/cluster.x-k8s.io_${plural}.yaml`))),
  );
}

/** NodePool and NodeClaim. */
export async function karpenterDefinitions(): Promise<readonly Definition[]> {
  const files = await openGoModule(KARPENTER_MODULE);
  return ["nodepools", "nodeclaims"].map((plural) =>
    read(files.text(`/pkg/apis/crds/karpenter.sh_${plural}.yaml`)),
  );
}

/** A kind of which nothing is checked; `sized`: with its size in spec.replicas, and that as its scale. */
export function bareDefinition(of: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly sized?: boolean;
}): Definition {
  const [group = "", version = ""] = of.apiVersion.split("/");
  const { kind, plural, sized = false } = of;
  const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  const paths = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  return {
    // Some such groups are the Kubernetes project's own, which wants to have looked at them.
    metadata: {
      name: `${plural}.${group}`,
      annotations: { "api-approved.kubernetes.io": "unapproved, for a test" },
    },
    spec: {
      group,
      names: { kind, plural },
      scope: "Namespaced",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: anything },
          ...(sized ? { subresources: { status: {}, scale: paths } } : {}),
        },
      ],
    },
  };
}

/** Resolves when every kind can be used. */
export async function install(
  { client, send }: Pick<ControlPlane, "client" | "send">,
  definitions: readonly Definition[],
): Promise<void> {
  for (const definition of definitions) await client.create(DEFINITIONS, definition);
  for (const { metadata, spec } of definitions) {
    await eventually(async () => {
      const { status } = await client.get(DEFINITIONS, metadata);
      return status?.conditions?.some((one) => one.type === "Established" && one.status === "True");
    });
    // Established comes first; for a moment after that a list is refused as one too many.
    for (const { name } of spec.versions.filter(({ served }) => served)) {
      const path = `/apis/${spec.group}/${name}/${spec.names.plural}`;
      await eventually(async () => (await send({ method: "GET", path })).status === 200);
    }
  }
}

function read(text: string): Definition {
  // What the project ships; whether it is a definition is checked by the server that gets it.
  const { metadata, spec } = parse(text) as Definition;
  return {
    metadata: { name: metadata.name, annotations: metadata.annotations ?? {} },
    spec: withoutWebhook(spec),
  };
}

/** A webhook would convert between versions; without one the server only changes the version's name. */
function withoutWebhook(spec: Definition["spec"]): Definition["spec"] {
  return { ...spec, conversion: { strategy: "None" } };
}

function storedIn(version: string, definition: Definition): Definition {
  const versions = definition.spec.versions.map((one) => ({ ...one, storage: one.name === version }));
  return { ...definition, spec: { ...definition.spec, versions } };
}
