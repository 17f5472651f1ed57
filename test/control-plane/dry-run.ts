// What a real API server says to an object, strictly, without keeping it.

import type { Rendered } from "./helm.ts";
import type { ControlPlane } from "./start.ts";

/** "taken", or the status and the text of the refusal. `plurals` are of the same server. */
export async function dryRunOf(
  { send }: Pick<ControlPlane, "send">,
  plurals: ReadonlyMap<string, string>,
  object: Rendered,
): Promise<string> {
  const { apiVersion, kind, metadata } = object;
  const plural = plurals.get(`${apiVersion} ${kind}`);
  if (plural === undefined) return `the server knows no ${kind} of ${apiVersion}`;
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  const path = `${root}${within}/${plural}?dryRun=All&fieldValidation=Strict`;
  const { status, text } = await send({ method: "POST", path, json: object });
  return status === 201 ? "taken" : `${status} ${text}`;
}

/** "apps/v1 DaemonSet" → "daemonsets", of everything that the server serves. */
export async function pluralsOf({ send }: Pick<ControlPlane, "send">): Promise<ReadonlyMap<string, string>> {
  const { text } = await send({ method: "GET", path: "/apis" });
  const { groups } = JSON.parse(text) as {
    readonly groups: readonly { readonly versions: readonly { readonly groupVersion: string }[] }[];
  };
  const versions = [
    "v1",
    ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion)),
  ];
  const found = new Map<string, string>();
  for (const version of versions) {
    const path = version.includes("/") ? `/apis/${version}` : `/api/${version}`;
    const { resources } = JSON.parse((await send({ method: "GET", path })).text) as {
      readonly resources: readonly { readonly name: string; readonly kind: string }[];
    };
    for (const { name, kind } of resources) if (!name.includes("/")) found.set(`${version} ${kind}`, name);
  }
  return found;
}
