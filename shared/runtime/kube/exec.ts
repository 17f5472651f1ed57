// A command inside a pod, by the API server: `pods/exec` over a WebSocket, in the channels of its fifth and fourth
// version. Nothing is written to the command's input; what it prints is kept up to a limit. Whether it may be run, and
// what its exit code means, is the caller's business.

import type { Duplex } from "node:stream";

import { AppError } from "../errors.ts";
import { handshakeKey, readMessages } from "./frames.ts";
import { RESOURCE, nameOf, objectPath } from "./resources.ts";
import { networkError, readStatus, refusalError, refusalOfStatus } from "./translate.ts";
import type { HttpRequest, HttpUpgrade } from "./transport.ts";

export interface ExecRequest {
  readonly namespace: string;
  readonly name: string;
  /** Null leaves the choice to the server, which makes it for pods of one container only. */
  readonly container: string | null;
  /** The program and its arguments; no shell reads them. */
  readonly command: readonly string[];
}

export interface ExecResult {
  readonly exitCode: number;
  /** The first 64 KiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** The first byte of each message says what it is. */
const CHANNEL = { stdout: 1, stderr: 2, status: 3 } as const;
const KEPT_BYTES = 64 * 1024;
/** The server copies what the command prints in pieces of 32 KiB. */
const MESSAGE_BYTES = 1024 * 1024;

export interface ExecCall {
  readonly request: Omit<HttpRequest, "token">;
  /** What proves that the server has understood the handshake. */
  readonly accept: string;
}

/** A handshake for each call: the right that it takes is "get" on pods/exec, and "create" from Kubernetes 1.35 on. */
export function execCall({ namespace, name, container, command }: ExecRequest): ExecCall {
  const pod = { namespace, name };
  const query = new URLSearchParams(command.map((word): [string, string] => ["command", word]));
  if (container !== null) query.set("container", container);
  query.set("stdout", "true");
  query.set("stderr", "true");
  const { key, accept } = handshakeKey();
  return {
    accept,
    request: {
      method: "GET",
      path: `${objectPath(RESOURCE.pods, pod, "exec")}?${query.toString()}`,
      what: `run a command in ${nameOf(RESOURCE.pods, pod)}`,
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": key,
        "sec-websocket-protocol": PROTOCOLS.join(", "),
      },
      // Only a connection that the server had closed is tried again, and then nobody has read the first.
      repeatable: true,
    },
  };
}

/**
 * Waits for the command's end. @throws AppError malformed, unavailable (cut before it had ended), or what the server says
 * instead of an exit code; the signal's reason, which closes the connection and does not stop the command.
 */
export async function readExec(options: {
  readonly call: ExecCall;
  readonly upgrade: HttpUpgrade;
  /** For messages. */
  readonly server: URL;
  readonly signal: AbortSignal | undefined;
}): Promise<ExecResult> {
  const { call, upgrade, server, signal } = options;
  const { what } = call.request;
  const { socket, head, headers } = upgrade;
  const onAbort = (): void => {
    socket.destroy();
  };
  // What goes wrong is thrown where it is read.
  socket.on("error", () => {});
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    if (headers["sec-websocket-accept"] !== call.accept)
      throw new AppError("malformed", `cannot ${what}: the handshake of ${server.host} is another's`);
    if (!PROTOCOLS.includes(headers["sec-websocket-protocol"] ?? ""))
      throw new AppError(
        "malformed",
        `cannot ${what}: ${server.host} speaks none of ${PROTOCOLS.join(" and ")}`,
      );
    return await readChannels(socket, head, what);
  } catch (error) {
    signal?.throwIfAborted();
    throw networkError(what, server, error);
  } finally {
    signal?.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

async function readChannels(socket: Duplex, head: Buffer, what: string): Promise<ExecResult> {
  const printed = { stdout: keptText(), stderr: keptText() };
  for await (const message of readMessages({ socket, head, maxBytes: MESSAGE_BYTES, what })) {
    const content = message.subarray(1);
    if (message[0] === CHANNEL.stdout) printed.stdout.add(content);
    if (message[0] === CHANNEL.stderr) printed.stderr.add(content);
    if (message[0] !== CHANNEL.status) continue;
    const exitCode = exitCodeOf(content.toString("utf8"), what);
    return { exitCode, stdout: printed.stdout.text(), stderr: printed.stderr.text() };
  }
  throw new AppError(
    "unavailable",
    `cannot ${what}: the connection ended before the command, which may go on`,
  );
}

function exitCodeOf(body: string, what: string): number {
  const status = readStatus(body);
  if (status === null) {
    throw new AppError("malformed", `cannot ${what}: its end is told by no Status: ${body.slice(0, 100)}`);
  }
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  const code = Number(cause?.message ?? Number.NaN);
  if (status.reason === "NonZeroExitCode" && Number.isInteger(code)) return code;
  // The command was not begun: no such program, no such container.
  throw refusalError(what, refusalOfStatus(status));
}

function keptText(): { add(bytes: Buffer): void; text(): string } {
  const parts: Buffer[] = [];
  let left = KEPT_BYTES;
  return {
    add: (bytes) => {
      if (left <= 0) return;
      parts.push(bytes.subarray(0, left));
      left -= bytes.length;
    },
    text: () => Buffer.concat(parts).toString("utf8"),
  };
}
