// Reads a kubeconfig: one file, one context, users with client certificates or tokens. What would need a
// program to run (exec, auth-provider) or is not supported is refused by name with the way out, instead of
// being skipped and failing later as "unauthorised".

import { dirname, resolve } from "node:path";

import { parse } from "yaml";
import * as z from "zod";

import type { Clock } from "../clock.ts";
import { AppError, describe } from "../errors.ts";
import { fixedToken, readSettingsFile, serverUrl, tokenFile } from "./config.ts";
import type { KubeConfig } from "./config.ts";

const cluster = z.object({
  server: z.string(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().optional(),
  "tls-server-name": z.string().optional(),
  "proxy-url": z.string().optional(),
});

const user = z.object({
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  exec: z.unknown().optional(),
  "auth-provider": z.unknown().optional(),
  username: z.string().optional(),
  as: z.string().optional(),
});

const kubeconfig = z.object({
  "current-context": z.string().optional(),
  clusters: z.array(z.object({ name: z.string(), cluster })).nullish(),
  contexts: z
    .array(
      z.object({
        name: z.string(),
        context: z.object({
          cluster: z.string(),
          user: z.string().optional(),
          namespace: z.string().optional(),
        }),
      }),
    )
    .nullish(),
  users: z.array(z.object({ name: z.string(), user: user.nullish() })).nullish(),
});

type Cluster = z.infer<typeof cluster>;
type User = z.infer<typeof user>;

export interface KubeconfigOptions {
  /** The context to use; without it, the file's current-context. */
  readonly context?: string | undefined;
  readonly clock: Clock;
}

/** @throws AppError settings that names the file, the field and what to do. */
export async function readKubeconfig(path: string, options: KubeconfigOptions): Promise<KubeConfig> {
  return await parseKubeconfig(await readSettingsFile(path, "the kubeconfig"), { ...options, path });
}

/** `path` says where the text comes from: files that it names are looked up beside it. */
export async function parseKubeconfig(
  text: string,
  options: KubeconfigOptions & { readonly path: string },
): Promise<KubeConfig> {
  const { path } = options;
  const file = readFields(text, path);
  const contextName = options.context ?? file["current-context"] ?? "";
  const { context } = named(file.contexts, contextName, "context", path);
  const clusterEntry = named(file.clusters, context.cluster, "cluster", path);
  const userEntry = context.user === undefined ? null : named(file.users, context.user, "user", path);
  const account = userEntry?.user ?? {};
  refuseUnsupported(clusterEntry.cluster, context.cluster, account, context.user ?? "", path);
  return {
    server: serverUrl(clusterEntry.cluster.server, `server of cluster "${context.cluster}" in ${path}`),
    namespace: context.namespace ?? "default",
    ...(await trust(clusterEntry.cluster, path)),
    ...(await clientCertificate(account, context.user ?? "", path)),
    token: tokenOf(account, path, options.clock),
  };
}

function readFields(text: string, path: string): z.infer<typeof kubeconfig> {
  let fields: unknown;
  try {
    fields = parse(text);
  } catch (error) {
    throw new AppError("settings", `cannot read ${path} as YAML: ${describe(error)}`, { cause: error });
  }
  const read = kubeconfig.safeParse(fields);
  if (read.success) return read.data;
  throw new AppError("settings", `cannot use ${path} as a kubeconfig: ${z.prettifyError(read.error)}`);
}

function named<T extends { readonly name: string }>(
  entries: readonly T[] | null | undefined,
  name: string,
  what: string,
  path: string,
): T {
  const found = entries?.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  const known = (entries ?? []).map((entry) => entry.name).join(", ");
  throw new AppError(
    "settings",
    `cannot find ${what} "${name}" in ${path}: it has ${known === "" ? "none" : known}`,
  );
}

function refuseUnsupported(
  server: Cluster,
  clusterName: string,
  account: User,
  userName: string,
  path: string,
): void {
  const refuse = (field: string, subject: string, wayOut: string): never => {
    throw new AppError("settings", `cannot use ${field} of ${subject} in ${path}: ${wayOut}`);
  };
  const withToken =
    "we start no program to log in; write a kubeconfig with a token, " +
    "for example by `kubectl create token SERVICEACCOUNT`, and name that";
  if (account.exec !== undefined) refuse("exec", `user "${userName}"`, withToken);
  if (account["auth-provider"] !== undefined) refuse("auth-provider", `user "${userName}"`, withToken);
  if (account.username !== undefined) {
    refuse(
      "username",
      `user "${userName}"`,
      "API servers no longer take passwords; use a token or a certificate",
    );
  }
  if (account.as !== undefined)
    refuse("as", `user "${userName}"`, "impersonation is not supported; use a token");
  if (server["proxy-url"] !== undefined) {
    refuse(
      "proxy-url",
      `cluster "${clusterName}"`,
      "proxies are not supported; name a server that is reachable",
    );
  }
}

async function trust(server: Cluster, path: string): Promise<Partial<KubeConfig>> {
  const ca = await pem(
    server["certificate-authority-data"],
    server["certificate-authority"],
    "certificate-authority",
    path,
  );
  const tlsServerName = server["tls-server-name"];
  return {
    ...(ca === null ? {} : { ca }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    ...(server["insecure-skip-tls-verify"] === true ? { insecureSkipTlsVerify: true } : {}),
  };
}

async function clientCertificate(account: User, name: string, path: string): Promise<Partial<KubeConfig>> {
  const cert = await pem(
    account["client-certificate-data"],
    account["client-certificate"],
    "client-certificate",
    path,
  );
  const key = await pem(account["client-key-data"], account["client-key"], "client-key", path);
  if (cert === null && key === null) return {};
  if (cert !== null && key !== null) return { cert, key };
  const missing = cert === null ? "client-certificate" : "client-key";
  throw new AppError(
    "settings",
    `cannot use user "${name}" in ${path}: ${missing} is missing beside its other half`,
  );
}

/** Inline data wins over a file, as in kubectl. */
async function pem(
  data: string | undefined,
  file: string | undefined,
  field: string,
  path: string,
): Promise<string | null> {
  if (data !== undefined && data !== "") {
    const text = Buffer.from(data, "base64").toString("utf8");
    if (text.includes("-----BEGIN")) return text;
    throw new AppError("settings", `cannot use ${field}-data in ${path}: it is not base64 of a PEM block`);
  }
  if (file === undefined || file === "") return null;
  return await readSettingsFile(resolve(dirname(path), file), `${field} (named in ${path})`);
}

function tokenOf(account: User, path: string, clock: Clock): KubeConfig["token"] {
  // kubectl lets the file win, because it is the one that its issuer renews.
  if (account.tokenFile !== undefined) return tokenFile(resolve(dirname(path), account.tokenFile), clock);
  return fixedToken(account.token === undefined || account.token === "" ? null : account.token);
}
