// What the agent needs beside the GPUs, tried out one by one: the places of the library, the device files, the
// kernel's log, the kubelet's socket, NATS, the Kubernetes API. Each says in words what it found; none throws, and
// none takes longer than the time it is given.

import { access, constants, open } from "node:fs/promises";
import { connect } from "node:net";

import type { Node } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";

export interface CheckLine {
  readonly name: string;
  /** Null: nothing is wrong and nothing is there, as outside of a cluster. */
  readonly ok: boolean | null;
  readonly detail: string;
}

const WITHIN_MS: Millis = millis(3_000);
/** A server that says more than this before the end of its first line is no NATS server. */
const GREETING_BYTES_MAX = 64 * 1024;
const KMSG = "/dev/kmsg";

/** Runs a check and makes a line of whatever comes of it. */
export async function checkLine(
  name: string,
  check: () => Promise<Omit<CheckLine, "name">>,
): Promise<CheckLine> {
  try {
    return { name, ...(await check()) };
  } catch (error) {
    return { name, ok: false, detail: describe(error) };
  }
}

/** `files` in the order in which the agent would try them. */
export async function checkKernelLog(files: readonly string[]): Promise<Omit<CheckLine, "name">> {
  const refusals: string[] = [];
  for (const file of files) {
    const refusal = await refusalToRead(file);
    if (refusal === null) return { ok: true, detail: `${file} can be read` };
    refusals.push(`${file}: ${refusal}`);
  }
  const why = refusals.length === 0 ? "switched off" : refusals.join("; ");
  return { ok: null, detail: `not read, XIDs come from the driver alone (${why})` };
}

/**
 * The first line of one NATS server. A server speaks first, so nothing is sent and nothing is proved of our token.
 * @throws AppError unavailable, timeout or malformed.
 */
export async function checkNats(server: string, withinMs = WITHIN_MS): Promise<Omit<CheckLine, "name">> {
  const { host, port } = addressOf(server);
  const line = await firstLine(host, port, withinMs);
  const [, json] = /^INFO (\{.*\})/.exec(line) ?? [];
  if (json === undefined)
    throw new AppError("malformed", `${server} is no NATS server: it begins with ${line.slice(0, 60)}`);
  const info = JSON.parse(json) as Readonly<Record<string, unknown>>;
  const said = (name: string): string => (typeof info[name] === "string" ? info[name] : "unknown");
  const needs = [
    ...(info["auth_required"] === true ? ["asks for credentials"] : []),
    ...(info["tls_required"] === true ? ["asks for TLS"] : []),
    ...(info["jetstream"] === true ? ["JetStream"] : []),
  ];
  const detail = [`${server} answers: ${said("server_name")}, version ${said("version")}`, ...needs].join(
    ", ",
  );
  return { ok: true, detail };
}

/** Whether the API server answers and lets us read our own node. */
export async function checkKubernetes(
  client: Pick<KubeClient, "get">,
  node: string,
): Promise<Omit<CheckLine, "name">> {
  const found = await client.get<Node>(RESOURCE.nodes, { name: node }, { deadlineMs: WITHIN_MS });
  const gpus = Object.entries(found.status?.capacity ?? {}).filter(([name]) => /\/.*(gpu|mig)/.test(name));
  const list = gpus.map(([name, count]) => `${name} ${count}`).join(", ");
  return {
    ok: true,
    detail: `the node ${node} can be read; ${list === "" ? "it offers no GPUs" : `it offers ${list}`}`,
  };
}

async function refusalToRead(file: string): Promise<string | null> {
  try {
    if (file === KMSG) {
      // Its mode lets everybody read; the kernel asks for a capability only when it is opened.
      const opened = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
      await opened.close();
    } else {
      await access(file, constants.R_OK);
    }
    return null;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : describe(error);
  }
}

function addressOf(server: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(server.includes("://") ? server : `nats://${server}`);
  if (url === null || url.hostname === "")
    throw new AppError("settings", `${server} is no address of a NATS server; write nats://HOST:PORT`);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port === "" ? 4222 : Number(url.port) };
}

async function firstLine(host: string, port: number, withinMs: Millis): Promise<string> {
  const deadline = AbortSignal.timeout(withinMs);
  const socket = connect({ host, port, signal: deadline });
  try {
    return await new Promise<string>((resolve, reject) => {
      let heard = "";
      socket.setEncoding("utf8");
      socket.on("data", (text: string) => {
        heard += text;
        if (heard.includes("\n") || heard.length > GREETING_BYTES_MAX) resolve(heard.split("\n")[0] ?? "");
      });
      socket.on("error", (cause) => {
        reject(
          deadline.aborted
            ? new AppError("timeout", `${host}:${port} has not said who it is within ${withinMs} ms`)
            : new AppError("unavailable", `${host}:${port} cannot be reached: ${describe(cause)}`, { cause }),
        );
      });
      socket.on("end", () => {
        reject(new AppError("unavailable", `${host}:${port} hangs up before it has said who it is`));
      });
    });
  } finally {
    socket.destroy();
  }
}
