// A real control plane for tests: etcd and the Kubernetes API server on loopback, in a folder of their own, gone with
// the test that started them. No scheduler, no controllers and no nodes: what those would do, the test does, or cluster.ts
// starts them beside it.

import { sign } from "node:crypto";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createKubeClient, MAX_ANSWER_BYTES } from "../../shared/runtime/kube/client.ts";
import type { KubeClient, KubeClientOptions } from "../../shared/runtime/kube/client.ts";
import { fixedToken } from "../../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../../shared/runtime/kube/config.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createTransport } from "../../shared/runtime/kube/transport.ts";
import { endsWithUs } from "../build/ends-with-us.ts";
import { eventually } from "../build/eventually.ts";
import { obtain } from "../tools/obtain.ts";
import { startChild } from "./child.ts";
import type { Child } from "./child.ts";
import { writeCredentials } from "./credentials.ts";
import type { Credentials } from "./credentials.ts";
import { compact } from "./etcd.ts";
import { etcdFlags, serverFlags } from "./flags.ts";

export interface RawAnswer {
  readonly status: number;
  /** As it came, byte for byte. */
  readonly text: string;
}

export interface RawRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  readonly contentType?: string;
  /** Default: the administrator's. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ControlPlane extends AsyncDisposable {
  readonly url: URL;
  /** PEM of the authority behind the server's certificate. */
  readonly ca: string;
  readonly adminToken: string;
  /** May do everything. Its namespace is `default`. */
  readonly client: KubeClient;
  /** The shipped client with another token, or pointed at something in between. The caller closes it. */
  clientWith(options?: Partial<ConnectOptions>): KubeClient;
  /** A kubeconfig, as text; of the administrator and to the server itself unless others are given. */
  kubeconfig(token?: string | TokenFile, server?: URL): string;
  /** With which service account tokens are signed, and the PEM of the authority, as files for other programs. */
  readonly files: { readonly accountKey: string; readonly ca: string };
  /** One request, with the answer as it came: for what the client hides. */
  send(request: RawRequest): Promise<RawAnswer>;
  /**
   * A token as a pod of that service account has it. The account has to be there. Bound to a pod of its namespace, it
   * says that pod and its node, and ends with the pod.
   */
  createToken(
    account: { readonly namespace: string; readonly name: string },
    pod?: { readonly name: string; readonly uid: string },
    wish?: TokenWish,
  ): Promise<string>;
  /** The same token with other claims, signed as the server signs its own: what no server gives, such as one that is over. */
  resignToken(token: string, claims: Readonly<Record<string, unknown>>): Promise<string>;
  /** The API server is killed and comes again at the same address; `meanwhile` runs while it is away. */
  restartServer(meanwhile?: () => Promise<void>): Promise<void>;
  /** The store forgets all that was before now: who asks to go on from there hears 410. */
  compactStore(): Promise<void>;
}

/** One that somebody renews, as the kubelet does. */
export interface TokenFile {
  readonly tokenFile: string;
}

export interface TokenWish {
  /** Whom it is for. Default: the API server itself. */
  readonly audiences?: readonly string[];
}

export interface ConnectOptions extends Pick<KubeClientOptions, "userAgent" | "defaultDeadlineMs"> {
  readonly token: string;
  readonly url: URL;
  readonly ca: string;
}

const READY_WITHIN_MS = 60_000;
const PORT_TRIES = 3;

export interface ControlPlaneOptions {
  /** Of the API server, after those below: the last one of a name counts. */
  readonly serverFlags?: readonly string[];
}

/** Resolves when the API server answers and its own namespaces are there. @throws Error with the programs' own words. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const [etcdProgram, serverProgram] = [await obtain("etcd"), await obtain("kube-apiserver")];
  const dir = await mkdtemp(join(tmpdir(), "control-plane-"));
  const children: Child[] = [];
  const forget = endsWithUs(() => rmSync(dir, { recursive: true, force: true }));
  const end = async (): Promise<void> => {
    // The server first: without its store it would fill its log with complaints.
    for (const child of children.toReversed()) await child.end();
    forget();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const credentials = await writeCredentials(dir, systemClock.now());
    const startOf = async (
      program: string,
      flags: readonly string[],
      isUp: (child: Child) => Promise<unknown>,
    ): Promise<Child> => {
      const child = startChild(program, flags);
      children.push(child);
      try {
        await Promise.race([isUp(child), child.failed]);
        return child;
      } catch (error) {
        children.splice(children.indexOf(child), 1);
        await child.end();
        throw error;
      }
    };
    // Its own gateway, by which a test compacts it, dials the port of the flags, so it cannot pick one by itself.
    const store = await onFreePort(async (port) => {
      await startOf(etcdProgram, etcdFlags(dir, port), async (child) => {
        await child.line((line) => (line.includes("serving client traffic") ? true : null));
      });
      return `http://127.0.0.1:${port}`;
    });
    return await onFreePort(async (port) => {
      const base = planeAt(new URL(`https://127.0.0.1:${port}`), credentials, end);
      const flags = [...serverFlags(dir, store, port, credentials), ...(options.serverFlags ?? [])];
      const startServer = async (): Promise<Child> =>
        await startOf(serverProgram, flags, async () => await untilReady(base));
      try {
        let server = await startServer();
        return {
          ...base,
          restartServer: async (meanwhile = async () => await Promise.resolve()) => {
            await server.end();
            children.splice(children.indexOf(server), 1);
            await meanwhile();
            server = await startServer();
          },
          compactStore: async () => await compact(store),
        };
      } catch (error) {
        base.client.close();
        throw error;
      }
    });
  } catch (error) {
    await end();
    throw error;
  }
}

/** Between finding a free port and taking it somebody else may. */
async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    const port = await freePort();
    try {
      return await start(port);
    } catch (error) {
      if (tried === PORT_TRIES || !String(error).includes("address already in use")) throw error;
    }
  }
}

async function untilReady(plane: Pick<ControlPlane, "send" | "client">): Promise<void> {
  await eventually(async () => (await plane.send({ method: "GET", path: "/readyz" })).status === 200, {
    withinMs: READY_WITHIN_MS,
  });
  await eventually(async () => await plane.client.get(RESOURCE.namespaces, { name: "default" }), {
    withinMs: READY_WITHIN_MS,
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on TCP has an address of this form.
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function planeAt(
  url: URL,
  { ca, adminToken, files }: Credentials,
  end: () => Promise<void>,
): Omit<ControlPlane, "restartServer" | "compactStore"> {
  const configOf = (options: Partial<ConnectOptions>): KubeConfig => ({
    server: options.url ?? url,
    ca: options.ca ?? ca,
    namespace: "default",
    token: fixedToken(options.token ?? adminToken),
  });
  const clientWith = (options: Partial<ConnectOptions> = {}): KubeClient =>
    createKubeClient({
      config: configOf(options),
      clock: systemClock,
      userAgent: options.userAgent ?? "gpu-autoscaler-test",
      ...(options.defaultDeadlineMs === undefined ? {} : { defaultDeadlineMs: options.defaultDeadlineMs }),
    });
  const client = clientWith();
  const transport = createTransport({
    config: configOf({}),
    clock: systemClock,
    userAgent: "gpu-autoscaler-test",
    maxBytes: MAX_ANSWER_BYTES,
  });
  const send = async (request: RawRequest): Promise<RawAnswer> => {
    const what = `${request.method} ${request.path}`;
    const answer = await transport.call(
      { token: adminToken, ...request, what, repeatable: false },
      { deadlineMs: millis(10_000) },
    );
    return { status: answer.status, text: answer.body };
  };

  return {
    url,
    ca,
    adminToken,
    client,
    clientWith,
    files,
    kubeconfig: (token = adminToken, server = url) => kubeconfigOf(server, ca, token),
    send,
    createToken: async ({ namespace, name }, pod, wish = {}) => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const bound = pod === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...pod } };
      const spec = { ...wish, ...bound };
      const json = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      const { status, text } = await send({ method: "POST", path, json });
      if (status !== 201) throw new Error(`no token for ${namespace}/${name}: ${status} ${text}`);
      const { status: made } = JSON.parse(text) as { readonly status: { readonly token: string } };
      return made.token;
    },
    resignToken: async (token, claims) => {
      const [header = "", body = ""] = token.split(".");
      const own = JSON.parse(Buffer.from(body, "base64url").toString("utf8")) as object;
      const changed = Buffer.from(JSON.stringify({ ...own, ...claims })).toString("base64url");
      const key = await readFile(files.accountKey, "utf8");
      const signed = Buffer.from(`${header}.${changed}`);
      const signature = sign("sha256", signed, { key, dsaEncoding: "ieee-p1363" });
      return `${header}.${changed}.${signature.toString("base64url")}`;
    },
    [Symbol.asyncDispose]: async () => {
      client.close();
      transport.close();
      await end();
    },
  };
}

/** JSON is YAML. */
function kubeconfigOf(url: URL, ca: string, token: string | TokenFile): string {
  const data = Buffer.from(ca).toString("base64");
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    clusters: [{ name: "test", cluster: { server: url.origin, "certificate-authority-data": data } }],
    users: [{ name: "test", user: typeof token === "string" ? { token } : token }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
  });
}
