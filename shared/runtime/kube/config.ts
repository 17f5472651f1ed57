// Where the API server is and how we prove who we are. Two sources make a KubeConfig: the files that every pod
// finds in its service-account folder (here) and a kubeconfig (kubeconfig.ts, apart so that an agent in a
// cluster does not load a YAML parser). Reads no environment: what stands there is handed in.

import { readFile } from "node:fs/promises";

import { millis } from "../../model/units.ts";
import type { Millis } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { AppError, describe } from "../errors.ts";

export interface KubeConfig {
  /** May carry a path, as behind a proxy that serves many clusters. */
  readonly server: URL;
  /** PEM. Without it the system's authorities are trusted. */
  readonly ca?: string;
  /** PEM, both or neither. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must carry, when it is not the host of `server`. */
  readonly tlsServerName?: string;
  readonly insecureSkipTlsVerify?: boolean;
  /** The namespace for objects whose namespace nobody named. */
  readonly namespace: string;
  /** The bearer token, or null for none. `fresh`: the one known before was rejected, read it again now. */
  token(options?: { readonly fresh?: boolean }): Promise<string | null>;
}

export const SERVICE_ACCOUNT_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Projected tokens live an hour and are replaced at 80 % of that, so a minute is well inside. */
export const TOKEN_REREAD_MS: Millis = millis(60_000);

/**
 * The configuration of a pod. `host` and `port` are what KUBERNETES_SERVICE_HOST and _PORT say.
 * @throws AppError settings when a value is missing or a file cannot be read.
 */
export async function inClusterConfig(options: {
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly directory?: string;
  readonly clock: Clock;
}): Promise<KubeConfig> {
  const { host, port, clock } = options;
  const directory = options.directory ?? SERVICE_ACCOUNT_DIRECTORY;
  if (host === undefined || host === "" || port === undefined || port === "") {
    throw new AppError(
      "settings",
      `cannot reach the Kubernetes API as a pod: KUBERNETES_SERVICE_HOST is "${host ?? ""}" and ` +
        `KUBERNETES_SERVICE_PORT is "${port ?? ""}"; outside a cluster, name a kubeconfig`,
    );
  }
  const token = tokenFile(`${directory}/token`, clock);
  await token();
  return {
    server: serverUrl(
      `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
      "KUBERNETES_SERVICE_HOST",
    ),
    ca: await readSettingsFile(`${directory}/ca.crt`, "the cluster's certificate authority"),
    namespace: (await readSettingsFile(`${directory}/namespace`, "the pod's namespace")).trim(),
    token,
  };
}

/** A token that its issuer replaces in a file. The file is read again at most once a minute, or when asked. */
export function tokenFile(path: string, clock: Clock): KubeConfig["token"] {
  let known: { readonly token: string; readonly readAtMs: Millis } | null = null;
  return async (options = {}) => {
    const nowMs = clock.monotonic();
    if (known !== null && options.fresh !== true && nowMs - known.readAtMs < TOKEN_REREAD_MS)
      return known.token;
    const token = (await readSettingsFile(path, "the token")).trim();
    if (token === "") throw new AppError("settings", `cannot use the token in ${path}: the file is empty`);
    known = { token, readAtMs: nowMs };
    return token;
  };
}

/** A token that never changes, or none. */
export function fixedToken(token: string | null): KubeConfig["token"] {
  return async () => await Promise.resolve(token);
}

/** @throws AppError settings when the file cannot be read. */
export async function readSettingsFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("settings", `cannot read ${what} from ${path}: ${describe(error)}`, { cause: error });
  }
}

/** @throws AppError settings when `text` is not an http or https URL. */
export function serverUrl(text: string, field: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new AppError("settings", `cannot use ${field}: "${text}" is not an http or https URL`);
  }
  return url;
}
