// What the API says about itself: groups, versions, resources, health. Clients use it to find the plural name
// and the subresources of a kind that they only know by its name.

import { RESOURCES } from "../../../coordinator/replay/world-resources.ts";
import type { ResourceInfo } from "../../../coordinator/replay/world-resources.ts";
import { noSuchPath } from "./refusal.ts";

const VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"];

/** The document at `path`. @throws Refusal with 404 when there is none. */
export function documentAt(path: string): unknown {
  const [root, group, version] = path.split("/").filter((part) => part !== "");
  if (root === "version") return { major: "1", minor: "34", gitVersion: "v1.34.0-sim" };
  if (root === "healthz" || root === "livez" || root === "readyz") return "ok";
  if (root === "api" && group === undefined) return { kind: "APIVersions", versions: ["v1"] };
  if (root === "api") return resourceList("", group ?? "");
  if (root !== "apis") throw noSuchPath();
  if (group === undefined)
    return { kind: "APIGroupList", apiVersion: "v1", groups: groupNames().map(groupOf) };
  if (version === undefined) return groupDocument(group);
  return resourceList(group, version);
}

function infos(): readonly ResourceInfo[] {
  return Object.values(RESOURCES);
}

function groupNames(): readonly string[] {
  return [...new Set(infos().map(({ group }) => group))].filter((group) => group !== "");
}

function groupDocument(name: string): object {
  if (!groupNames().includes(name)) throw noSuchPath();
  return { kind: "APIGroup", apiVersion: "v1", ...groupOf(name) };
}

function groupOf(name: string): {
  name: string;
  versions: readonly object[];
  preferredVersion: object | undefined;
} {
  const versions = [...new Set(infos().flatMap(({ group, version }) => (group === name ? [version] : [])))];
  const named = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: named, preferredVersion: named[0] };
}

function resourceList(group: string, version: string): object {
  const matching = infos().filter((info) => info.group === group && info.version === version);
  if (matching.length === 0) throw noSuchPath();
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: matching.flatMap(resourceRows),
  };
}

function resourceRows(info: ResourceInfo): readonly object[] {
  const { plural, kind, namespaced } = info;
  const rows: object[] = [{ name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: VERBS }];
  const changing = ["get", "patch", "update"];
  if (info.hasStatus)
    rows.push({ name: `${plural}/status`, singularName: "", namespaced, kind, verbs: changing });
  if (info.hasScale) {
    const scale = { group: "autoscaling", version: "v1", kind: "Scale" };
    rows.push({ name: `${plural}/scale`, singularName: "", namespaced, ...scale, verbs: changing });
  }
  if (plural === "pods") {
    const eviction = { group: "policy", version: "v1", kind: "Eviction" };
    rows.push({ name: "pods/eviction", singularName: "", namespaced, ...eviction, verbs: ["create"] });
  }
  return rows;
}
