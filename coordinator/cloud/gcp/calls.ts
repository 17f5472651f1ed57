// The calls that the Google Cloud back end makes, all of them: nothing else is sent, and the role in deploy/clouds/gcp
// allows exactly these. Each is paced by the account's limiter, ends in time, is read by our own decoders, and fails with
// an AppError. What the answers mean is read elsewhere.

import type { z } from "zod";

import type { CallOptions } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import {
  allowedAnswer,
  autoscalerAnswer,
  decoded,
  groupAnswer,
  groupsAnswer,
  instancesAnswer,
  machineTypeAnswer,
  nodePoolAnswer,
  operationAnswer,
  templateAnswer,
} from "./answers.ts";
import type { GroupAnswer, InstancesAnswer, OperationAnswer, TemplateAnswer } from "./answers.ts";
import type { Http, HttpRequest } from "./http.ts";

/** `permission`: the right that Google asks for; null: none. `method`: as Google names it. */
export const GCP_CALLS = {
  getGroup: {
    method: "compute.instanceGroupManagers.get",
    permission: "compute.instanceGroupManagers.get",
    writes: false,
  },
  listGroups: {
    method: "compute.instanceGroupManagers.list",
    permission: "compute.instanceGroupManagers.list",
    writes: false,
  },
  listInstances: {
    method: "compute.instanceGroupManagers.listManagedInstances",
    permission: "compute.instanceGroupManagers.get",
    writes: false,
  },
  createInstances: {
    method: "compute.instanceGroupManagers.createInstances",
    permission: "compute.instanceGroupManagers.update",
    writes: true,
  },
  deleteInstances: {
    method: "compute.instanceGroupManagers.deleteInstances",
    permission: "compute.instanceGroupManagers.update",
    writes: true,
  },
  getOperation: {
    method: "compute.zoneOperations.get",
    permission: "compute.zoneOperations.get",
    writes: false,
  },
  waitForOperation: {
    method: "compute.zoneOperations.wait",
    permission: "compute.zoneOperations.get",
    writes: false,
  },
  getTemplate: {
    method: "compute.instanceTemplates.get",
    permission: "compute.instanceTemplates.get",
    writes: false,
  },
  getMachineType: {
    method: "compute.machineTypes.get",
    permission: "compute.machineTypes.get",
    writes: false,
  },
  getAutoscaler: {
    method: "compute.autoscalers.get",
    permission: "compute.autoscalers.get",
    writes: false,
  },
  getNodePool: {
    method: "container.projects.locations.clusters.nodePools.get",
    permission: "container.clusters.get",
    writes: false,
  },
  getRights: {
    method: "cloudresourcemanager.projects.testIamPermissions",
    permission: null,
    writes: false,
  },
} as const satisfies Readonly<
  Record<string, { readonly method: string; readonly permission: string | null; readonly writes: boolean }>
>;

export type GcpCall = keyof typeof GCP_CALLS;

/** A zonal group: the key of the account is `zone/name`. */
export interface GroupAt {
  readonly zone: string;
  readonly name: string;
}

export interface NodePoolAt {
  readonly location: string;
  readonly cluster: string;
  readonly pool: string;
}

export interface Page {
  readonly pageToken?: string;
}

/** Each @throws AppError of a kind of codes.ts, what the limiter throws, or the signal's reason. */
export interface GcpCalls {
  getGroup(at: GroupAt, options: CallOptions): Promise<GroupAnswer>;
  /** Groups stay as they came: one that cannot be read must not cost the others theirs. */
  listGroups(zone: string, page: Page, options: CallOptions): Promise<z.infer<typeof groupsAnswer>>;
  listInstances(at: GroupAt, page: Page, options: CallOptions): Promise<InstancesAnswer>;
  createInstances(at: GroupAt, names: readonly string[], options: CallOptions): Promise<OperationAnswer>;
  deleteInstances(at: GroupAt, names: readonly string[], options: CallOptions): Promise<OperationAnswer>;
  getOperation(zone: string, name: string, options: CallOptions): Promise<OperationAnswer>;
  /** Answers when the operation has ended, or after two minutes as it is then. */
  waitForOperation(zone: string, name: string, options: CallOptions): Promise<OperationAnswer>;
  /** `path`: as a group names it, from `projects/`. */
  getTemplate(path: string, options: CallOptions): Promise<TemplateAnswer>;
  getMachineType(
    zone: string,
    type: string,
    options: CallOptions,
  ): Promise<z.infer<typeof machineTypeAnswer>>;
  /** `path`: as a group names it, from `projects/`. */
  getAutoscaler(path: string, options: CallOptions): Promise<z.infer<typeof autoscalerAnswer>>;
  getNodePool(at: NodePoolAt, options: CallOptions): Promise<z.infer<typeof nodePoolAnswer>>;
  /** Those of `permissions` that we have. */
  getRights(permissions: readonly string[], options: CallOptions): Promise<readonly string[]>;
}

const PAGE_MAX = "500";

export function createGcpCalls(http: Http, limiter: Pick<Limiter, "run">, project: string): GcpCalls {
  async function paced<T>(
    call: GcpCall,
    schema: z.ZodType<T>,
    request: HttpRequest,
    options: CallOptions,
  ): Promise<T> {
    return await limiter.run(call, options, async (signal) =>
      decoded(schema, await http(GCP_CALLS[call].method, request, signal), GCP_CALLS[call].method),
    );
  }

  const within = `projects/${project}`;
  const zoned = (zone: string): string => `${within}/zones/${zone}`;
  const managers = ({ zone, name }: GroupAt): string => `${zoned(zone)}/instanceGroupManagers/${name}`;

  return {
    getGroup: async (at, options) => await paced("getGroup", groupAnswer, { path: managers(at) }, options),
    listGroups: async (zone, { pageToken }, options) =>
      await paced(
        "listGroups",
        groupsAnswer,
        { path: `${zoned(zone)}/instanceGroupManagers`, query: paging(pageToken) },
        options,
      ),
    listInstances: async (at, { pageToken }, options) =>
      await paced(
        "listInstances",
        instancesAnswer,
        { verb: "POST", path: `${managers(at)}/listManagedInstances`, query: paging(pageToken) },
        options,
      ),
    createInstances: async (at, names, options) =>
      await paced(
        "createInstances",
        operationAnswer,
        {
          verb: "POST",
          path: `${managers(at)}/createInstances`,
          body: { instances: names.map((name) => ({ name })) },
        },
        options,
      ),
    deleteInstances: async (at, names, options) =>
      await paced(
        "deleteInstances",
        operationAnswer,
        {
          verb: "POST",
          path: `${managers(at)}/deleteInstances`,
          // One that another hand has taken out meanwhile is as gone as we want it.
          body: {
            instances: names.map((name) => `zones/${at.zone}/instances/${name}`),
            skipInstancesOnValidationError: true,
          },
        },
        options,
      ),
    getOperation: async (zone, name, options) =>
      await paced("getOperation", operationAnswer, { path: `${zoned(zone)}/operations/${name}` }, options),
    waitForOperation: async (zone, name, options) =>
      await paced(
        "waitForOperation",
        operationAnswer,
        { verb: "POST", path: `${zoned(zone)}/operations/${name}/wait` },
        options,
      ),
    getTemplate: async (path, options) => await paced("getTemplate", templateAnswer, { path }, options),
    getMachineType: async (zone, type, options) =>
      await paced(
        "getMachineType",
        machineTypeAnswer,
        { path: `${zoned(zone)}/machineTypes/${type}` },
        options,
      ),
    getAutoscaler: async (path, options) => await paced("getAutoscaler", autoscalerAnswer, { path }, options),
    getNodePool: async ({ location, cluster, pool }, options) =>
      await paced(
        "getNodePool",
        nodePoolAnswer,
        {
          service: "container",
          path: `${within}/locations/${location}/clusters/${cluster}/nodePools/${pool}`,
        },
        options,
      ),
    getRights: async (permissions, options) => {
      const answer = await paced(
        "getRights",
        allowedAnswer,
        {
          service: "cloudresourcemanager",
          verb: "POST",
          path: `${within}:testIamPermissions`,
          body: { permissions },
        },
        options,
      );
      return answer.permissions ?? [];
    },
  };
}

function paging(pageToken: string | undefined): Readonly<Record<string, string>> {
  return { maxResults: PAGE_MAX, ...(pageToken === undefined ? {} : { pageToken }) };
}
