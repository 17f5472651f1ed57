// One answer to NATS: bytes in, bytes out. Who asks is read by request.ts, whose token it is by review.ts, and what that
// allows stands in grant.ts; here it is put together and signed. Nothing is remembered between two.

import type { KeyPair } from "@nats-io/nkeys";

import type { EpochMs } from "../../shared/model/units.ts";
import { describe } from "../../shared/runtime/errors.ts";
import { signClaims } from "./claims.ts";
import type { Claims } from "./claims.ts";
import { grantFor } from "./grant.ts";
import type { AgentIdentity, GrantOptions } from "./grant.ts";
import type { Signer } from "./nkeys.ts";
import { readLogin } from "./request.ts";
import type { LoginRequest } from "./request.ts";
import { DENIALS } from "./review.ts";
import type { Denial, Reviewed } from "./review.ts";

/** What became of a request, for counting and for the log. */
export type LoginOutcome =
  | { readonly kind: "accepted"; readonly identity: AgentIdentity; readonly from: string }
  | { readonly kind: "denied"; readonly reason: Denial; readonly detail: string; readonly from: string };

export interface AnswerOptions extends GrantOptions {
  /** The account nkey that NATS is told to trust. */
  readonly issuer: Signer;
  /** Null: requests come open. */
  readonly xkey: KeyPair | null;
  readonly review: (token: string) => Promise<Reviewed>;
  readonly now: () => EpochMs;
}

/** Never throws. An answer without bytes is a no for whoever asks without naming himself. */
export async function answerLogin(
  data: Uint8Array,
  sealedBy: string | null,
  options: AnswerOptions,
): Promise<{ readonly answer: Uint8Array; readonly outcome: LoginOutcome }> {
  const read = readLogin(data, sealedBy, options.xkey);
  if (read.kind === "unreadable") {
    const outcome = { kind: "denied", reason: "unreadable", detail: read.detail, from: "NATS" } as const;
    return { answer: new Uint8Array(), outcome };
  }
  const { request } = read;
  const { from } = request;
  const reviewed = await review(request, options);
  if (reviewed.kind === "denied")
    return {
      answer: respond(request, { error: DENIALS[reviewed.reason] }, options),
      outcome: { ...reviewed, from },
    };
  const { identity } = reviewed;
  try {
    const jwt = sign(grantFor(identity, request.user, options, options.now()), options);
    return { answer: respond(request, { jwt }, options), outcome: { kind: "accepted", identity, from } };
  } catch (error) {
    const outcome = { kind: "denied", reason: "not-bound", detail: describe(error), from } as const;
    return { answer: respond(request, { error: DENIALS["not-bound"] }, options), outcome };
  }
}

async function review({ token }: LoginRequest, options: AnswerOptions): Promise<Reviewed> {
  if (token === null) return { kind: "denied", reason: "no-token", detail: DENIALS["no-token"] };
  const reviewed = await options.review(token);
  if (reviewed.kind === "denied" || reviewed.identity.expiresAt > options.now()) return reviewed;
  return { kind: "denied", reason: "not-authentic", detail: "the token is over by our own clock" };
}

/** Only the server that asked takes it, and only for the key that it made for this connection. */
function respond(
  { server, user, sealedBy }: LoginRequest,
  answer: { readonly jwt: string } | { readonly error: string },
  options: AnswerOptions,
): Uint8Array {
  const text = sign({ sub: user, aud: server, nats: { type: "authorization_response", ...answer } }, options);
  const bytes = new TextEncoder().encode(text);
  return sealedBy === null || options.xkey === null ? bytes : options.xkey.seal(bytes, sealedBy);
}

function sign(claims: Claims, { issuer, now }: AnswerOptions): string {
  return signClaims(claims, issuer, now());
}
