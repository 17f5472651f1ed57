import { createHash } from "node:crypto";
import http from "node:http";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { afterEach, describe, expect, test } from "vitest";

import { createAuthority } from "../../../test/build/certificate.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { eventually } from "../../../test/build/eventually.ts";
import { seededRandom } from "../../model/random.ts";
import { millis } from "../../model/units.ts";
import { systemClock } from "../clock.ts";
import { kindOf } from "../errors.ts";
import { createKubeClient } from "./client.ts";
import type { KubeClient } from "./client.ts";
import { fixedToken } from "./config.ts";

const REQUEST = {
  namespace: "team-a",
  name: "train-0",
  container: "main",
  command: ["python3", "save.py", "a b&c"],
};
const SUCCESS = JSON.stringify({ kind: "Status", status: "Success" });

interface Handshake {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** Answers 101 as a server does; a header may be replaced, or left out by an empty text. */
  agree(headers?: Readonly<Record<string, string>>): void;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An API server that agrees to an upgrade and then says what the test says. */
async function serverThat(
  onHandshake: (handshake: Handshake) => void,
  tls?: { readonly key: string; readonly cert: string },
): Promise<URL> {
  const server = tls === undefined ? http.createServer() : https.createServer(tls);
  const sockets = new Set<Duplex>();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onHandshake({
      request,
      socket,
      agree: (headers = {}) => {
        const all = {
          Upgrade: "websocket",
          Connection: "Upgrade",
          "Sec-WebSocket-Accept": createHash("sha1")
            .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest("base64"),
          "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
          ...headers,
        };
        const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      },
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const scheme = tls === undefined ? "http" : "https";
  return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function clientOf(server: URL, more: { readonly ca?: string } = {}, clock = systemClock): KubeClient {
  const config = { server, namespace: "default", token: fixedToken("t0"), ...more };
  const client = createKubeClient({ config, clock, userAgent: "test" });
  closing.push(() => {
    client.close();
  });
  return client;
}

/** A frame as a server writes it. */
function frame(payload: Buffer, { opcode = 2, final = true } = {}): Buffer {
  const first = (final ? 0x80 : 0) | opcode;
  if (payload.length < 126) return Buffer.concat([Buffer.from([first, payload.length]), payload]);
  const head = Buffer.alloc(payload.length < 65_536 ? 4 : 10);
  head.writeUInt8(first, 0);
  head.writeUInt8(payload.length < 65_536 ? 126 : 127, 1);
  if (payload.length < 65_536) head.writeUInt16BE(payload.length, 2);
  else head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

function on(channel: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
}

describe("exec()", () => {
  test("asks as the API server documents it, and brings what was printed and the exit code", async () => {
    const seen: IncomingMessage[] = [];
    const server = await serverThat(({ request, socket, agree }) => {
      seen.push(request);
      agree();
      socket.write(frame(on(1, "saving\n")));
      socket.write(frame(on(2, "careful\n")));
      socket.write(frame(on(1, '{"step": 7}\n')));
      socket.write(frame(on(3, SUCCESS)));
    });
    let opened = 0;
    const result = await clientOf(server).exec(REQUEST, {
      onOpen: () => {
        opened++;
      },
    });
    expect(result).toEqual({ exitCode: 0, stdout: 'saving\n{"step": 7}\n', stderr: "careful\n" });
    expect(opened).toBe(1);
    const [request] = seen;
    const url = new URL(request?.url ?? "", "http://server");
    expect(url.pathname).toBe("/api/v1/namespaces/team-a/pods/train-0/exec");
    expect([...url.searchParams]).toEqual([
      ["command", "python3"],
      ["command", "save.py"],
      ["command", "a b&c"],
      ["container", "main"],
      ["stdout", "true"],
      ["stderr", "true"],
    ]);
    expect(request?.headers).toMatchObject({
      authorization: "Bearer t0",
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-protocol": "v5.channel.k8s.io, v4.channel.k8s.io",
    });
  });

  test("goes over TLS with the cluster's own authority", async () => {
    const authority = createAuthority("cluster", Date.now());
    const server = await serverThat(({ socket, agree }) => {
      agree({ "Sec-WebSocket-Protocol": "v4.channel.k8s.io" });
      socket.write(frame(on(3, SUCCESS)));
    }, authority.issue("127.0.0.1"));
    expect(await clientOf(server, { ca: authority.cert }).exec(REQUEST)).toMatchObject({ exitCode: 0 });
    const other = createAuthority("other", Date.now());
    const untrusted = await clientOf(server, { ca: other.cert }).exec(REQUEST).catch(kindOf);
    expect(untrusted).toBe("denied");
  });

  test("an exit code is no error", async () => {
    const status = {
      kind: "Status",
      status: "Failure",
      reason: "NonZeroExitCode",
      message: "command terminated with non-zero exit code",
      details: { causes: [{ reason: "ExitCode", message: "137" }] },
    };
    const server = await serverThat(({ socket, agree }) => {
      agree();
      socket.write(frame(on(3, JSON.stringify(status))));
    });
    expect(await clientOf(server).exec(REQUEST)).toEqual({ exitCode: 137, stdout: "", stderr: "" });
  });

  test("reads messages of any length, in any pieces, with pings between", async () => {
    const seed = Date.now() % 1_000_000;
    const random = seededRandom(seed);
    const printed = ["a".repeat(124), "b".repeat(125), "c".repeat(65_535), ""].join("");
    const bytes = Buffer.concat([
      frame(on(1, "a".repeat(124))),
      frame(Buffer.from("are you there"), { opcode: 9 }),
      frame(on(1, "b".repeat(125))),
      // One message in three parts, and a ping between them.
      frame(on(1, "c".repeat(30_000)), { final: false }),
      frame(Buffer.from("c".repeat(30_000)), { opcode: 0, final: false }),
      frame(Buffer.alloc(0), { opcode: 9 }),
      frame(Buffer.from("c".repeat(5_535)), { opcode: 0 }),
      frame(on(4, "of a channel that nobody knows")),
      frame(on(2, "d".repeat(70_000))),
      frame(on(3, SUCCESS)),
    ]);
    const answers: Buffer[] = [];
    const server = await serverThat(({ socket, agree }) => {
      agree();
      socket.on("data", (chunk: Buffer) => answers.push(chunk));
      let at = 0;
      const more = (): void => {
        const length = 1 + Math.floor(random() ** 8 * 20_000);
        socket.write(bytes.subarray(at, at + length));
        at += length;
        if (at < bytes.length && !socket.destroyed) setImmediate(more);
      };
      more();
    });
    const result = await clientOf(server).exec(REQUEST);
    expect(result.stdout, `seed ${seed}`).toBe(printed.slice(0, 65_536));
    expect(result.stderr, `seed ${seed}`).toBe("d".repeat(65_536));
    // Pongs carry what the pings did, masked.
    const [first] = answers;
    expect(first?.subarray(0, 2)).toEqual(Buffer.from([0x8a, 0x80 | 13]));
    const mask = first?.subarray(2, 6);
    const text = first?.subarray(6, 19).map((byte, index) => byte ^ (mask?.[index % 4] ?? 0));
    expect(Buffer.from(text ?? []).toString()).toBe("are you there");
  });

  test.each([
    ["malformed", "masked", Buffer.from([0x82, 0x80, 1, 2, 3, 4])],
    ["malformed", "of an extension", Buffer.from([0xc2, 0x00])],
    ["malformed", "a part of nothing", frame(Buffer.from("x"), { opcode: 0 })],
    ["malformed", "too large", Buffer.from([0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0])],
    ["malformed", "a status that is none", frame(on(3, "gone"))],
    ["unavailable", "closed before its end", frame(Buffer.from([3, 232]), { opcode: 8 })],
    [
      "unavailable",
      "no such program",
      frame(on(3, '{"kind":"Status","status":"Failure","code":500,"reason":"InternalError"}')),
    ],
  ])("%s: %s", async (kind, _, bytes) => {
    const server = await serverThat(({ socket, agree }) => {
      agree();
      socket.write(bytes);
    });
    expect(await clientOf(server).exec(REQUEST).catch(kindOf)).toBe(kind);
  });

  test("a connection that is cut is no end of the command", async () => {
    const server = await serverThat(({ socket, agree }) => {
      agree();
      socket.write(frame(on(1, "half")), () => socket.destroy());
    });
    expect(await clientOf(server).exec(REQUEST).catch(kindOf)).toBe("unavailable");
  });

  test.each([
    ["another's handshake", { "Sec-WebSocket-Accept": "AAAA" }],
    ["no protocol that we know", { "Sec-WebSocket-Protocol": "channel.k8s.io" }],
  ])("malformed: %s", async (_, headers) => {
    const server = await serverThat(({ agree }) => {
      agree(headers);
    });
    expect(await clientOf(server).exec(REQUEST).catch(kindOf)).toBe("malformed");
  });

  test.each([
    [403, "denied"],
    [404, "not-found"],
    [500, "unavailable"],
    [200, "malformed"],
  ])("an answer of %i instead is %s", async (status, kind) => {
    const server = await serverThat(({ socket }) => {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\n{}`);
    });
    expect(await clientOf(server).exec(REQUEST).catch(kindOf)).toBe(kind);
  });

  test("ends with the caller's signal, and closes the connection", async () => {
    let ends = 0;
    const server = await serverThat(({ socket, agree }) => {
      socket.resume().on("end", () => {
        ends++;
      });
      agree();
    });
    const stop = new AbortController();
    const reason = new Error("no time is left");
    const running = clientOf(server).exec(REQUEST, {
      signal: stop.signal,
      onOpen: () => {
        stop.abort(reason);
      },
    });
    await expect(running).rejects.toBe(reason);
    await eventually(() => ends === 1);
  });

  test("a handshake that nobody answers ends at its deadline", async () => {
    const clock = createFakeClock();
    const server = await serverThat(() => {});
    const running = clientOf(server, {}, clock)
      .exec(REQUEST, { deadlineMs: millis(3_000) })
      .catch(kindOf);
    await clock.untilSleeping(3_000);
    await clock.advance(3_000);
    expect(await running).toBe("timeout");
  });
});
