// A cloud's API on loopback, whatever it speaks: takes requests one by one, makes trouble where it is told to, shows
// each request to a hook before it takes effect and before it is answered, and keeps a list of what was called. The
// protocol comes in as a function; the hook is where a test ends the caller at the worst moment.

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { listen, readBody } from "../loopback.ts";
import { createTroubles } from "./trouble.ts";
import type { CloudRequest, Trouble, Troubles } from "./trouble.ts";

/** What a protocol makes of a request. */
export interface Understood<P> extends CloudRequest {
  /** As the audit shows them. */
  readonly parameters: P;
  /** Takes effect now, or is refused. */
  run(): Answer;
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isRefusal: boolean;
}

export interface Incoming {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Protocol<P> {
  understand(incoming: Incoming): Understood<P>;
  refuse(trouble: Extract<Trouble, { kind: "refuse" }>, request: CloudRequest): Answer;
}

export interface CallEntry<P> extends CloudRequest {
  /** Order in which they took effect or were turned away, from 1. */
  readonly sequence: number;
  readonly at: EpochMs;
  readonly parameters: P;
  /** `none`: it never took effect. `refused`: it was understood and refused. */
  readonly effect: "done" | "refused" | "none";
  /** 0: no answer was sent. */
  readonly status: number;
  readonly trouble: Trouble["kind"] | null;
}

export interface Moment extends CloudRequest {
  /** `arrived`: nothing has happened yet. `decided`: it took effect or was refused, and no answer is sent yet. */
  readonly phase: "arrived" | "decided";
  /** As the protocol reads them. */
  readonly parameters: unknown;
}

export type Hook = (moment: Moment) => void | Promise<void>;

export interface Face<P> {
  readonly url: string;
  readonly calls: readonly CallEntry<P>[];
  readonly trouble: Pick<Troubles, "set" | "clear">;
  /** Each request waits for the hook at both moments; the function that comes back takes it away. */
  onRequest(hook: Hook): () => void;
  /** By how much the cloud's clock is ahead, in its `Date` header and in the times that it writes. */
  skew(ms: number): void;
  /** Drops every open connection. */
  cutAll(): void;
  close(): Promise<void>;
}

export interface FaceOptions<P> {
  readonly protocol: Protocol<P>;
  readonly clock: Clock;
  /** The cloud's own instant, for the list of calls. */
  readonly now: () => EpochMs;
  /** 0 lets the system choose. */
  readonly port?: number;
  readonly skewed?: (ms: number) => void;
  /** Told each answer whose text a trouble has changed, as it goes out. */
  readonly edited?: (
    call: Understood<P>,
    text: string,
    trouble: Extract<Trouble, { readonly kind: "edit" }>,
  ) => void;
}

export async function startFace<P>(options: FaceOptions<P>): Promise<Face<P>> {
  const { protocol, clock, now } = options;
  const calls: CallEntry<P>[] = [];
  const hooks = new Set<Hook>();
  const troubles = createTroubles();
  const stop = new AbortController();
  let skewMs = 0;

  async function tell(
    phase: Moment["phase"],
    { action, groups, write, parameters }: Understood<P>,
  ): Promise<void> {
    for (const hook of hooks) await hook({ phase, action, groups, write, parameters });
  }

  function record(
    { action, groups, write, parameters }: Understood<P>,
    effect: CallEntry<P>["effect"],
    status: number,
    trouble: Trouble["kind"] | null,
  ): void {
    const sequence = calls.length + 1;
    calls.push({ sequence, at: now(), action, groups, write, parameters, effect, status, trouble });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const url = new URL(`http://cloud${request.url ?? "/"}`);
    const incoming = { method: request.method ?? "GET", url, headers: request.headers, body };
    const understood = protocol.understand(incoming);
    const slow = troubles.take(understood, ["slow"]);
    if (slow !== null) await clock.sleep(slow.ms, stop.signal);
    await tell("arrived", understood);
    const trouble = troubles.take(understood, ["refuse", "lost", "silence", "half-body", "edit"]);
    if (isBefore(trouble)) {
      record(understood, "none", 0, trouble.kind);
      if (trouble.kind === "lost") response.destroy();
      return;
    }
    const isRefused = trouble?.kind === "refuse";
    const answer = isRefused ? protocol.refuse(trouble, understood) : understood.run();
    const isUnanswered = trouble?.kind === "lost" || trouble?.kind === "silence";
    const effect = isRefused ? "none" : answer.isRefusal ? "refused" : "done";
    record(understood, effect, isUnanswered ? 0 : answer.status, trouble?.kind ?? slow?.kind ?? null);
    await tell("decided", understood);
    if (trouble?.kind === "lost") response.destroy();
    if (isUnanswered) return;
    if (trouble?.kind !== "edit") {
      send(response, answer, trouble);
      return;
    }
    const text = trouble.edit(answer.text);
    if (!answer.isRefusal) options.edited?.(understood, text, trouble);
    send(response, { ...answer, text }, trouble);
  }

  function send(response: ServerResponse, answer: Answer, trouble: Trouble | null): void {
    const { status, contentType, headers, text } = answer;
    // The time itself is the real one: what a client makes of it is the skew alone.
    const date = new Date(clock.now() + skewMs).toUTCString();
    response.writeHead(status, { "content-type": contentType, date, ...headers });
    if (trouble?.kind === "half-body") response.end(text.slice(0, Math.ceil(text.length / 2)));
    else response.end(text);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (stop.signal.aborted || response.headersSent) response.destroy();
      else {
        response.writeHead(500, { "content-type": "text/plain" });
        response.end(error instanceof Error ? error.message : String(error));
      }
    });
  });
  const port = await listen(server, options.port ?? 0);

  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    trouble: troubles,
    onRequest: (hook) => {
      hooks.add(hook);
      return () => {
        hooks.delete(hook);
      };
    },
    skew: (ms) => {
      skewMs = ms;
      options.skewed?.(ms);
    },
    cutAll: () => server.closeAllConnections(),
    close: async () => {
      stop.abort();
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

function isBefore(
  trouble: Trouble | null,
): trouble is Extract<Trouble, { kind: "lost" | "silence" }> & { readonly when: "before" } {
  return (trouble?.kind === "lost" || trouble?.kind === "silence") && trouble.when === "before";
}
