// What the API server and its clients know each other by: the server's certificate from an authority of its own, a
// key that signs tokens of service accounts, and one token for the administrator. Made anew for each control plane.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { EpochMs } from "../../shared/model/units.ts";
import { createAuthority } from "../build/certificate.ts";

export interface Credentials {
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
  readonly adminToken: string;
  readonly files: {
    readonly ca: string;
    readonly serverCert: string;
    readonly serverKey: string;
    readonly tokens: string;
    readonly accountKey: string;
    readonly accountPublicKey: string;
  };
}

/** Writes the files that the API server reads into `dir`. */
export async function writeCredentials(dir: string, now: EpochMs): Promise<Credentials> {
  const authority = createAuthority("control-plane", now);
  const server = authority.issue("kube-apiserver");
  const accounts = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const adminToken = randomBytes(16).toString("hex");
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  return {
    ca: authority.cert,
    adminToken,
    files: {
      ca: await file("ca.crt", authority.cert),
      serverCert: await file("server.crt", server.cert),
      serverKey: await file("server.key", server.key),
      // The group is the one that may do everything, whatever the roles say.
      tokens: await file("tokens.csv", `${adminToken},admin,admin,"system:masters"\n`),
      accountKey: await file(
        "accounts.key",
        accounts.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      ),
      accountPublicKey: await file(
        "accounts.pub",
        accounts.publicKey.export({ type: "spki", format: "pem" }).toString(),
      ),
    },
  };
}
