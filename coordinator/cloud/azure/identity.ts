// Who the coordinator is at Azure: a token for resource management, by one of three ways that the environment names, as
// Azure's own libraries read it: a service account of the cluster that an identity trusts (AKS workload identity), a
// secret, or the machine's managed identity. Tokens are kept until shortly before they end, and never logged.

import { readFile } from "node:fs/promises";

import * as z from "zod";

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe } from "../../../shared/runtime/errors.ts";
import { createTransport } from "../../../shared/runtime/kube/transport.ts";
import type { HttpRequest, HttpResponse } from "../../../shared/runtime/kube/transport.ts";
import { parsed, refusal } from "./errors.ts";

export interface AzureIdentity {
  /** One that is valid for some minutes. @throws AppError `denied`, `unavailable`, `timeout`, `malformed`, `settings`. */
  token(): Promise<string>;
  /** This one was rejected: the next is fetched anew. */
  rejected(token: string): void;
  close(): void;
}

export interface IdentityOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** The origin that tokens are for: `https://management.azure.com`. */
  readonly audience: string;
}

const AUTHORITY = "https://login.microsoftonline.com";
const METADATA = "http://169.254.169.254";
const FETCH_MS = millis(10_000);
const ANSWER_BYTES_MAX = 256 * 1024;
/** Before its end a token is replaced; one that lives shorter is used for half of its life. */
const RENEW_BEFORE_MS = 5 * 60_000;
const WAY_OUT = "deploy/clouds/azure/README.md says how to give the coordinator an identity";

const answer = z.object({
  access_token: z.string().min(1),
  // The metadata service writes numbers as text.
  expires_in: z.coerce.number().min(1),
});

type Way = {
  readonly words: string;
  readonly server: URL;
  request(): Promise<Omit<HttpRequest, "repeatable" | "token">>;
};

export function createIdentity({ env, clock, audience }: IdentityOptions): AzureIdentity {
  const way = wayOf(env, audience);
  const transport = createTransport({
    config: { server: way.server, namespace: "", token: async () => await Promise.resolve(null) },
    clock,
    userAgent: "gpu-autoscaler-coordinator",
    maxBytes: ANSWER_BYTES_MAX,
  });
  let kept: { readonly token: string; readonly untilMs: number } | null = null;
  let fetching: Promise<string> | null = null;

  async function fetchOne(): Promise<string> {
    const request = await way.request();
    const response = await sent(
      way,
      async () =>
        await transport.call({ ...request, token: null, repeatable: true }, { deadlineMs: FETCH_MS }),
    );
    const read = answer.safeParse(parsed(response.body));
    if (!read.success)
      throw new AppError(
        "malformed",
        `cannot ${request.what}: the answer has no access_token with expires_in`,
      );
    const lifeMs = read.data.expires_in * 1000;
    const usableMs = Math.max(lifeMs / 2, lifeMs - RENEW_BEFORE_MS);
    kept = { token: read.data.access_token, untilMs: clock.monotonic() + usableMs };
    return kept.token;
  }

  return {
    token: async () => {
      if (kept !== null && clock.monotonic() < kept.untilMs) return kept.token;
      fetching ??= fetchOne().finally(() => {
        fetching = null;
      });
      return await fetching;
    },
    rejected: (token) => {
      if (kept?.token === token) kept = null;
    },
    close: () => transport.close(),
  };
}

async function sent(way: Way, call: () => Promise<HttpResponse>): Promise<HttpResponse> {
  const what = `get a token of ${way.words}`;
  try {
    const response = await call();
    if (response.status === 200) return response;
    const error = refusal(what, response);
    // A 400 here is a refusal of who we say we are.
    const kind = error.kind === "refused" || error.kind === "not-found" ? "denied" : error.kind;
    throw new AppError(kind, `${error.message}; ${WAY_OUT}`, {
      data: error.data,
      retryAfterMs: error.retryAfterMs,
    });
  } catch (error) {
    if (!(error instanceof AppError) || !["unavailable", "timeout"].includes(error.kind)) throw error;
    throw new AppError(error.kind, `${describe(error)}; ${WAY_OUT}`, { cause: error });
  }
}

function wayOf(env: IdentityOptions["env"], audience: string): Way {
  const { AZURE_TENANT_ID: tenant = "", AZURE_CLIENT_ID: client = "" } = env;
  const { AZURE_FEDERATED_TOKEN_FILE: file = "", AZURE_CLIENT_SECRET: secret = "" } = env;
  if (file !== "") {
    needs("AZURE_FEDERATED_TOKEN_FILE", { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client });
    return exchange(env, "the workload identity", { tenant, client, audience }, async () => ({
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: await assertionIn(file),
    }));
  }
  if (secret !== "") {
    needs("AZURE_CLIENT_SECRET", { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client });
    return exchange(
      env,
      "the application",
      { tenant, client, audience },
      async () => await Promise.resolve({ client_secret: secret }),
    );
  }
  const words = "the machine's managed identity";
  const query = new URLSearchParams({
    "api-version": "2018-02-01",
    resource: audience,
    ...(client === "" ? {} : { client_id: client }),
  });
  return {
    words,
    server: urlOf(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST", METADATA),
    request: async () =>
      await Promise.resolve({
        method: "GET",
        path: `/metadata/identity/oauth2/token?${query.toString()}`,
        what: `get a token of ${words}`,
        headers: { metadata: "true" },
      }),
  };
}

function exchange(
  env: IdentityOptions["env"],
  words: string,
  {
    tenant,
    client,
    audience,
  }: { readonly tenant: string; readonly client: string; readonly audience: string },
  proof: () => Promise<Readonly<Record<string, string>>>,
): Way {
  return {
    words,
    server: urlOf(env, "AZURE_AUTHORITY_HOST", AUTHORITY),
    request: async () => {
      const form = new URLSearchParams({
        grant_type: "client_credentials",
        client_id: client,
        scope: `${audience}/.default`,
        ...(await proof()),
      });
      return {
        method: "POST",
        path: `/${encodeURIComponent(tenant)}/oauth2/v2.0/token`,
        what: `get a token of ${words}`,
        text: form.toString(),
        contentType: "application/x-www-form-urlencoded",
      };
    },
  };
}

/** Projected anew every hour, so it is read at each use. */
async function assertionIn(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new AppError("settings", `AZURE_FEDERATED_TOKEN_FILE: cannot read ${file}; ${WAY_OUT}`, { cause });
  }
}

function needs(because: string, values: Readonly<Record<string, string>>): void {
  const missing = Object.entries(values).flatMap(([name, value]) => (value === "" ? [name] : []));
  if (missing.length > 0)
    throw new AppError(
      "settings",
      `${because} is set, and ${missing.join(" and ")} ${missing.length > 1 ? "are" : "is"} not; ${WAY_OUT}`,
    );
}

/** @throws AppError `settings` that names the variable. */
export function urlOf(env: IdentityOptions["env"], name: string, fallback: string): URL {
  const text = env[name] ?? "";
  const given = text === "" ? fallback : text;
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !["https:", "http:"].includes(url.protocol))
    throw new AppError("settings", `${name} is ${JSON.stringify(given)}, which is no https address`);
  return url;
}
