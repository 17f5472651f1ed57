// Azure's instance metadata service as a fake: scheduled events with their approvals, and the identity of the machine,
// behind the service's own conditions: its header, a known api-version, no proxy, five requests a second, and a first
// answer that may take minutes. Not simulated: identity tokens and attested data.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { createAzureEvents, EVENT_VERSIONS, startRequests } from "./azure-events.ts";
import type { AzureEvent, EventVersion } from "./azure-events.ts";
import { AZURE_IDENTITY, instanceAt, INSTANCE_VERSIONS } from "./azure-identity.ts";
import type { AzureIdentity } from "./azure-identity.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint, Incoming } from "./endpoint.ts";
import type { Answer } from "./wire.ts";

export interface AzureMetadataOptions {
  readonly clock: Clock;
  readonly identity?: Partial<AzureIdentity>;
  /** How long the first question for events takes, which enables them: up to two minutes. Whoever asks meanwhile waits. */
  readonly firstAnswerMs?: Millis;
  /** Of everything on the machine together; 5 when absent. */
  readonly requestsPerSecond?: number;
  readonly port?: number;
}

/** Each verb returns the instant from which on the service shows it. */
export interface AzureMetadata extends Endpoint {
  /** With the event's id, to speak of it later. */
  schedule(event: AzureEvent): { readonly eventId: string; readonly at: EpochMs };
  begin(eventId: string): EpochMs;
  /** It disappears, as one that is over does too. */
  cancel(eventId: string): EpochMs;
  /** All of them. */
  withdraw(): EpochMs;
  /** Ids that were approved by StartRequests, as often as they were. What follows from it is for the test to say. */
  readonly approvals: readonly { readonly eventId: string; readonly at: EpochMs }[];
  setIdentity(identity: Partial<AzureIdentity>): void;
}

const EVENTS_PATH = "/metadata/scheduledevents";
const INSTANCE_PATH = "/metadata/instance";
const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const WINDOW_MS = 1000;

export async function startAzureMetadata(options: AzureMetadataOptions): Promise<AzureMetadata> {
  const { clock, firstAnswerMs = millis(0), requestsPerSecond = 5 } = options;
  const events = createAzureEvents();
  const approvals: { readonly eventId: string; readonly at: EpochMs }[] = [];
  /** Steady times of the requests within the last second. */
  let recent: number[] = [];
  let enabled: Promise<void> | null = null;
  let identity: AzureIdentity = { ...AZURE_IDENTITY, ...options.identity };

  async function serve(incoming: Incoming): Promise<Answer> {
    const { path, headers, query } = incoming;
    if (headers["x-forwarded-for"] !== undefined) return refusal(400, "X-Forwarded-For: it came by a proxy");
    if (headers["metadata"]?.toString().toLowerCase() !== "true") return refusal(400, "no Metadata: true");
    const now = clock.monotonic();
    recent = [...recent.filter((at) => now - at < WINDOW_MS), now];
    // Others on the machine ask too, so that who is refused need not be at fault.
    if (recent.length > requestsPerSecond) return errorAnswer(429, "Too many requests");
    const version = query.get("api-version");
    if (path === EVENTS_PATH) {
      const known = EVENT_VERSIONS.find((one) => one === version);
      return known === undefined
        ? wrongVersion(version, EVENT_VERSIONS)
        : await eventsAnswer(incoming, known);
    }
    if (path === INSTANCE_PATH || path.startsWith(`${INSTANCE_PATH}/`)) {
      if (incoming.method !== "GET") return refusal(405, `${incoming.method} on what is only read`);
      const known = INSTANCE_VERSIONS.some((one) => one === version);
      return known ? instanceAnswer(path, query.get("format")) : wrongVersion(version, INSTANCE_VERSIONS);
    }
    return errorAnswer(404, "Not found");
  }

  async function eventsAnswer({ method, body }: Incoming, version: EventVersion): Promise<Answer> {
    enabled ??= clock.sleep(firstAnswerMs);
    await enabled;
    if (method === "GET") return { status: 200, headers: JSON_TYPE, body: events.document(version) };
    if (method !== "POST") return refusal(405, `${method} on scheduled events`);
    const ids = startRequests(body);
    if (ids === null) return refusal(400, `a body that asks for no start: ${body.slice(0, 100)}`);
    // An event may have gone since the client read of it.
    if (!ids.every((id) => events.has(id))) return errorAnswer(400, "Unknown event");
    approvals.push(...ids.map((eventId) => ({ eventId, at: clock.now() })));
    return { status: 200, headers: JSON_TYPE, body: "" };
  }

  function instanceAnswer(path: string, format: string | null): Answer {
    const found = instanceAt(identity, path.slice(INSTANCE_PATH.length));
    if (found === undefined) return errorAnswer(404, "Not found");
    const isLeaf = typeof found !== "object" || found === null;
    if (isLeaf && format !== "text") return refusal(400, `${path} is a leaf, which needs format=text`);
    if (!isLeaf && format === "text") return refusal(400, `${path} is no leaf, which has no text`);
    return isLeaf
      ? {
          status: 200,
          headers: { "content-type": "text/plain; charset=utf-8" },
          body: typeof found === "string" ? found : JSON.stringify(found),
        }
      : { status: 200, headers: JSON_TYPE, body: JSON.stringify(found) };
  }

  const endpoint = await startEndpoint({
    clock,
    serve,
    port: options.port ?? 0,
    headers: { server: "IMDS/150.870.65.1854" },
  });
  return {
    ...endpoint,
    approvals,
    schedule: (event) => ({ eventId: events.schedule(event, identity.name), at: clock.now() }),
    begin: (eventId) => {
      events.begin(eventId);
      return clock.now();
    },
    cancel: (eventId) => {
      events.remove(eventId);
      return clock.now();
    },
    withdraw: () => {
      events.clear();
      return clock.now();
    },
    setIdentity: (next) => {
      identity = { ...identity, ...next };
    },
  };
}

function wrongVersion(version: string | null, known: readonly string[]): Answer {
  const newest = known.toReversed().slice(0, 3);
  const answer = errorAnswer(400, "Bad request. api-version is invalid or missing", {
    "newest-versions": newest,
  });
  return { ...answer, breach: `api-version is ${version ?? "missing"}` };
}

function refusal(status: number, breach: string): Answer {
  return { ...errorAnswer(status, `Bad request. ${breach}`), breach };
}

/** Of the service's own accord, without a breach of the client's. */
function errorAnswer(status: number, error: string, more: object = {}): Answer {
  return { status, headers: JSON_TYPE, body: JSON.stringify({ error, ...more }) };
}
