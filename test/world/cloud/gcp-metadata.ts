// The metadata server of a machine at Google, as much of it as gives an access token: what workload identity of GKE
// looks like to a client.

import type { IncomingHttpHeaders } from "node:http";

import type { Answer } from "./face.ts";

const ROOT = "/computeMetadata/v1";
const FLAVOR = { "metadata-flavor": "Google" };

/** Null: the request is for something else. */
export function metadataAnswer(url: URL, headers: IncomingHttpHeaders, token: string): Answer | null {
  if (!url.pathname.startsWith(ROOT)) return null;
  if (headers["metadata-flavor"] !== "Google") return plain(403, "Missing Metadata-Flavor:Google header.");
  const path = url.pathname.slice(ROOT.length).replace(/\/$/, "");
  if (path === "/instance/service-accounts/default/token")
    return {
      ...plain(200, JSON.stringify({ access_token: token, expires_in: 3_599, token_type: "Bearer" })),
      contentType: "application/json",
    };
  if (path === "/instance/service-accounts/default/email") return plain(200, "gpu-autoscaler@example.test");
  if (path === "" || path === "/instance") return plain(200, "attributes/\nservice-accounts/\n");
  if (path === "/universe/universe-domain" || path === "/universe/universe_domain")
    return plain(200, "googleapis.com");
  return plain(404, "not found");
}

function plain(status: number, text: string): Answer {
  return { status, contentType: "application/text", text, headers: FLAVOR, isRefusal: status >= 300 };
}
