// Azure Resource Manager over the groups of a simulated cloud: uniform scale sets, or the pools of one AKS cluster with
// the scale sets underneath, and the token endpoint by which clients become somebody; on the server that face.ts is. It
// knows the calls that an autoscaler needs and those that Azure's own SDK makes around them.

import { randomUUID } from "node:crypto";

import { AZURE_PLACE } from "../../../coordinator/replay/world-cloud.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { perform } from "./azure-actions.ts";
import type { Operation } from "./azure-actions.ts";
import { CLUSTER, PLAIN_SETTINGS } from "./azure-groups.ts";
import type { AzureGroupSettings } from "./azure-groups.ts";
import { AzureRefusal, errorBody, parseRequest, statusOf } from "./azure-request.ts";
import type { AzureRequest, Json } from "./azure-request.ts";
import { messageOf } from "./azure-troubles.ts";
import { startFace } from "./face.ts";
import type { Answer, Face, Incoming, Understood } from "./face.ts";

export interface AzureCloudOptions {
  /** `change` of a world server, or of whoever steps the world. */
  readonly change: <T>(make: (world: World) => T) => T;
  readonly clock: Clock;
  /** The groups are pools of an AKS cluster. Absent: scale sets of their own. */
  readonly aks?: boolean;
  /** AKS refuses a change of a pool while another one goes on. Absent: it does not. */
  readonly serial?: boolean;
  readonly pageSize?: number;
  /** 0 lets the system choose. */
  readonly port?: number;
}

/** `parameters` of a call are its body. */
export interface AzureCloud extends Face<string> {
  /** What a client has to have in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The value of nodePools[].group.azure for a group. */
  target(group: string): Readonly<Record<string, string>>;
  /** As the account of the back end knows it. */
  key(group: string): string;
  /** What the simulation does not know of a group. */
  configure(group: string, settings: Partial<AzureGroupSettings>): void;
  autoscale(settings: readonly Json[]): void;
  permit(permissions: readonly Json[]): void;
  /** Every token that was given so far is none any more. */
  expireTokens(): void;
}

const TENANT = "11111111-2222-4333-8444-555555555555";
const CLIENT = "66666666-7777-4888-8999-000000000000";
const SECRET = "a-secret-of-the-test";
const PAGE = 60;

export async function startAzureCloud(options: AzureCloudOptions): Promise<AzureCloud> {
  const { change, clock, aks: isAks = false, serial: isSerial = false, pageSize = PAGE, port = 0 } = options;
  const configured = new Map<string, Partial<AzureGroupSettings>>();
  const operations = new Map<string, Operation>();
  const tokens = new Set<string>();
  let autoscaleSettings: readonly Json[] = [];
  let permissions: readonly Json[] = [{ actions: ["*"], notActions: [] }];
  let skewMs = 0;

  const settings = (group: string): AzureGroupSettings => ({ ...PLAIN_SETTINGS, ...configured.get(group) });

  function said(
    status: number,
    json: Json | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): Answer {
    const text = json === undefined ? "" : JSON.stringify(json);
    const more = { "x-ms-request-id": randomUUID(), ...headers };
    return {
      status,
      contentType: "application/json; charset=utf-8",
      text,
      headers: more,
      isRefusal: status >= 300,
    };
  }

  function refused({ code, message, status }: AzureRefusal): Answer {
    return { ...said(status, undefined), text: errorBody(code, message) };
  }

  function orRefused(run: () => Answer): Answer {
    try {
      return run();
    } catch (error) {
      if (error instanceof AzureRefusal) return refused(error);
      throw error;
    }
  }

  function run(request: AzureRequest, origin: string): Answer {
    return orRefused(() => {
      if (request.action === "GetToken") return given(request);
      const [, token = ""] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
      if (!tokens.has(token))
        throw new AzureRefusal("InvalidAuthenticationToken", "The access token is invalid or has expired.");
      const { status, json, headers } = change(({ clouds }) =>
        perform(request, {
          clouds,
          skewMs,
          pageSize,
          origin,
          isAks,
          isSerial,
          settings,
          operations,
          autoscaleSettings,
          permissions,
        }),
      );
      return said(status, json, headers);
    });
  }

  /** By a secret, by an assertion of the cluster, or to whoever reaches the machine's metadata. */
  function given({ body, headers, query }: AzureRequest): Answer {
    const form = new URLSearchParams(body);
    const isMetadata = body === "" && headers["metadata"] === "true" && query.get("resource") !== null;
    const isClient = form.get("client_id") === CLIENT && form.get("grant_type") === "client_credentials";
    const isProven = form.get("client_secret") === SECRET || (form.get("client_assertion") ?? "") !== "";
    if (!isMetadata && !(isClient && isProven && (form.get("scope") ?? "").endsWith("/.default")))
      return said(401, {
        error: "invalid_client",
        error_description: "AADSTS7000215: Invalid client secret provided.",
      });
    const token = `token-${randomUUID()}`;
    tokens.add(token);
    return said(200, { token_type: "Bearer", access_token: token, expires_in: isMetadata ? "3599" : 3599 });
  }

  function groupsOf({ name, action }: AzureRequest): readonly string[] {
    if (name !== "")
      return change(({ clouds }) =>
        clouds.groups().flatMap((group) => (group.name.toLowerCase() === name ? [group.name] : [])),
      );
    return action.startsWith("List")
      ? change(({ clouds }) => clouds.groups().map((group) => group.name))
      : [];
  }

  function understand(incoming: Incoming): Understood<string> {
    const request = parseRequest(incoming);
    const origin = `http://${incoming.headers.host ?? ""}`;
    if (request !== null) {
      const { action, write, body } = request;
      return { action, groups: groupsOf(request), write, parameters: body, run: () => run(request, origin) };
    }
    const { method, url } = incoming;
    const unknown = new AzureRefusal("NotFound", `There is no ${method} ${url.pathname}.`, 404);
    return {
      action: `${method} ${url.pathname}`,
      groups: [],
      write: method !== "GET",
      parameters: "",
      run: () => refused(unknown),
    };
  }

  const face = await startFace<string>({
    clock,
    port,
    now: () => change(({ now }) => now),
    skewed: (ms) => {
      skewMs = ms;
    },
    protocol: {
      understand,
      refuse: ({ code, message = messageOf(code), retryAfterSeconds }) => {
        const after = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
        const answer = refused(new AzureRefusal(code, message, statusOf(code)));
        return { ...answer, headers: { ...answer.headers, ...after } };
      },
    },
  });

  return {
    ...face,
    env: {
      AZURE_RESOURCE_MANAGER_ENDPOINT: face.url,
      AZURE_AUTHORITY_HOST: face.url,
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_ID: CLIENT,
      AZURE_CLIENT_SECRET: SECRET,
    },
    target: (group) => ({
      subscriptionID: AZURE_PLACE.subscription,
      ...(isAks
        ? { resourceGroup: CLUSTER.resourceGroup, managedCluster: CLUSTER.name, agentPool: group }
        : { resourceGroup: AZURE_PLACE.resourceGroup, vmScaleSet: group }),
    }),
    key: (group) =>
      (isAks
        ? `${CLUSTER.resourceGroup}/managedcluster/${CLUSTER.name}/agentpool/${group}`
        : `${AZURE_PLACE.resourceGroup}/vmscaleset/${group}`
      ).toLowerCase(),
    configure: (group, changed) => {
      configured.set(group, { ...configured.get(group), ...changed });
    },
    autoscale: (changed) => {
      autoscaleSettings = changed;
    },
    permit: (changed) => {
      permissions = changed;
    },
    expireTokens: () => tokens.clear(),
  };
}
