// Everything that a real API server holds, by name: what was there before and is there after. Found by discovery, so that
// nothing is left out because nobody thought of it.

import type { ControlPlane } from "./start.ts";

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly verbs: readonly string[];
  }[];
}

interface ObjectList {
  readonly items: readonly { readonly metadata: { readonly namespace?: string; readonly name: string } }[];
}

/** What the server or its clients make by themselves all the time. */
const COMES_AND_GOES = ["events", "leases", "apiservices", "endpoints", "endpointslices"];

/** "deployments.apps namespace/name" of each object. */
export async function inventory({ send }: Pick<ControlPlane, "send">): Promise<ReadonlySet<string>> {
  const ask = async <T>(path: string): Promise<T> => {
    const { status, text } = await send({ method: "GET", path });
    if (status !== 200) throw new Error(`GET ${path}: ${status} ${text}`);
    // What discovery and lists look like is Kubernetes' own.
    return JSON.parse(text) as T;
  };
  const { groups } = await ask<GroupList>("/apis");
  const paths = [
    "/api/v1",
    ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`),
  ];
  const found = new Set<string>();
  for (const path of paths) {
    const { resources } = await ask<ResourceList>(path);
    for (const { name, verbs } of resources) {
      if (name.includes("/") || !verbs.includes("list") || COMES_AND_GOES.includes(name)) continue;
      const { items } = await ask<ObjectList>(`${path}/${name}`);
      for (const { metadata } of items)
        found.add(`${name}${groupOf(path)} ${[metadata.namespace, metadata.name].filter(Boolean).join("/")}`);
    }
  }
  return found;
}

function groupOf(path: string): string {
  const [, , group, version] = path.split("/");
  return version === undefined ? "" : `.${group}`;
}
