// What NATS asks when somebody connects: which server asks, for which key the answer must be, and the token that was
// presented. Read with suspicion: it is a message like any other until its signature says that a server wrote it.

import type { KeyPair } from "@nats-io/nkeys";
import * as z from "zod";

import { readClaims } from "./claims.ts";

/** Header by which a server that has sealed its request says with which key. */
export const SERVER_XKEY_HEADER = "Nats-Server-Xkey";

export interface LoginRequest {
  /** Public nkey of the server that asks. */
  readonly server: string;
  /** Public nkey that the server made for this one connection: the answer is good for nothing else. */
  readonly user: string;
  /** Null: none was presented. */
  readonly token: string | null;
  /** Its network address and name, by its own saying: for the log. */
  readonly from: string;
  /** The server's sealing key; null: the request came open. */
  readonly sealedBy: string | null;
}

export type ReadRequest =
  | { readonly kind: "request"; readonly request: LoginRequest }
  | { readonly kind: "unreadable"; readonly detail: string };

const loginSchema = z.object({
  iss: z.string().startsWith("N"),
  nats: z.object({
    type: z.literal("authorization_request"),
    user_nkey: z.string().regex(/^U[A-Z2-7]{55}$/),
    server_id: z.object({ id: z.string() }),
    client_info: z.object({ host: z.string().optional(), name: z.string().optional() }).optional(),
    connect_opts: z.object({ auth_token: z.string().optional() }),
  }),
});

export function readLogin(data: Uint8Array, sealedBy: string | null, xkey: KeyPair | null): ReadRequest {
  const opened = sealedBy === null ? data : open(data, sealedBy, xkey);
  if (typeof opened === "string") return unreadable(opened);
  const claims = readClaims(new TextDecoder().decode(opened));
  if (claims === null) return unreadable("it is not signed by whom it names");
  const parsed = loginSchema.safeParse(claims);
  if (!parsed.success) return unreadable(z.prettifyError(parsed.error));
  const { iss, nats } = parsed.data;
  if (iss !== nats.server_id.id) return unreadable("it is signed by another server than it names");
  const { host = "an unknown address", name = "" } = nats.client_info ?? {};
  const { auth_token: token } = nats.connect_opts;
  return {
    kind: "request",
    request: {
      server: iss,
      user: nats.user_nkey,
      token: token === undefined || token === "" ? null : token,
      from: name === "" ? host : `${host} (${name})`,
      sealedBy,
    },
  };
}

/** Text: why not. */
function open(data: Uint8Array, sealedBy: string, xkey: KeyPair | null): Uint8Array | string {
  if (xkey === null) return "it is sealed, and no key was given to open it (GPUAS_NATS_XKEY_FILE)";
  try {
    return xkey.open(data, sealedBy) ?? "it is sealed for another key than that of GPUAS_NATS_XKEY_FILE";
  } catch {
    return "it is not sealed as it says";
  }
}

function unreadable(detail: string): ReadRequest {
  return { kind: "unreadable", detail };
}
