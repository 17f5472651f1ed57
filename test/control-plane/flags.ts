// How etcd and the API server are told to run for a test: on loopback, in one folder, with nothing that waits for a part
// of a cluster that is not there.

import { join } from "node:path";

import type { Credentials } from "./credentials.ts";

/** The store forgets everything with its folder, so it need not wait for the disk. */
export function etcdFlags(dir: string, port: number): readonly string[] {
  // Nobody ever dials this one: a single member only has to have a name for itself.
  const peer = "http://127.0.0.1:2380";
  return [
    `--data-dir=${join(dir, "etcd")}`,
    "--unsafe-no-fsync",
    "--name=only",
    `--listen-client-urls=http://127.0.0.1:${port}`,
    `--advertise-client-urls=http://127.0.0.1:${port}`,
    "--listen-peer-urls=http://127.0.0.1:0",
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=only=${peer}`,
    // By it a test compacts the store.
    "--enable-grpc-gateway=true",
  ];
}

export function serverFlags(
  dir: string,
  store: string,
  port: number,
  { files }: Credentials,
): readonly string[] {
  return [
    `--etcd-servers=${store}`,
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    `--secure-port=${port}`,
    `--cert-dir=${dir}`,
    `--tls-cert-file=${files.serverCert}`,
    `--tls-private-key-file=${files.serverKey}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${files.accountPublicKey}`,
    `--service-account-signing-key-file=${files.accountKey}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=Node,RBAC",
    `--token-auth-file=${files.tokens}`,
    "--allow-privileged=true",
    // It would wait for a controller that gives every namespace its default account.
    "--disable-admission-plugins=ServiceAccount",
    "--endpoint-reconciler-type=none",
  ];
}
