// Which call a request to Google's API is, by the service's own description, and what the service refuses before it looks
// at what is asked: another token, a parameter or a field that it does not have.

import { GcpRefusal } from "./gcp-actions.ts";
import { DISCOVERY, faultsIn, serviceOf } from "./gcp-discovery.ts";
import type { Fields } from "./gcp-groups.ts";

/** Where each service stands on the stand-in. */
export const SERVICES = {
  compute: "compute/v1/",
  container: "container/v1/",
  cloudresourcemanager: "crm/v1/",
};

export interface Route {
  readonly method: string;
  readonly verb: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly query: readonly string[];
}

export const ROUTES = Object.entries(DISCOVERY.methods).map(
  ([method, { httpMethod, path, query }]): Route => {
    const names: string[] = [];
    const text = path.replace(/^v1\//, "").replaceAll(/\{\+?(\w+)\}/g, (_, name: string) => {
      names.push(name);
      return "([^/:]+)";
    });
    const root = SERVICES[serviceOf(method) as keyof typeof SERVICES];
    return { method, verb: httpMethod, pattern: new RegExp(`^/${root}${text}$`), names, query };
  },
);

/** Of every Google API. */
const COMMON_QUERY = ["alt", "prettyPrint", "fields", "key", "quotaUser"];

/** @throws GcpRefusal for whoever brings another token. */
export function refuseStranger(authorization: string | undefined, token: string): void {
  if (authorization === `Bearer ${token}`) return;
  throw new GcpRefusal(
    401,
    "authError",
    "Request had invalid authentication credentials. Expected OAuth 2 access token.",
  );
}

/** @throws GcpRefusal for a parameter or a field that the service does not have. */
export function bodyOf({ method, query }: Route, { searchParams }: URL, text: string): Fields {
  const stranger = [...searchParams.keys()].find((name) => ![...query, ...COMMON_QUERY].includes(name));
  if (stranger !== undefined)
    throw new GcpRefusal(400, "invalidParameter", `Unknown name "${stranger}": Cannot bind query parameter.`);
  // One of Google's clients sends two quotes for no body.
  const body = text === "" || text === '""' ? undefined : parsed(text);
  const [fault] = faultsIn(
    method,
    "request",
    body ?? (DISCOVERY.methods[method]?.request === null ? undefined : {}),
  );
  if (fault !== undefined) throw new GcpRefusal(400, "badRequest", `Invalid JSON payload received. ${fault}`);
  return (body ?? {}) as Fields;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new GcpRefusal(400, "parseError", "Invalid JSON payload received. Unexpected token.");
  }
}
