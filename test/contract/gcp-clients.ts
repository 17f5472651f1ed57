// The same calls through our own requests and through Google's client library, so that the stand-in is judged by both:
// what it answers has to mean the same to either.

import { compute } from "@googleapis/compute";

import { createGcpCalls } from "../../coordinator/cloud/gcp/calls.ts";
import { createHttp } from "../../coordinator/cloud/gcp/http.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { GcpCloud } from "../world/cloud/gcp.ts";
import { ZONE } from "./gcp-account.ts";
import { ANY_CALL } from "./gcp-calling.ts";

/** What a test does with either; names and sizes are as the provider has them. */
export interface GcpClient {
  size(group: string): Promise<number | null | undefined>;
  sizes(): Promise<ReadonlyMap<string, number | null | undefined>>;
  /** Name → current action. */
  actions(group: string): Promise<ReadonlyMap<string, string | null | undefined>>;
  /** The code that the operation failed with; null: it went well. */
  create(group: string, names: readonly string[]): Promise<string | null>;
  remove(group: string, names: readonly string[]): Promise<string | null>;
  machineType(template: string): Promise<string | null | undefined>;
  /** Status of the refusal of a call. */
  statusOf(call: Promise<unknown>): Promise<number | null>;
}

export type ClientName = "our requests" | "Google's client";

export function clientOf(name: ClientName, cloud: GcpCloud): GcpClient {
  return name === "our requests" ? ours(cloud) : googles(cloud);
}

function ours({ endpoints, token, project }: GcpCloud): GcpClient {
  const http = createHttp({ endpoints, token: async () => await Promise.resolve(token) });
  const calls = createGcpCalls(http, { run: async (_call, { signal }, send) => await send(signal) }, project);
  const at = (name: string) => ({ zone: ZONE, name });
  const ended = async (begun: { readonly name: string }): Promise<string | null> => {
    const { error } = await calls.waitForOperation(ZONE, begun.name, ANY_CALL);
    return error?.errors?.[0]?.code ?? null;
  };
  return {
    size: async (group) => (await calls.getGroup(at(group), ANY_CALL)).targetSize,
    sizes: async () => {
      const sizes = new Map<string, number>();
      let page: { pageToken?: string } = {};
      do {
        const { items = [], nextPageToken } = await calls.listGroups(ZONE, page, ANY_CALL);
        for (const item of items as { name: string; targetSize: number }[])
          sizes.set(item.name, item.targetSize);
        page = nextPageToken === undefined ? {} : { pageToken: nextPageToken };
      } while (page.pageToken !== undefined);
      return sizes;
    },
    actions: async (group) => {
      const { managedInstances = [] } = await calls.listInstances(at(group), {}, ANY_CALL);
      return new Map(managedInstances.map(({ name = "", currentAction }) => [name, currentAction]));
    },
    create: async (group, names) => await ended(await calls.createInstances(at(group), names, ANY_CALL)),
    remove: async (group, names) => await ended(await calls.deleteInstances(at(group), names, ANY_CALL)),
    machineType: async (template) => {
      const path = `projects/${project}/global/instanceTemplates/${template}`;
      return (await calls.getTemplate(path, ANY_CALL)).properties.machineType;
    },
    statusOf: async (call) =>
      await call.then(
        () => null,
        (error: unknown) => STATUS_OF[kindOf(error)] ?? null,
      ),
  };
}

const STATUS_OF: Readonly<Record<string, number>> = { "not-found": 404, quota: 403, denied: 403 };

function googles({ endpoints, token, project }: GcpCloud): GcpClient {
  const client = compute({
    version: "v1",
    rootUrl: endpoints.compute.replace(/compute\/v1\/$/, ""),
    headers: { authorization: `Bearer ${token}` },
  });
  const zoned = { project, zone: ZONE };
  const of = (instanceGroupManager: string) => ({ ...zoned, instanceGroupManager });
  const ended = async (operation: string | null | undefined): Promise<string | null> => {
    const { data } = await client.zoneOperations.wait({ ...zoned, operation: operation ?? "" });
    return data.error?.errors?.[0]?.code ?? null;
  };
  return {
    size: async (group) => (await client.instanceGroupManagers.get(of(group))).data.targetSize,
    sizes: async () => {
      const sizes = new Map<string, number | null | undefined>();
      let pageToken: string | null | undefined;
      do {
        const { data } = await client.instanceGroupManagers.list({
          ...zoned,
          ...(typeof pageToken === "string" ? { pageToken } : {}),
        });
        for (const { name, targetSize } of data.items ?? []) sizes.set(name ?? "", targetSize);
        pageToken = data.nextPageToken;
      } while (typeof pageToken === "string");
      return sizes;
    },
    actions: async (group) => {
      const { data } = await client.instanceGroupManagers.listManagedInstances(of(group));
      return new Map((data.managedInstances ?? []).map((one) => [one.name ?? "", one.currentAction]));
    },
    create: async (group, names) => {
      const requestBody = { instances: names.map((name) => ({ name })) };
      const { data } = await client.instanceGroupManagers.createInstances({ ...of(group), requestBody });
      return await ended(data.name);
    },
    remove: async (group, names) => {
      const instances = names.map((name) => `zones/${ZONE}/instances/${name}`);
      const { data } = await client.instanceGroupManagers.deleteInstances({
        ...of(group),
        requestBody: { instances },
      });
      return await ended(data.name);
    },
    machineType: async (instanceTemplate) =>
      (await client.instanceTemplates.get({ project, instanceTemplate })).data.properties?.machineType,
    statusOf: async (call) =>
      await call.then(
        () => null,
        (error: unknown) => (error as { readonly status?: number }).status ?? null,
      ),
  };
}
