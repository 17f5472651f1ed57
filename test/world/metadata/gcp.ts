// Google's metadata server as a fake: its header on both sides, its keys as text, and the long poll by ETag with which a
// change is told at once. Not simulated: folders and recursive reading, which are answered as a fault of the fake.

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint, Incoming } from "./endpoint.ts";
import { createValues, GCP_IDENTITY, identityValues } from "./gcp-values.ts";
import type { GcpIdentity, Reading } from "./gcp-values.ts";
import type { Answer } from "./wire.ts";

export interface GcpMetadataOptions {
  readonly clock: Clock;
  readonly identity?: Partial<GcpIdentity>;
  readonly port?: number;
}

export type GcpMaintenance = "NONE" | "MIGRATE_ON_HOST_MAINTENANCE" | "TERMINATE_ON_HOST_MAINTENANCE";

/** Each verb returns the instant from which on the server shows it. */
export interface GcpMetadata extends Endpoint {
  preempt(): EpochMs;
  /** `preempted` is FALSE again, which no real server has been seen to say. */
  withdraw(): EpochMs;
  maintenanceEvent(value: GcpMaintenance): EpochMs;
  /** JSON as the server shows it; null, as on most machines: no such key. */
  upcomingMaintenance(value: object | null): EpochMs;
  /** Any key below /computeMetadata/v1/; null takes it away. */
  setValue(path: string, value: string | null): EpochMs;
  setIdentity(identity: Partial<GcpIdentity>): void;
}

const ROOT = "/computeMetadata/v1/";
const FLAVOR = { "metadata-flavor": "Google" };
const HTML = { "content-type": "text/html; charset=UTF-8" };

export async function startGcpMetadata(options: GcpMetadataOptions): Promise<GcpMetadata> {
  const { clock } = options;
  let identity: GcpIdentity = { ...GCP_IDENTITY, ...options.identity };
  const values = createValues({
    ...identityValues(identity),
    "instance/preempted": "FALSE",
    "instance/maintenance-event": "NONE",
  });

  async function serve(incoming: Incoming): Promise<Answer> {
    const { method, path, query, headers } = incoming;
    if (headers["x-forwarded-for"] !== undefined) return refusal(403, "X-Forwarded-For: it came by a proxy");
    // The root alone may be read by anybody: by its header a machine finds out where it is.
    if (path === "/")
      return { status: 200, headers: { "content-type": "application/text" }, body: "computeMetadata/\n" };
    if (headers["metadata-flavor"] !== "Google") return refusal(403, "no Metadata-Flavor: Google");
    if (method !== "GET" && method !== "HEAD") return refusal(405, `${method} on a key that is only read`);
    if (!path.startsWith(ROOT)) return plainRefusal(404);
    if (path.endsWith("/")) throw new Error(`this fake has no folders: ${path}`);
    const alt = query.get("alt") ?? "text";
    if (alt !== "text" && alt !== "json") return refusal(400, `alt=${alt}`);
    const key = path.slice(ROOT.length);
    if (query.get("wait_for_change")?.toLowerCase() === "true") {
      const timeout = query.get("timeout_sec");
      if (timeout !== null && !/^\d{1,9}$/.test(timeout)) return refusal(400, `timeout_sec=${timeout}`);
      await untilChanged(key, {
        lastEtag: query.get("last_etag"),
        timeoutS: timeout === null ? null : Number(timeout),
        gone: incoming.gone,
      });
    }
    const reading = values.read(key);
    return reading === null ? plainRefusal(404) : valueAnswer(reading, alt);
  }

  /** Another ETag than the present one is a change that has been missed, so there is nothing to wait for. */
  async function untilChanged(
    key: string,
    { lastEtag, timeoutS, gone }: { lastEtag: string | null; timeoutS: number | null; gone: AbortSignal },
  ): Promise<void> {
    const now = values.read(key);
    if (now === null || (lastEtag !== null && lastEtag !== now.etag)) return;
    const over = new AbortController();
    const signal = AbortSignal.any([gone, over.signal]);
    const waits = [values.changed(key, signal)];
    // Whatever ends the wait, it is not an error of the client's.
    if (timeoutS !== null) waits.push(clock.sleep(millis(timeoutS * 1000), signal).catch(() => {}));
    await Promise.race(waits);
    over.abort();
  }

  const endpoint = await startEndpoint({
    clock,
    serve,
    port: options.port ?? 0,
    headers: {
      ...FLAVOR,
      server: "Metadata Server for VM",
      "x-xss-protection": "0",
      "x-frame-options": "SAMEORIGIN",
    },
  });
  const setValue = (path: string, value: string | null): EpochMs => {
    // By the clock before those who wait are told, so that nobody can have seen it earlier.
    const at = clock.now();
    values.set(path, value);
    return at;
  };
  return {
    ...endpoint,
    preempt: () => setValue("instance/preempted", "TRUE"),
    withdraw: () => setValue("instance/preempted", "FALSE"),
    maintenanceEvent: (value) => setValue("instance/maintenance-event", value),
    upcomingMaintenance: (value) =>
      setValue("instance/upcoming-maintenance", value === null ? null : JSON.stringify(value)),
    setValue,
    setIdentity: (next) => {
      identity = { ...identity, ...next };
      for (const [path, value] of Object.entries(identityValues(identity))) setValue(path, value);
    },
  };
}

function valueAnswer({ value, etag }: Reading, alt: "text" | "json"): Answer {
  return alt === "text"
    ? { status: 200, headers: { "content-type": "application/text", etag }, body: value }
    : { status: 200, headers: { "content-type": "application/json", etag }, body: JSON.stringify(value) };
}

/** Of the server's own accord, without a breach of the client's. */
function plainRefusal(status: number): Answer {
  return { status, headers: HTML, body: `<!DOCTYPE html><html><title>Error ${status}</title></html>\n` };
}

function refusal(status: number, breach: string): Answer {
  return { ...plainRefusal(status), breach };
}
