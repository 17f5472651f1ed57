// EC2's instance metadata service (IMDSv2) as a fake: tokens with their lifetime and errors, the leaves that tell of an
// interruption, the identity of the instance, in the service's own formats. Not simulated: the hop limit of the token's
// answer (let it hang instead), and the folders' listings.

import { randomBytes } from "node:crypto";

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AWS_IDENTITY, awsTime, identityText, maintenanceText, errorPage } from "./aws-answers.ts";
import type { AwsEvent, AwsIdentity } from "./aws-answers.ts";
import { startEndpoint } from "./endpoint.ts";
import type { Endpoint, Incoming } from "./endpoint.ts";
import type { Answer } from "./wire.ts";

export type AwsAction = "terminate" | "stop" | "hibernate";

export interface AwsMetadataOptions {
  readonly clock: Clock;
  readonly identity?: Partial<AwsIdentity>;
  /** `optional`: version 1 of the service answers too, without a token. */
  readonly tokens?: "required" | "optional";
  /** Real services have been seen to close after each answer; `keep-alive` is for tests of one connection. */
  readonly connection?: "close" | "keep-alive";
  readonly port?: number;
}

/** Each verb returns the instant from which on the service shows it. */
export interface AwsMetadata extends Endpoint {
  notice(notice: { readonly action: AwsAction; readonly at: EpochMs }): EpochMs;
  rebalance(noticed: EpochMs): EpochMs;
  /** Adds an event, or replaces the one with its id. */
  maintenance(event: AwsEvent): EpochMs;
  /** Takes the notice back, or with a name that instead; the real service never takes a termination back. */
  withdraw(what?: "notice" | "rebalance" | "maintenance"): EpochMs;
  /** Of the Auto Scaling group; null: in none. */
  targetLifecycle(state: string | null): EpochMs;
  /** All tokens given so far are foreign from now on. */
  forgetTokens(): void;
  setIdentity(identity: Partial<AwsIdentity>): void;
}

const TOKEN_PATH = "/latest/api/token";
const TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER = "x-aws-ec2-metadata-token";
const TTL_MAX_S = 21_600;
const PLAIN = { "content-type": "text/plain", "accept-ranges": "none" };

export async function startAwsMetadata(options: AwsMetadataOptions): Promise<AwsMetadata> {
  const { clock } = options;
  /** Token → when it expires, by steady time. */
  const tokens = new Map<string, { readonly ttl: number; readonly untilMs: number }>();
  const events = new Map<string, AwsEvent>();
  let notice: { readonly action: AwsAction; readonly at: EpochMs } | null = null;
  let rebalance: EpochMs | null = null;
  let lifecycleState: string | null = null;
  let identity: AwsIdentity = { ...AWS_IDENTITY, ...options.identity };

  function serve(incoming: Incoming): Answer {
    const { method, path, headers } = incoming;
    if (path === TOKEN_PATH) return tokenFor(incoming);
    if (method !== "GET" && method !== "HEAD")
      return refusal(405, "only the token is not asked for by GET", { allow: "GET, HEAD, OPTIONS" });
    const token = headers[TOKEN_HEADER];
    const held = typeof token === "string" ? tokens.get(token) : undefined;
    if (token === undefined && options.tokens !== "optional") return refusal(401, `no ${TOKEN_HEADER}`);
    // A token that has expired or that another life of the service gave is no breach: the client cannot know.
    if (token !== undefined && (held === undefined || clock.monotonic() >= held.untilMs)) return page(401);
    const text = leaf(path);
    const ttl = held === undefined ? {} : { [TTL_HEADER]: String(held.ttl) };
    return text === null ? page(404, ttl) : { status: 200, headers: { ...PLAIN, ...ttl }, body: text };
  }

  function tokenFor({ method, headers }: Incoming): Answer {
    if (method !== "PUT") return refusal(405, "a token is asked for by PUT", { allow: "OPTIONS, PUT" });
    if (headers["x-forwarded-for"] !== undefined) return refusal(403, "X-Forwarded-For: it came by a proxy");
    const asked = headers[TTL_HEADER];
    const ttl = typeof asked === "string" && /^\d{1,6}$/.test(asked) ? Number(asked) : 0;
    if (ttl < 1 || ttl > TTL_MAX_S)
      return refusal(400, `${TTL_HEADER} is ${String(asked)}, not 1 to ${TTL_MAX_S}`);
    const token = `${randomBytes(40).toString("base64url")}==`;
    tokens.set(token, { ttl, untilMs: clock.monotonic() + ttl * 1000 });
    return { status: 200, headers: { ...PLAIN, [TTL_HEADER]: String(ttl) }, body: token };
  }

  /** Null where the service has no such leaf, or nothing to say in it. */
  function leaf(path: string): string | null {
    switch (path) {
      case "/latest/meta-data/spot/instance-action":
        return notice === null ? null : JSON.stringify({ action: notice.action, time: awsTime(notice.at) });
      case "/latest/meta-data/spot/termination-time":
        return notice?.action === "terminate" ? awsTime(notice.at) : null;
      case "/latest/meta-data/events/recommendations/rebalance":
        return rebalance === null ? null : JSON.stringify({ noticeTime: awsTime(rebalance) });
      case "/latest/meta-data/events/maintenance/scheduled":
        return maintenanceText([...events.values()]);
      case "/latest/meta-data/events/maintenance/history":
        return maintenanceText([]);
      case "/latest/meta-data/autoscaling/target-lifecycle-state":
        return lifecycleState;
      case "/latest/meta-data/instance-id":
        return identity.instanceId;
      case "/latest/meta-data/instance-type":
        return identity.instanceType;
      case "/latest/meta-data/instance-life-cycle":
        return identity.lifecycle;
      case "/latest/meta-data/placement/availability-zone":
        return identity.zone;
      case "/latest/meta-data/placement/availability-zone-id":
        return identity.zoneId;
      case "/latest/meta-data/placement/region":
        return identity.region;
      case "/latest/meta-data/local-hostname":
      case "/latest/meta-data/hostname":
        return identity.hostname;
      case "/latest/dynamic/instance-identity/document":
        return identityText(identity);
      default:
        return null;
    }
  }

  const endpoint = await startEndpoint({
    clock,
    serve,
    port: options.port ?? 0,
    headers: {
      server: "EC2ws",
      ...(options.connection === "keep-alive" ? {} : { connection: "close" }),
    },
  });
  return {
    ...endpoint,
    notice: (next) => {
      notice = next;
      return clock.now();
    },
    rebalance: (noticed) => {
      rebalance = noticed;
      return clock.now();
    },
    maintenance: (event) => {
      events.set(event.eventId, event);
      return clock.now();
    },
    withdraw: (what = "notice") => {
      if (what === "notice") notice = null;
      else if (what === "rebalance") rebalance = null;
      else events.clear();
      return clock.now();
    },
    targetLifecycle: (state) => {
      lifecycleState = state;
      return clock.now();
    },
    forgetTokens: () => {
      tokens.clear();
    },
    setIdentity: (next) => {
      identity = { ...identity, ...next };
    },
  };
}

/** Of the service's own accord, without a breach of the client's. */
function page(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "text/html", ...headers }, body: errorPage(status) };
}

function refusal(status: number, breach: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { ...page(status, headers), breach };
}
