// Signed claims as NATS writes them: a JWT whose signature is that of an nkey. It knows the form and nothing of what
// is claimed.

import { createHash } from "node:crypto";

import type { EpochMs } from "../../shared/model/units.ts";
import { isSignedBy } from "./nkeys.ts";
import type { Signer } from "./nkeys.ts";

const ALGORITHM = "ed25519-nkey";
const HEADER = part({ typ: "JWT", alg: ALGORITHM });
/** Of the claims' own form, which NATS counts. */
const VERSION = 2;

export interface Claims {
  /** Public nkey of whom they are about. */
  readonly sub: string;
  readonly aud: string;
  readonly name?: string;
  /** Seconds since 1970. */
  readonly exp?: number;
  readonly nats: { readonly type: string; readonly [field: string]: unknown };
}

export function signClaims(claims: Claims, signer: Signer, now: EpochMs): string {
  const full = {
    ...claims,
    iss: signer.publicKey,
    iat: Math.floor(now / 1000),
    nats: { ...claims.nats, version: VERSION },
  };
  const jti = createHash("sha256").update(JSON.stringify(full)).digest("base64url");
  const signed = `${HEADER}.${part({ ...full, jti })}`;
  return `${signed}.${Buffer.from(signer.sign(Buffer.from(signed))).toString("base64url")}`;
}

/** The claims, signed by the key that they name as their issuer; null for anything else. */
export function readClaims(text: string): { readonly iss: string; readonly [field: string]: unknown } | null {
  const [header = "", body = "", signature = "", ...more] = text.split(".");
  if (more.length > 0) return null;
  const head = objectIn(header);
  const claims = objectIn(body);
  if (head?.["alg"] !== ALGORITHM || claims === null) return null;
  const { iss } = claims;
  if (typeof iss !== "string") return null;
  const signed = Buffer.from(`${header}.${body}`);
  return isSignedBy(iss, signed, Buffer.from(signature, "base64url")) ? { ...claims, iss } : null;
}

/** The object in one part of a JWT, unproven; null when there is none. */
export function objectIn(encoded: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, "base64url").toString("utf8"));
    // An object that is no list has text keys, which is all that the type says.
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : null;
  } catch {
    return null;
  }
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
