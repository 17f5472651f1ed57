// Google's Compute API over the groups of a simulated cloud, with the little of GKE and of the Resource Manager that an
// autoscaler asks for, on the server that face.ts is. It is as strict as the service's own description: a path, parameter
// or field that the description does not have is refused, and each answer is held to it when the stand-in closes. It wants
// a token, which its own metadata server gives.

import { GCP_PROJECT } from "../../../coordinator/replay/world-cloud.ts";
import type { CloudGroup } from "../../../coordinator/replay/world-cloud.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { startFace } from "./face.ts";
import type { Answer, Face, Incoming, Understood } from "./face.ts";
import { GcpRefusal, perform, WRITES } from "./gcp-actions.ts";
import type { GcpOperation, GcpOperationError, GcpRequest } from "./gcp-actions.ts";
import { numberOf, PLAIN_SETTINGS } from "./gcp-groups.ts";
import type { GcpGroupSettings } from "./gcp-groups.ts";
import { createGcpJudge } from "./gcp-judge.ts";
import type { GcpJudge } from "./gcp-judge.ts";
import { metadataAnswer } from "./gcp-metadata.ts";
import { bodyOf, refuseStranger, ROUTES, SERVICES } from "./gcp-routes.ts";
import { BALANCER_PAGE, reasonOf } from "./gcp-troubles.ts";

export interface GcpCloudOptions {
  /** `change` of a world server, or of whoever steps the world. */
  readonly change: <T>(make: (world: World) => T) => T;
  readonly clock: Clock;
  /** 0 lets the system choose. */
  readonly port?: number;
  /** Groups or instances on a page, at most. */
  readonly pageMax?: number;
  /** Told each good answer as the service wrote it, whatever trouble then makes of it. */
  readonly onAnswer?: (answer: GcpAnswer) => void;
}

export interface GcpAnswer {
  readonly method: string;
  readonly body: unknown;
}

export interface GcpCallParameters {
  readonly query: string;
  readonly body: unknown;
}

export interface GcpCloud extends Face<GcpCallParameters> {
  readonly project: string;
  /** Of each service, with a slash at its end, as the coordinator takes them. */
  readonly endpoints: {
    readonly compute: string;
    readonly container: string;
    readonly cloudresourcemanager: string;
  };
  /** The same as environment, and where the metadata server is. */
  readonly env: Readonly<Record<string, string>>;
  /** The only one that is let in. */
  readonly token: string;
  configure(group: string, settings: Partial<GcpGroupSettings>): void;
  /** The next write is taken, and its operation fails with this. */
  failOperation(error: GcpOperationError): void;
  /** Operations do not end as long as this holds. */
  holdOperations(hold: boolean): void;
  /** Google does not know any operation any more. */
  forgetOperations(): void;
  /** Null: everything. */
  allow(rights: readonly string[] | null): void;
  /** A field that the test has wrong on purpose; any other that is wrong is an error of `close`. */
  exempt: GcpJudge["exempt"];
}

const TOKEN = "token-of-the-stand-in";

export async function startGcpCloud(options: GcpCloudOptions): Promise<GcpCloud> {
  const { change, clock, port = 0, pageMax = 500, onAnswer = () => {} } = options;
  const configured = new Map<string, Partial<GcpGroupSettings>>();
  const operations = new Map<string, GcpOperation>();
  const judge = createGcpJudge();
  /** Group → place → the first machine that it was seen with. */
  const firstIn = new Map<string, Map<string, string>>();
  const createdAt = change(({ now }) => now);
  let failure: GcpOperationError | null = null;
  let holdsOperations = false;
  let rights: readonly string[] | null = null;
  let skewMs = 0;

  const settings = (group: string): GcpGroupSettings => ({ ...PLAIN_SETTINGS, ...configured.get(group) });

  function remade(group: CloudGroup): ReadonlySet<string> {
    const first = firstIn.get(group.name) ?? new Map<string, string>();
    firstIn.set(group.name, first);
    for (const instance of group.instances)
      if (!first.has(instance.id)) first.set(instance.id, numberOf(instance));
    const standing = new Map(group.instances.map((instance) => [instance.id, numberOf(instance)]));
    return new Set([...first].filter(([id, number]) => standing.get(id) !== number).map(([id]) => id));
  }

  function run(method: string, request: GcpRequest): Answer {
    try {
      const body = change((world) =>
        perform(method, request, {
          clouds: world.clouds,
          nowMs: world.now + skewMs,
          createdAt: createdAt + skewMs,
          pageMax,
          rights,
          holdsOperations,
          settings,
          remade,
          operations,
          takeFailure: () => {
            const taken = failure;
            failure = null;
            return taken;
          },
        }),
      );
      judge.hear(method, JSON.parse(JSON.stringify(body)));
      onAnswer({ method, body });
      return said(200, body);
    } catch (error) {
      if (error instanceof GcpRefusal) return refused(error);
      throw error;
    }
  }

  function understand({ method: verb, url, headers, body: text }: Incoming): Understood<GcpCallParameters> {
    const metadata = metadataAnswer(url, headers, TOKEN);
    if (metadata !== null) return strange("metadata", () => metadata);
    const route = ROUTES.find((one) => one.verb === verb && one.pattern.test(url.pathname));
    if (route === undefined)
      return strange(`${verb} ${url.pathname}`, () =>
        refused(new GcpRefusal(404, "notFound", `${verb} ${url.pathname} is no method`)),
      );
    const { method, names } = route;
    const values = route.pattern.exec(url.pathname)?.slice(1) ?? [];
    const parameters: Readonly<Record<string, string>> = Object.fromEntries(
      names.map((name, index) => [
        name === "resource" ? "project" : name,
        decodeURIComponent(values[index] ?? ""),
      ]),
    );
    const group = parameters["instanceGroupManager"];
    const groups = group === undefined ? [] : [group];
    const write = WRITES.includes(method);
    const shown = { query: url.search, body: text === "" ? null : text };
    return {
      action: method,
      groups,
      write,
      parameters: shown,
      run: () => {
        try {
          refuseStranger(headers["authorization"], TOKEN);
          const body = bodyOf(route, url, text);
          return run(method, { parameters, query: url.searchParams, body });
        } catch (error) {
          if (error instanceof GcpRefusal) return refused(error);
          throw error;
        }
      },
    };
  }

  const face = await startFace<GcpCallParameters>({
    clock,
    port,
    now: () => change(({ now }) => now),
    skewed: (ms) => {
      skewMs = ms;
    },
    edited: ({ action }, text, { breaks }) => {
      if (breaks === undefined) judge.hearText(action, text);
    },
    protocol: {
      understand,
      refuse: ({ code, message, retryAfterSeconds }) => {
        if (code === BALANCER_PAGE) return PAGE;
        const { status, reason, text } = reasonOf(code);
        const answer = refused(new GcpRefusal(status, reason, message ?? text));
        const after = retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
        return { ...answer, headers: { ...answer.headers, ...after } };
      },
    },
  });

  return {
    ...face,
    project: GCP_PROJECT,
    token: TOKEN,
    endpoints: {
      compute: `${face.url}/${SERVICES.compute}`,
      container: `${face.url}/${SERVICES.container}`,
      cloudresourcemanager: `${face.url}/${SERVICES.cloudresourcemanager}`,
    },
    env: {
      CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: `${face.url}/${SERVICES.compute}`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER: `${face.url}/${SERVICES.container}`,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER: `${face.url}/${SERVICES.cloudresourcemanager}`,
      GCE_METADATA_HOST: new URL(face.url).host,
      // No look for a key file of whoever runs the tests.
      GOOGLE_APPLICATION_CREDENTIALS: "",
      METADATA_SERVER_DETECTION: "assume-present",
    },
    configure: (group, changed) => {
      configured.set(group, { ...configured.get(group), ...changed });
    },
    failOperation: (error) => {
      failure = error;
    },
    holdOperations: (hold) => {
      holdsOperations = hold;
    },
    forgetOperations: () => operations.clear(),
    allow: (allowed) => {
      rights = allowed;
    },
    exempt: judge.exempt,
    close: async () => {
      await face.close();
      judge.verdict();
    },
  };
}

function strange(action: string, run: () => Answer): Understood<GcpCallParameters> {
  return { action, groups: [], write: false, parameters: { query: "", body: null }, run };
}

function said(status: number, body: unknown): Answer {
  const contentType = "application/json; charset=UTF-8";
  return { status, contentType, text: JSON.stringify(body, null, 2), isRefusal: status >= 300 };
}

function refused({ status, reason, message }: GcpRefusal): Answer {
  return said(status, {
    error: { code: status, message, errors: [{ message, domain: "global", reason }] },
  });
}

const PAGE: Answer = {
  status: 502,
  contentType: "text/html",
  text: "<!DOCTYPE html><html lang=en><title>Error 502 (Server Error)!!1</title></html>",
  isRefusal: true,
};
