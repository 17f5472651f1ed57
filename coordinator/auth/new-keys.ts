// New keys for identity on NATS, and the Secret that carries them: seeds for the coordinator, and for the NATS servers a
// file with the public halves, which their configuration includes. Made once for an installation, by a person.

import { createAccount, createCurve, createUser } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";

import { NATS_SECRET } from "../../shared/model/names.ts";

export interface NatsKeys {
  /** Signs who may connect. */
  readonly issuer: Key;
  /** The coordinator's own user. */
  readonly coordinator: Key;
  /** For which NATS seals its questions. */
  readonly sealing: Key;
}

export interface Key {
  readonly seed: string;
  readonly publicKey: string;
}

export function newKeys(): NatsKeys {
  return { issuer: keyOf(createAccount()), coordinator: keyOf(createUser()), sealing: keyOf(createCurve()) };
}

function keyOf(pair: KeyPair): Key {
  return { seed: new TextDecoder().decode(pair.getSeed()), publicKey: pair.getPublicKey() };
}

/** What the servers' configuration includes. No secret is in it. */
export function publicKeysFile({ issuer, coordinator, sealing }: NatsKeys): string {
  return [
    `GPUAS_ISSUER: ${issuer.publicKey}`,
    `GPUAS_COORDINATOR: ${coordinator.publicKey}`,
    `GPUAS_XKEY: ${sealing.publicKey}`,
    "",
  ].join("\n");
}

/** A manifest for `kubectl create -f -`, which refuses to write over keys that are there. */
export function keysManifest(keys: NatsKeys, namespace: string): string {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: NATS_SECRET.name, namespace },
    type: "Opaque",
    stringData: {
      [NATS_SECRET.issuer]: keys.issuer.seed,
      [NATS_SECRET.coordinator]: keys.coordinator.seed,
      [NATS_SECRET.sealing]: keys.sealing.seed,
      [NATS_SECRET.publicKeys]: publicKeysFile(keys),
    },
  };
  return JSON.stringify(secret, null, 2);
}
