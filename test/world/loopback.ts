// The plain parts of a server on loopback: its port, the bodies that it reads, and the kubeconfig by which
// clients find it.

import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";

import { stringify } from "yaml";

import { Refusal } from "./api/refusal.ts";

/** As large as a real server accepts. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    size += bytes.length;
    if (size > MAX_BODY_BYTES)
      throw new Refusal(413, "RequestEntityTooLarge", `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Listens on 127.0.0.1 and returns the port; 0 lets the system choose. */
export async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      // A server that comes back listens more than once.
      server.off("error", reject);
      resolve();
    });
  });
  // A server that listens on TCP has an address of this form.
  return (server.address() as AddressInfo).port;
}

export function kubeconfigText(server: string, token: string): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "world",
    clusters: [{ name: "world", cluster: { server } }],
    users: [{ name: "world", user: { token } }],
    contexts: [{ name: "world", context: { cluster: "world", user: "world", namespace: "default" } }],
  });
}
