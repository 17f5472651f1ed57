// What whoever installs has to be allowed: to read and write each kind that the chart makes, the definition of policies, the
// Secrets in which Helm keeps its releases, and the namespace where it is not there. Asked of the API server for oneself.

import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";
import type { RightAnswer } from "../doctor/facts.ts";
import { KIND } from "../doctor/kinds.ts";

interface Wanted {
  readonly resource: Pick<Resource, "group" | "plural" | "namespaced">;
  readonly verbs: readonly string[];
  readonly purpose: string;
}

const WRITE = ["get", "create", "patch"];

/** @throws AppError when it cannot be asked. */
export async function askOwnRights(
  client: Pick<KubeClient, "create">,
  {
    resources,
    namespace,
    makesSpace,
  }: {
    /** Of what the chart makes; each counts once. */
    readonly resources: readonly Resource[];
    readonly namespace: string;
    readonly makesSpace: boolean;
  },
  limits: CallOptions,
): Promise<readonly RightAnswer[]> {
  const made = new Map(resources.map((resource) => [`${resource.group}/${resource.plural}`, resource]));
  const wanted: readonly Wanted[] = [
    ...[...made.values()].map((resource) => ({ resource, verbs: WRITE, purpose: "what the chart makes" })),
    { resource: KIND.definitions, verbs: WRITE, purpose: "the definition of policies" },
    { resource: KIND.secrets, verbs: ["list", "create", "update"], purpose: "Helm's own record of releases" },
    ...(makesSpace
      ? [
          {
            resource: { group: "", plural: "namespaces", namespaced: false },
            verbs: ["create"],
            purpose: "the namespace",
          },
        ]
      : []),
  ];
  return await Promise.all(
    wanted.flatMap(({ resource, verbs, purpose }) =>
      verbs.map(async (verb): Promise<RightAnswer> => {
        const { group, plural, namespaced } = resource;
        const review = await client.create(
          KIND.selfReviews,
          {
            metadata: { name: "" },
            spec: {
              resourceAttributes: { group, resource: plural, verb, ...(namespaced ? { namespace } : {}) },
            },
          },
          limits,
        );
        return { verb, resource: plural, purpose, allowed: review.status?.allowed === true };
      }),
    ),
  );
}
