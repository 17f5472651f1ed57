// The protocol by which a pod is told over HTTP: one POST, whose answer says that the state is saved; or a 202 and then
// GETs until it is. It ends with the signal. How long that takes is decided in telling.ts.

import type { Checkpoint } from "../../../shared/contract/checkpoint.ts";
import type { CheckpointHook } from "../../../shared/model/checkpoint-hook.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { readSavedState, shown } from "./answer.ts";
import { ANSWER_BYTES_MAX } from "./exchange.ts";
import type { HookCaller, HookReply } from "./exchange.ts";

/** What came of telling one pod. */
export type Told = Pick<Checkpoint, "result" | "step" | "uri" | "detail">;

const POLL_MS = millis(2_000);
const RETRY_MS = millis(1_000);

/** Never rejects: `late` when the signal ended it. */
export async function tellByHttp(options: {
  readonly hook: Extract<CheckpointHook, { kind: "http" }>;
  readonly eventId: string;
  /** The call's JSON as of now. */
  readonly body: () => string;
  readonly http: HookCaller;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onSent: () => void;
}): Promise<Told> {
  const { hook, eventId, body, http, clock, signal, onSent } = options;
  const { address, port, path } = hook;
  const place = `${address.includes(":") ? `[${address}]` : address}:${port}`;

  const ask = async (method: "POST" | "GET"): Promise<HookReply> =>
    await http(
      { method, address, port, path, eventId, body: method === "POST" ? body() : null },
      { signal, onSent },
    );
  const askTwice = async (method: "POST" | "GET"): Promise<HookReply> => {
    const first = await ask(method);
    if (!mayPass(first)) return first;
    // The call may come twice, so a connection that broke on the way is worth the second one too.
    return (await waited(clock, RETRY_MS, signal)) ? await ask(method) : { kind: "ended", during: "waiting" };
  };

  let reply = await askTwice("POST");
  let begun = false;
  while (reply.kind === "answer" && reply.status === 202) {
    begun = true;
    if (!(await waited(clock, POLL_MS, signal))) reply = { kind: "ended", during: "waiting" };
    else reply = await askTwice("GET");
  }
  return toldBy(reply, begun, place);
}

function mayPass(reply: HookReply): boolean {
  return reply.kind === "broken" || (reply.kind === "answer" && reply.status >= 500);
}

/** `begun`: it has said that it saves. */
function toldBy(reply: HookReply, begun: boolean, place: string): Told {
  const before = begun ? "after it said that it saves, " : "";
  switch (reply.kind) {
    case "answer":
      return toldByAnswer(reply.status, reply.text, begun);
    case "oversized":
      return {
        result: "failed",
        detail: `${before}answered ${reply.status} with more than ${ANSWER_BYTES_MAX} bytes`,
      };
    case "nobody":
      return { result: begun ? "failed" : "no-hook", detail: `${before}nobody listens at ${place}` };
    case "broken":
      return { result: "failed", detail: `${before}no whole answer from ${place}: ${shown(reply.why, 120)}` };
    case "ended":
      return {
        result: "late",
        detail: begun ? "said that it saves, and not that it has" : LATE[reply.during](place),
      };
  }
}

const LATE = {
  connecting: (place: string) =>
    `no connection to ${place}; a NetworkPolicy has to admit the node, whose address the agent has`,
  waiting: (place: string) => `no answer from ${place}`,
  reading: (place: string) => `the answer of ${place} did not end`,
} as const;

function toldByAnswer(status: number, text: string, begun: boolean): Told {
  if (status >= 200 && status < 300) return { result: "saved", ...readSavedState(text) };
  if (status >= 300 && status < 400)
    return { result: "failed", detail: `answered ${status}; redirects are not followed` };
  const said = shown(text, 120);
  const detail = `${begun ? "after it said that it saves, " : ""}answered ${status}${said === "" ? "" : `: ${said}`}`;
  return { result: !begun && (status === 404 || status === 405) ? "no-hook" : "failed", detail };
}

/** False when the signal came first. */
export async function waited(clock: Clock, ms: typeof POLL_MS, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
