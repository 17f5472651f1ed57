// A bare connection to the world's API for tests of that API: it sends what it is told and shows what comes
// back. The product's own client is not used, so that a fault shared by both cannot hide.

import { APPLY_PATCH, JSON_PATCH, MERGE_PATCH } from "./api/call.ts";

export interface Answer {
  readonly code: number;
  /** Parsed JSON; the tests know which shape they asked for. */
  readonly body: Json;
  readonly retryAfter: string | null;
}

/** JSON whose fields can be read without a cast at each step. */
export interface Json {
  readonly [field: string]: Json;
}

export interface WatchLine {
  readonly type: string;
  readonly object: Json;
}

export interface Connection {
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  merge(path: string, patch: unknown): Promise<Answer>;
  json(path: string, patch: unknown): Promise<Answer>;
  apply(path: string, patch: unknown): Promise<Answer>;
  delete(path: string, body?: unknown): Promise<Answer>;
  send(method: string, path: string, contentType: string, body: string): Promise<Answer>;
  watch(path: string): Promise<WatchStream>;
}

export interface WatchStream {
  readonly code: number;
  /** The next line; null when the stream has ended. */
  next(): Promise<WatchLine | null>;
  nextRaw(): Promise<string | null>;
  take(count: number): Promise<readonly WatchLine[]>;
  close(): void;
}

export function connect(url: string, token: string, userAgent = "test"): Connection {
  const headers = { authorization: `Bearer ${token}`, "user-agent": userAgent };

  async function send(
    method: string,
    path: string,
    contentType: string | null,
    body: string | null,
  ): Promise<Answer> {
    const response = await fetch(url + path, {
      method,
      headers: contentType === null ? headers : { ...headers, "content-type": contentType },
      body,
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type") === "application/json";
    return {
      code: response.status,
      body: (isJson ? JSON.parse(text) : { text }) as Json,
      retryAfter: response.headers.get("retry-after"),
    };
  }

  const withJson = async (
    method: string,
    path: string,
    body: unknown,
    type = "application/json",
  ): Promise<Answer> => await send(method, path, type, JSON.stringify(body));

  return {
    get: async (path) => await send("GET", path, null, null),
    post: async (path, body) => await withJson("POST", path, body),
    put: async (path, body) => await withJson("PUT", path, body),
    merge: async (path, patch) => await withJson("PATCH", path, patch, MERGE_PATCH),
    json: async (path, patch) => await withJson("PATCH", path, patch, JSON_PATCH),
    apply: async (path, patch) => await withJson("PATCH", path, patch, APPLY_PATCH),
    delete: async (path, body) =>
      body === undefined ? await send("DELETE", path, null, null) : await withJson("DELETE", path, body),
    send,
    watch: async (path) => {
      const stop = new AbortController();
      const response = await fetch(url + path, { headers, signal: stop.signal });
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      return watchStream(
        response.status,
        async () => (await reader?.read())?.value ?? null,
        () => stop.abort(),
      );
    },
  };
}

function watchStream(code: number, read: () => Promise<string | null>, close: () => void): WatchStream {
  let buffer = "";

  async function nextRaw(): Promise<string | null> {
    for (;;) {
      const end = buffer.indexOf("\n");
      if (end >= 0) {
        const line = buffer.slice(0, end);
        buffer = buffer.slice(end + 1);
        return line;
      }
      const chunk = await read();
      if (chunk === null) return null;
      buffer += chunk;
    }
  }

  async function next(): Promise<WatchLine | null> {
    const line = await nextRaw();
    return line === null ? null : (JSON.parse(line) as WatchLine);
  }

  return {
    code,
    next,
    nextRaw,
    close,
    take: async (count) => {
      const lines: WatchLine[] = [];
      while (lines.length < count) {
        const line = await next();
        if (line === null) throw new Error(`the watch ended after ${lines.length} of ${count} lines`);
        lines.push(line);
      }
      return lines;
    },
  };
}
