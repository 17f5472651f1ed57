// A real nats-server that asks the coordinator who may connect, configured as deploy/nats says, and clients of it. TLS only
// where a test is about it.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { newKeys, publicKeysFile } from "../../coordinator/auth/new-keys.ts";
import type { NatsKeys } from "../../coordinator/auth/new-keys.ts";
import { inboxPrefixFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import type { NatsOptions } from "../../shared/runtime/nats-link.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { createAuthority } from "./certificate.ts";
import { startNats } from "./nats.ts";
import type { NatsServer } from "./nats.ts";

export interface CalloutNats extends AsyncDisposable {
  readonly server: NatsServer;
  readonly keys: NatsKeys;
  /** Where streams are kept. */
  readonly storeDir: string;
  /** Environment of a coordinator that answers. */
  readonly coordinatorEnv: Readonly<Record<string, string>>;
  /** PEM of the authority behind the server's certificate. */
  readonly caFile: string;
  /** Connects as the coordinator's own user. Closed with the rest. */
  asCoordinator(): Nats;
  /** Connects as the agent of a node, with what `token` gives at each attempt. Closed with the rest. */
  asAgent(node: string, token: () => string): Nats;
}

export interface CalloutNatsOptions {
  /** As deploy/nats has it; default: own.conf without its TLS. */
  readonly config?: (own: string) => string;
  readonly tls?: boolean;
}

export async function startCalloutNats(options: CalloutNatsOptions = {}): Promise<CalloutNats> {
  await using building = new AsyncDisposableStack();
  const dir = building.adopt(
    await mkdtemp(join(tmpdir(), "callout-")),
    async (path) => await rm(path, { recursive: true, force: true }),
  );
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const keys = newKeys();
  await write("keys.conf", publicKeysFile(keys));
  const files = {
    issuer: await write("issuer.seed", `${keys.issuer.seed}\n`),
    coordinator: await write("coordinator.seed", `${keys.coordinator.seed}\n`),
    sealing: await write("sealing.seed", `${keys.sealing.seed}\n`),
  };
  const authority = createAuthority("nats-authority", systemClock.now());
  const { cert, key } = authority.issue("nats");
  await write("tls.crt", cert);
  await write("tls.key", key);
  const caFile = await write("ca.crt", authority.cert);
  const own = options.config ?? (options.tls === true ? (text) => text : withoutTls);
  const text = own(await readFile(new URL("../../deploy/nats/own.conf", import.meta.url), "utf8"));
  // Ports and folders are the test's.
  const config = await write(
    "nats.conf",
    text.replaceAll("/etc/nats/tls", dir).replaceAll(/^ *(port|http_port|store_dir):.*$/gm, ""),
  );
  const storeDir = join(dir, "store");
  const server = building.adopt(await startNats({ config, dir: storeDir }), (one) => one.remove());
  const url = options.tls === true ? server.url.replace("nats:", "tls:") : server.url;

  const client = (name: string, auth: NonNullable<NatsOptions["auth"]>, more: Partial<NatsOptions>): Nats => {
    const parts = { log: createLogSink().log, clock: systemClock, random: seededRandom(1) };
    const tls = options.tls === true ? { caFile } : {};
    return connectNats({ servers: [url], name, auth, ...tls, ...parts, ...more });
  };
  const held = building.move();
  const adopt = (nats: Nats): Nats => held.adopt(nats, (one) => one.close());
  return {
    server,
    keys,
    storeDir,
    caFile,
    coordinatorEnv: {
      GPUAS_NATS_CALLOUT: "true",
      GPUAS_NATS_ISSUER_FILE: files.issuer,
      GPUAS_NATS_NKEY_FILE: files.coordinator,
      GPUAS_NATS_XKEY_FILE: files.sealing,
      ...(options.tls === true ? { GPUAS_NATS_CA_FILE: caFile } : {}),
    },
    asCoordinator: () =>
      adopt(
        client(
          "coordinator",
          { kind: "nkey", read: () => new TextEncoder().encode(keys.coordinator.seed) },
          {},
        ),
      ),
    asAgent: (node, token) =>
      adopt(client(`agent ${node}`, { kind: "token", read: token }, { inboxPrefix: inboxPrefixFor(node) })),
    [Symbol.asyncDispose]: async () => {
      await held.disposeAsync();
    },
  };
}

function withoutTls(text: string): string {
  return text.replace(/^tls \{[^}]*\}$/m, "");
}
