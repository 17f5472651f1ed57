// The proxy paths of services and pods: a request goes on to a port on loopback that a scene has named. What the
// other side answers comes back as it is; a side that is not there is refused as a real API server refuses.

import type { Reply } from "./call.ts";
import { Refusal } from "./refusal.ts";

export interface ProxyRoute {
  readonly kind: "proxy";
  /** `services/<namespace>/<name>:<port>`, or pods. */
  readonly target: string;
  readonly path: string;
}

/** `/api/v1/namespaces/NS/services/http:NAME:PORT/proxy/…`; null for any other path. */
export function proxyRoute(path: string): ProxyRoute | null {
  const found = /^\/api\/v1\/namespaces\/([^/]+)\/(services|pods)\/([^/]+)\/proxy(\/.*)?$/.exec(path);
  if (found === null) return null;
  const [, namespace = "", kind = "", name = "", rest = "/"] = found;
  return {
    kind: "proxy",
    target: `${kind}/${decodeURIComponent(namespace)}/${decodeURIComponent(name).replace(/^https?:/, "")}`,
    path: rest,
  };
}

export async function forward(
  { target, path }: ProxyRoute,
  targets: ReadonlyMap<string, string>,
  query: string,
): Promise<Reply> {
  const [kind = "", , name = ""] = target.split("/");
  const url = targets.get(target);
  if (url === undefined) throw new Refusal(404, "NotFound", `${kind} "${name.split(":")[0]}" not found`);
  try {
    const response = await fetch(new URL(`${path}${query}`, url));
    return { code: response.status, body: await response.text() };
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Refusal(503, "ServiceUnavailable", `error trying to reach service: ${why}`);
  }
}
