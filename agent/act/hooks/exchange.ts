// One HTTP exchange with a pod, at the address that is given and nowhere else: no names are resolved, no redirect is
// followed, no proxy is used, and of the answer no more than 64 KiB is read. What it means is said in http-hook.ts.

import http from "node:http";

import { CHECKPOINT_EVENT_HEADER } from "../../../shared/model/names.ts";
import { describe } from "../../../shared/runtime/errors.ts";

export interface HookRequest {
  readonly method: "POST" | "GET";
  /** An IP address. */
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly eventId: string;
  /** JSON; null without one. */
  readonly body: string | null;
}

export type HookReply =
  | { readonly kind: "answer"; readonly status: number; readonly text: string }
  | { readonly kind: "oversized"; readonly status: number }
  /** The connection was refused. */
  | { readonly kind: "nobody" }
  /** No answer, half of one, or none of HTTP. */
  | { readonly kind: "broken"; readonly why: string }
  /** The signal ended it. */
  | { readonly kind: "ended"; readonly during: "connecting" | "waiting" | "reading" };

/** Never rejects. `onSent`: the request is out, and what follows is the pod's own time. */
export type HookCaller = (
  request: HookRequest,
  limits: { readonly signal: AbortSignal; readonly onSent: () => void },
) => Promise<HookReply>;

export const ANSWER_BYTES_MAX = 64 * 1024;

export const callPod: HookCaller = async (request, { signal, onSent }) => {
  let during: "connecting" | "waiting" | "reading" = "connecting";
  try {
    signal.throwIfAborted();
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const { method, address, port, path, body } = request;
      // Without an agent: the pod is called once or twice and goes, so no connection is kept.
      const outgoing = http.request({
        host: address,
        port,
        path,
        method,
        headers: headersOf(request),
        agent: false,
        signal,
      });
      outgoing.on("finish", () => {
        during = "waiting";
        onSent();
      });
      outgoing.on("response", resolve);
      outgoing.on("error", reject);
      outgoing.on("upgrade", (_response, socket) => {
        socket.destroy();
        reject(new Error("it answers in another protocol"));
      });
      // Whatever else ends a connection without a word.
      outgoing.on("close", () => {
        reject(new Error("the connection was closed"));
      });
      outgoing.end(body ?? undefined);
    });
    during = "reading";
    return await readAnswer(response);
  } catch (error) {
    if (signal.aborted) return { kind: "ended", during };
    return during === "connecting" && isRefused(error)
      ? { kind: "nobody" }
      : { kind: "broken", why: describe(error) };
  }
};

async function readAnswer(response: http.IncomingMessage): Promise<HookReply> {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop closes the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) return { kind: "oversized", status };
    chunks.push(chunk);
  }
  return { kind: "answer", status, text: Buffer.concat(chunks, size).toString("utf8") };
}

function headersOf({ eventId, body }: HookRequest): http.OutgoingHttpHeaders {
  return {
    accept: "application/json",
    "user-agent": "gpu-autoscaler-agent",
    // An id may come from a file or another's metadata; what a header cannot hold is escaped as in a URL.
    [CHECKPOINT_EVENT_HEADER]: eventId.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, encodeURIComponent),
    ...(body === null
      ? {}
      : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
  };
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ECONNREFUSED";
}
