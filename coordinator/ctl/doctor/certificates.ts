// When the certificates end that our programs and NATS serve with: in the Secrets that they mount, as far as whoever asks may
// read those. Only certificates are looked at; the Secret with the keys of NATS is never asked for.

import { X509Certificate } from "node:crypto";

import { NATS_SECRET } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { Certificate } from "./facts.ts";
import { KIND } from "./kinds.ts";
import type { Workload } from "./kinds.ts";

export async function readCertificates(
  client: Pick<KubeClient, "get">,
  namespace: string,
  workloads: readonly Workload[],
  limits: CallOptions,
): Promise<readonly Certificate[]> {
  const names = new Set(
    workloads
      .flatMap(({ spec }) => spec?.template?.spec?.volumes ?? [])
      .filter(({ name }) => !NO_CERTIFICATES.includes(name))
      .flatMap(({ secret }) => secret?.secretName ?? [])
      .filter((name) => name !== NATS_SECRET.name),
  );
  const found: Certificate[] = [];
  for (const name of [...names].sort()) {
    try {
      const { data = {} } = await client.get(KIND.secrets, { namespace, name }, limits);
      for (const [key, text] of Object.entries(data)) {
        const expires = /\.(crt|pem)$/.test(key) ? firstEnd(text) : null;
        // A .pem may be a key as well.
        if (expires !== null || key.endsWith(".crt"))
          found.push({ place: `Secret ${name}, ${key}`, expires });
      }
    } catch (error) {
      if (kindOf(error) !== "not-found") throw error;
      found.push({ place: `Secret ${name}, which is not there`, expires: null });
    }
  }
  return found;
}

/** Volumes of the chart that hold keys and tokens. */
const NO_CERTIFICATES: readonly string[] = ["nats-keys", "nats-token"];

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Of a chain the one that ends first. Null: no certificate. */
function firstEnd(base64: string): EpochMs | null {
  const text = Buffer.from(base64, "base64").toString("utf8");
  const ends = (text.match(PEM) ?? []).flatMap((pem) => {
    try {
      return [Date.parse(new X509Certificate(pem).validTo)];
    } catch {
      return [];
    }
  });
  const [first] = ends.filter(Number.isFinite).toSorted((a, b) => a - b);
  return first === undefined ? null : epochMs(first);
}
