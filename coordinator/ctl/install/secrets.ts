// Secrets that the pods of an installation would wait for: named by what the chart makes of the values, not made by it, and
// not in the namespace. Without one its pods never start, and nothing but their events says why. Of a Secret that is
// there nothing is kept, nor told.

import { NATS_SECRET } from "../../../shared/model/names.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import { fail, judge, named, ok } from "../doctor/finding.ts";
import type { Judgement } from "../doctor/finding.ts";
import { KIND } from "../doctor/kinds.ts";
import type { PreFlight } from "./facts.ts";
import type { Rendered } from "./helm.ts";

interface Reference {
  readonly name?: string;
  readonly secretName?: string;
  readonly optional?: boolean;
}

/** The fields of a pod that name a Secret which has to be there. */
interface PodPart {
  readonly containers?: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly {
    readonly secret?: Reference;
    readonly projected?: { readonly sources?: readonly { readonly secret?: Reference }[] };
  }[];
}

interface Container {
  readonly env?: readonly { readonly valueFrom?: { readonly secretKeyRef?: Reference } }[];
  readonly envFrom?: readonly { readonly secretRef?: Reference }[];
}

/** By name, of those that the chart does not make itself. */
export function secretsWanted(objects: readonly Rendered[]): readonly string[] {
  const made = new Set(objects.filter(({ kind }) => kind === "Secret").map(({ metadata }) => metadata.name));
  const wanted = objects.flatMap((object) => {
    // Helm has rendered it by the form that the API server knows.
    const { spec } = object as Rendered & {
      readonly spec?: { readonly template?: { readonly spec?: PodPart } };
    };
    return referencesIn(spec?.template?.spec ?? {});
  });
  return [
    ...new Set(
      wanted.flatMap(({ name, secretName = name, optional }) =>
        secretName === undefined || optional === true || made.has(secretName) ? [] : [secretName],
      ),
    ),
  ].sort();
}

function referencesIn({ containers = [], initContainers = [], volumes = [] }: PodPart): readonly Reference[] {
  const ofContainers = [...initContainers, ...containers].flatMap(({ env = [], envFrom = [] }) => [
    ...env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []),
    ...envFrom.flatMap(({ secretRef }) => secretRef ?? []),
  ]);
  const ofVolumes = volumes.flatMap(({ secret, projected }) => [
    ...(secret === undefined ? [] : [secret]),
    ...(projected?.sources ?? []).flatMap((source) => source.secret ?? []),
  ]);
  return [...ofContainers, ...ofVolumes];
}

/** Those of them that are not there. @throws AppError when Secrets cannot be read. */
export async function secretsLacking(
  client: Pick<KubeClient, "get">,
  namespace: string,
  objects: readonly Rendered[],
  limits: CallOptions,
): Promise<readonly string[]> {
  const found = await Promise.all(
    secretsWanted(objects).map(async (name) => {
      try {
        await client.get(KIND.secrets, { namespace, name }, limits);
        return [];
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
        return [name];
      }
    }),
  );
  return found.flat();
}

export function secretsThere({ secrets, rendered, namespace }: PreFlight): Judgement {
  return judge(secrets, (lacking) => {
    if (lacking.length > 0)
      return fail(
        `pods would wait for ${named(lacking, "Secret")}, not there in namespace ${namespace}`,
        lacking.includes(NATS_SECRET.name)
          ? `make the keys of NATS first: gpuasctl nats-keys ${namespace} | kubectl create -f - (after kubectl create namespace ${namespace}, where it is not there)`
          : "make it first, or correct the value that names it (nats.auth.secretName, …tls.secretName)",
      );
    const wanted = rendered.kind === "read" ? secretsWanted(rendered.value) : [];
    return ok(
      wanted.length === 0
        ? "no pod needs a Secret of yours"
        : `${named(wanted, "Secret")} that pods need: there`,
    );
  });
}
