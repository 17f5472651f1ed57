// Keys of NATS from the files that hold their seeds, and signatures with them. Forms and checksums are the nkeys
// library's business; signing is Node's, because the library's own takes milliseconds for each, and a fleet that comes
// back at once would hold up every decision.

import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

import { fromCurveSeed, fromPublic, fromSeed } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";

import { AppError } from "../../shared/runtime/errors.ts";

export interface Signer {
  readonly publicKey: string;
  sign(data: Uint8Array): Uint8Array;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BITS_PER_LETTER = 5;
const KEY_BYTES = 32;
/** What stands before the 32 bytes of an Ed25519 key in the forms that Node reads (RFC 8410). */
const PKCS8_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** `seed` as it stands in its file, `SA…`. @throws AppError settings, which never shows the seed. */
export function accountSigner(seed: string, setting: string): Signer {
  const pair = pairOf(seed, setting, fromSeed);
  const publicKey = pair.getPublicKey();
  if (!publicKey.startsWith("A")) throw wrongKey(setting, "an account (SA…)");
  // Two bytes say what kind of seed it is.
  const raw = bytesOf(seed.trim()).subarray(2, 2 + KEY_BYTES);
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, raw]), format: "der", type: "pkcs8" });
  return { publicKey, sign: (data) => sign(null, data, key) };
}

/** Opens what NATS has sealed for us and seals the answers. `seed`: `SX…`. @throws AppError settings */
export function sealingKey(seed: string, setting: string): KeyPair {
  const pair = pairOf(seed, setting, fromCurveSeed);
  if (!pair.getPublicKey().startsWith("X")) throw wrongKey(setting, "a curve key (SX…)");
  return pair;
}

/** False also for what is no public key at all. */
export function isSignedBy(publicKey: string, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    // Its checksum, which below is not looked at.
    fromPublic(publicKey);
    const raw = bytesOf(publicKey).subarray(1, 1 + KEY_BYTES);
    const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, raw]), format: "der", type: "spki" });
    return verify(null, data, key, signature);
  } catch {
    return false;
  }
}

function pairOf(seed: string, setting: string, read: (seed: Uint8Array) => KeyPair): KeyPair {
  try {
    return read(new TextEncoder().encode(seed.trim()));
  } catch (cause) {
    throw new AppError("settings", `${setting}: what its file holds is no seed of an nkey`, { cause });
  }
}

function wrongKey(setting: string, wanted: string): AppError {
  return new AppError(
    "settings",
    `${setting}: its file holds the seed of another kind of nkey than ${wanted}`,
  );
}

/** Base 32 without padding. The last letter's spare bits belong to nothing. */
function bytesOf(text: string): Buffer {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const letter of text) {
    held = (held << BITS_PER_LETTER) | ALPHABET.indexOf(letter);
    bits += BITS_PER_LETTER;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}
