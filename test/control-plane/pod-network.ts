// The network between the API server and pods, where pods have addresses that nobody routes: the server asks a proxy for
// each connection to a pod, as it does where its nodes are behind a tunnel, and the proxy leads it to the program that
// stands for the pod. Between pods there is nothing.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface PodNetwork extends AsyncDisposable {
  /** Flags of the API server, by a file that is written into `folder`. */
  serverFlags(folder: string): Promise<readonly string[]>;
  /** Where the program of a pod listens, by the pod's address; null: no such pod. Replaces what was set before. */
  onConnect(find: (ip: string) => URL | null): void;
}

export async function startPodNetwork(): Promise<PodNetwork> {
  let find: (ip: string) => URL | null = () => null;
  const sockets = new Set<Socket>();
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Either side may be gone at any moment; then the other one goes too.
    socket.on("error", () => socket.destroy());
  };
  const server = http.createServer((_request, response) => response.writeHead(405).end());
  server.on("connect", (request, client: Socket, head: Buffer) => {
    hold(client);
    const wanted = request.url ?? "";
    const target = find(wanted.slice(0, wanted.lastIndexOf(":")));
    if (target === null) {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    hold(upstream);
    upstream.once("connect", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    upstream.once("close", () => client.destroy());
    client.once("close", () => upstream.destroy());
  });
  const own = await mkdtemp(join(tmpdir(), "pods-"));
  const path = join(own, "socket");
  server.listen(path);
  await once(server, "listening");

  return {
    serverFlags: async (folder) => {
      const file = join(folder, "egress.json");
      const connection = {
        proxyProtocol: "HTTPConnect",
        // By TCP it would have to be TLS.
        transport: { uds: { udsName: path } },
      };
      const config = {
        apiVersion: "apiserver.k8s.io/v1beta1",
        kind: "EgressSelectorConfiguration",
        egressSelections: [{ name: "cluster", connection }],
      };
      await writeFile(file, JSON.stringify(config));
      return [`--egress-selector-config-file=${file}`];
    },
    onConnect: (next) => {
      find = next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
      await rm(own, { recursive: true, force: true });
    },
  };
}
