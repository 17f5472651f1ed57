// A kubelet as far as the agent talks to it: PodResources over HTTP/2 on a unix socket, with the troubles that a real
// one gives. Real sockets and real framing; who holds what is what a test says. Nothing here knows the agent's code.

import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import type { ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";

export interface KubeletPod {
  readonly namespace: string;
  readonly name: string;
  readonly containers: readonly {
    readonly name: string;
    /** Resource name → device ids. */
    readonly devices?: Readonly<Record<string, readonly string[]>>;
    readonly claims?: readonly KubeletClaim[];
  }[];
}

export interface KubeletClaim {
  readonly name: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly cdi?: readonly string[];
}

export type KubeletAnswer =
  | { readonly kind: "pods"; readonly pods: readonly KubeletPod[] }
  /** A whole body, frame included, with status 0 behind it. */
  | { readonly kind: "body"; readonly body: Uint8Array }
  /** gRPC's status, with a head alone or behind an empty body. */
  | { readonly kind: "status"; readonly code: number; readonly message: string; readonly headOnly?: boolean }
  | { readonly kind: "http"; readonly status: number }
  /** Takes the call and says nothing. */
  | { readonly kind: "stall" }
  /** Breaks the connection in the middle of the answer. */
  | { readonly kind: "cut" };

export interface FakeKubelet extends AsyncDisposable {
  readonly socket: string;
  /** Calls of List so far. */
  readonly lists: number;
  /** Sessions opened so far. */
  readonly sessions: number;
  readonly pings: number;
  answer(answer: KubeletAnswer): void;
  /** Resolves when List has been called `count` times in all. */
  listed(count: number): Promise<void>;
  /** Ends as a kubelet does that is stopped: the socket's file goes with it. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Says on every session that it takes no more calls. */
  goAway(): void;
  /** Nothing that the open connections carry is read any more; new ones are. */
  freeze(): void;
  /** What the last call carried. */
  readonly lastCall: {
    readonly path: string;
    readonly headers: http2.IncomingHttpHeaders;
    readonly body: Buffer;
  };
}

export async function startFakeKubelet(pods: readonly KubeletPod[] = []): Promise<FakeKubelet> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-autoscaler-kubelet-"));
  const socket = join(folder, "kubelet.sock");
  let answer: KubeletAnswer = { kind: "pods", pods };
  let server: net.Server | null = null;
  let lists = 0;
  let sessions = 0;
  let pings = 0;
  let lastCall: FakeKubelet["lastCall"] = { path: "", headers: {}, body: Buffer.alloc(0) };
  const open = new Set<ServerHttp2Session>();
  const connections = new Set<net.Socket>();
  const waiting = new Set<() => void>();

  async function start(): Promise<void> {
    const protocol = http2.createServer();
    protocol.on("session", (session) => {
      sessions++;
      open.add(session);
      session.on("ping", () => {
        pings++;
      });
      session.on("close", () => open.delete(session));
      session.on("error", () => {});
    });
    protocol.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      const body: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => body.push(chunk));
      stream.on("end", () => {
        lists++;
        lastCall = { path: String(headers[":path"]), headers, body: Buffer.concat(body) };
        if (!stream.destroyed) give(stream, answer);
        for (const wake of waiting) wake();
      });
    });
    // The bytes pass through here, so that they can be held up below HTTP/2, which answers pings by itself.
    const started = net.createServer((connection) => {
      const [outside, inside] = duplexPair();
      const end = (): void => {
        connections.delete(connection);
        connection.destroy();
        inside.destroy();
        outside.destroy();
      };
      connections.add(connection);
      for (const stream of [connection, inside, outside]) stream.on("close", end).on("error", end);
      connection.pipe(outside).pipe(connection);
      protocol.emit("connection", inside);
    });
    await new Promise<void>((resolve, reject) => {
      started.once("error", reject);
      started.listen(socket, resolve);
    });
    server = started;
  }

  async function stop(): Promise<void> {
    const stopping = server;
    server = null;
    for (const session of open) session.destroy();
    for (const connection of connections) connection.destroy();
    if (stopping === null) return;
    await new Promise<void>((resolve) => {
      stopping.close(() => {
        resolve();
      });
    });
  }

  await start();
  return {
    socket,
    get lists() {
      return lists;
    },
    get sessions() {
      return sessions;
    },
    get pings() {
      return pings;
    },
    get lastCall() {
      return lastCall;
    },
    answer: (next) => {
      answer = next;
    },
    listed: async (count) => {
      while (lists < count) {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    stop,
    start,
    goAway: () => {
      for (const session of open) session.goaway();
    },
    freeze: () => {
      for (const connection of connections) connection.unpipe().pause();
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      await rm(folder, { recursive: true });
    },
  };
}

function give(stream: ServerHttp2Stream, answer: KubeletAnswer): void {
  const head = { ":status": 200, "content-type": "application/grpc" };
  switch (answer.kind) {
    case "pods":
      withTrailers(stream, { "grpc-status": "0" }, frame(encodeList(answer.pods)));
      return;
    case "body":
      withTrailers(stream, { "grpc-status": "0" }, answer.body);
      return;
    case "status": {
      const status = {
        "grpc-status": String(answer.code),
        "grpc-message": encodeURIComponent(answer.message),
      };
      if (answer.headOnly === true) stream.respond({ ...head, ...status }, { endStream: true });
      else withTrailers(stream, status, new Uint8Array());
      return;
    }
    case "http":
      stream.respond({ ":status": answer.status }, { endStream: true });
      return;
    case "stall":
      return;
    case "cut":
      stream.respond(head);
      stream.write(new Uint8Array(3));
      stream.session?.destroy();
  }

  function withTrailers(to: ServerHttp2Stream, trailers: Record<string, string>, body: Uint8Array): void {
    to.respond(head, { waitForTrailers: true });
    to.on("wantTrailers", () => {
      to.sendTrailers(trailers);
    });
    to.end(body);
  }
}

/** The frame of gRPC: not compressed, four bytes of length. */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** A List answer in protobuf, by the field numbers of the kubelet's interface. */
export function encodeList(pods: readonly KubeletPod[]): Uint8Array {
  return Buffer.concat(pods.map((pod) => field(1, encodePod(pod))));
}

function encodePod({ name, namespace, containers }: KubeletPod): Buffer {
  const encoded = containers.map(({ name: container, devices = {}, claims = [] }) =>
    field(
      3,
      field(1, container),
      ...Object.entries(devices).map(([resource, ids]) =>
        field(2, field(1, resource), ...ids.map((id) => field(2, id))),
      ),
      ...claims.map((claim) =>
        field(5, field(2, claim.name), field(3, namespace), field(4, encodeDevice(claim))),
      ),
    ),
  );
  return Buffer.concat([field(1, name), field(2, namespace), ...encoded]);
}

function encodeDevice({ driver, pool, device, cdi = [] }: KubeletClaim): Buffer {
  return Buffer.concat([
    ...cdi.map((name) => field(1, field(1, name))),
    field(2, driver),
    field(3, pool),
    field(4, device),
  ]);
}

function field(number: number, ...parts: readonly (string | Buffer)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) + 0x80);
  return Buffer.from([...bytes, left]);
}
