// X.509 certificates for tests of TLS, made on the spot: an authority of its own and what it signs, for 127.0.0.1 and
// localhost. Only as much of the format as Node's TLS needs; nothing else is to be read from them.

import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Certificate {
  issue(name: string): Certificate;
}

const DAY_MS = 86_400_000;

/** `now` is the wall clock: the certificates hold from the day before for a year. */
export function createAuthority(name: string, now: number): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issue = (subject: string, own: Keys, isAuthority: boolean): Certificate => ({
    cert: pem("CERTIFICATE", certificate({ issuer: name, subject, own, signer: keys, isAuthority, now })),
    key: own.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  });
  return {
    ...issue(name, keys, true),
    issue: (subject) => issue(subject, generateKeyPairSync("ec", { namedCurve: "P-256" }), false),
  };
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function certificate(options: {
  readonly issuer: string;
  readonly subject: string;
  readonly own: Keys;
  readonly signer: Keys;
  readonly isAuthority: boolean;
  readonly now: number;
}): Buffer {
  const { issuer, subject, own, signer, isAuthority, now } = options;
  const ecdsaWithSha256 = sequence(oid("06082a8648ce3d040302"));
  const extensions = [
    sequence(
      oid("0603551d13"),
      tagged(0x01, Buffer.from([0xff])),
      octets(isAuthority ? sequence(tagged(0x01, Buffer.from([0xff]))) : sequence()),
    ),
    sequence(
      oid("0603551d11"),
      octets(sequence(tagged(0x82, Buffer.from("localhost")), tagged(0x87, Buffer.from([127, 0, 0, 1])))),
    ),
  ];
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    // The first bit clear: the number is not negative.
    tagged(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    sequence(time(now - DAY_MS), time(now + 365 * DAY_MS)),
    distinguishedName(subject),
    own.publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", toBeSigned, signer.privateKey);
  return sequence(toBeSigned, ecdsaWithSha256, tagged(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(oid("0603550403"), tagged(0x0c, Buffer.from(commonName)))));
}

/** YYMMDDHHMMSSZ */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, "").slice(2, 14);
  return tagged(0x17, Buffer.from(`${digits}Z`));
}

function oid(encoded: string): Buffer {
  return Buffer.from(encoded, "hex");
}

function octets(content: Buffer): Buffer {
  return tagged(0x04, content);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
