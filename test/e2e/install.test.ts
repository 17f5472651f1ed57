// `gpuasctl install` as people run it, with helm on a real API server: clusters that are not fit are told so before anything
// is changed, one that is gets the chart, and a second run upgrades it.

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { KIND } from "../../coordinator/ctl/doctor/kinds.ts";
import { LEASE_NAME, POD_SECURITY_LABEL, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { createAuthority } from "../build/certificate.ts";
import { gpuasctl } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { startBetween } from "../control-plane/between.ts";
import { whyNoHelm } from "../control-plane/helm.ts";
import { inventory } from "../control-plane/inventory.ts";
import { createAccount } from "../control-plane/rights.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { obtain } from "../tools/obtain.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm());
const { namespace } = SERVICE_ACCOUNT;
const ADMIN = { namespace: "default", name: "admin" };
const YEAR_MS = 365 * 86_400_000;

/** Names of what the chart, its definition and Helm would leave. */
const OURS = /gpu-autoscaler|autoscalingpolicies|sh\.helm\.release/;

/** Of a cluster where nothing stands against them. */
const FIT = {
  image: { repository: "registry.example.com/gpu-autoscaler" },
  nats: { storage: { className: "disks" } },
};

interface Report {
  readonly verdict: string;
  readonly checks: readonly { readonly check: string; readonly verdict: string; readonly evidence: string }[];
  readonly steps: readonly { readonly kind: string }[];
}

describe.skipIf(missing !== null)("gpuasctl install on a real API server", () => {
  let plane: ControlPlane;
  let folder: string;
  let kubeconfig: string;
  /** Where helm is, and no other program. */
  let path: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    folder = await mkdtemp(join(tmpdir(), "install-"));
    kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, plane.kubeconfig());
    path = join(folder, "bin");
    await mkdir(path);
    await symlink(await obtain("helm"), join(path, "helm"));
    await plane.client.create(RESOURCE.storageClasses, {
      metadata: { name: "disks" },
      provisioner: "disks.example.com",
    });
  });
  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function run(values: object, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const file = join(folder, "values.json");
    await writeFile(file, JSON.stringify(values));
    const own = { HOME: folder, PATH: [path, readEnvironment()["PATH"] ?? ""].join(delimiter), ...env };
    const given = words.includes("--kubeconfig") ? words : [...words, "--kubeconfig", kubeconfig];
    return await gpuasctl(["install", "--values", file, ...given], own);
  }
  /** What fails of a pre-flight, by the check's name. */
  async function failing(values: object, words: readonly string[] = []) {
    const before = await inventory(plane);
    const { code, out, err } = await run(values, ["--yes", "-o", "json", ...words]);
    if (out === "") throw new Error(err);
    const { checks } = JSON.parse(out) as Report;
    expect(code).toBe(1);
    // Whoever was told why has nothing to clear away. The server and its controllers make things of their own meanwhile.
    const made = [...(await inventory(plane))].filter((object) => !before.has(object));
    expect(made.filter((object) => OURS.test(object))).toEqual([]);
    return Object.fromEntries(
      checks.filter(({ verdict }) => verdict === "fail").map(({ check, evidence }) => [check, evidence]),
    );
  }

  test("says before anything is changed what of values, NATS, kinds and certificates does not fit", async () => {
    const told = await failing({
      ...FIT,
      nats: {
        external: { servers: ["nats://nats.messaging.svc:4222"] },
        tls: { secretName: "nats-tls" },
      },
      monitoring: { podMonitor: true },
    });
    expect(told["nats"]).toContain("nats.messaging.svc:4222 (there is no such service)");
    expect(told["kinds"]).toContain("PodMonitor in monitoring.coreos.com/v1");
    expect(told["certificates"]).toContain("nats-tls");
    expect(told["secrets"]).toContain("nats-tls");
    expect(Object.keys(told)).toEqual(["kinds", "nats", "secrets", "certificates"]);

    expect(await failing({ ...FIT, replicaCuont: 3 })).toEqual({
      values: expect.stringContaining("replicaCuont") as string,
    });
    const classless = await failing({ image: FIT.image });
    expect(classless).toEqual({ nats: expect.stringContaining("no StorageClass is the default") as string });
  });

  test("says it of a cluster that is too old, and of a person who may not", async () => {
    await createAccount(plane, ADMIN, [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }]);
    const person = { namespace: "default", name: "person" };
    await createAccount(plane, person, [
      { apiGroups: ["*"], resources: ["*"], verbs: ["get", "list"] },
      { apiGroups: [""], resources: ["namespaces"], verbs: ["create"] },
    ]);
    await using between = await startBetween(plane);
    const old = { major: "1", minor: "28", gitVersion: "v1.28.3" };
    between.onRequest(({ path: asked }) =>
      asked.startsWith("/version") ? { kind: "answer", status: 200, body: JSON.stringify(old) } : null,
    );
    const through = join(folder, "old");
    await writeFile(through, plane.kubeconfig(await plane.createToken(ADMIN), between.url));
    const aged = await eventually(async () => {
      const found = await failing(FIT, ["--kubeconfig", through]);
      return found["rights"] === undefined ? found : null;
    });
    expect(aged["api-version"]).toContain("v1.28.3");

    const file = join(folder, "person");
    await writeFile(file, plane.kubeconfig(await plane.createToken(person)));
    const told = await failing(FIT, ["--kubeconfig", file]);
    expect(told["rights"]).toContain("create");
    expect(told["objects"]).toContain("403");
  });

  test("says it of a namespace that holds its pods to a level, of an ended certificate and of a second coordinator", async () => {
    const { client } = plane;
    await client.create(RESOURCE.namespaces, {
      metadata: { name: "held", labels: { [POD_SECURITY_LABEL]: "restricted" } },
    });
    const { cert, key } = createAuthority("nats", systemClock.now() - 2 * YEAR_MS);
    const data = { "tls.crt": cert, "tls.key": key, "ca.crt": cert };
    await client.create(KIND.secrets, {
      metadata: { namespace: "held", name: "nats-tls" },
      data: Object.fromEntries(
        Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString("base64")]),
      ),
    });
    await client.create(RESOURCE.namespaces, { metadata: { name: "elsewhere" } });
    await client.create(RESOURCE.leases, {
      metadata: { namespace: "elsewhere", name: LEASE_NAME },
      spec: {
        holderIdentity: "coordinator-1_x",
        leaseDurationSeconds: 3600,
        renewTime: new Date().toISOString().replace("Z", "000Z"),
      },
    });
    const values = { ...FIT, nats: { ...FIT.nats, tls: { secretName: "nats-tls" } } };
    const told = await failing(values, ["--namespace", "held"]);
    expect(Object.keys(told)).toEqual(["namespace", "certificates", "second-coordinator"]);
    expect(told["namespace"]).toContain('"restricted"');
    expect(told["certificates"]).toContain("ended on");
    expect(told["second-coordinator"]).toContain("elsewhere");
    await client.delete(RESOURCE.leases, { namespace: "elsewhere", name: LEASE_NAME });
  });

  test("asks for --yes without a terminal, says what it would do, and needs helm only for that", async () => {
    expect(await run(FIT, [])).toMatchObject({
      code: 64,
      err: expect.stringContaining("give --yes") as string,
    });
    const dry = await run(FIT, ["--dry-run"]);
    expect(dry.code).toBe(0);
    expect(dry.out).toMatch(
      /What an installation does:\n {2}makes namespace .*\n {2}applies .*\n {2}helm upgrade /,
    );
    const without = await run(FIT, ["--pre-flight", "-o", "json"], { PATH: folder });
    expect(without.code).toBe(1);
    expect(without.out).toContain("there is no helm in PATH");
    await expect(plane.client.get(RESOURCE.namespaces, { name: namespace })).rejects.toThrow("not found");
  });

  test("installs by helm, and upgrades what it has installed, with its definition", async () => {
    const { client } = plane;
    const first = await run(FIT, ["--yes"]);
    expect(first).toMatchObject({ code: 0, err: "" });
    const space = await client.get(RESOURCE.namespaces, { name: namespace });
    expect(space.metadata.labels?.[POD_SECURITY_LABEL]).toBe("privileged");
    const { spec } = await client.get(KIND.deployments, { namespace, name: SERVICE_ACCOUNT.coordinator });
    expect(spec?.replicas).toBe(2);

    const policies = {
      training: {
        provider: "custom",
        nodePools: [
          {
            name: "gpus",
            maxSize: 3,
            capacityType: "on-demand",
            price: { usdPerHour: 1 },
            group: {
              scale: {
                apiVersion: "cluster.x-k8s.io/v1beta2",
                kind: "MachineDeployment",
                namespace: "default",
                name: "gpus",
              },
            },
          },
        ],
      },
    };
    const second = await run({ ...FIT, policies }, ["--yes", "-o", "json"]);
    const report = JSON.parse(second.out) as Report;
    expect({ code: second.code, verdict: report.verdict }).toEqual({ code: 0, verdict: "ok" });
    expect(report.steps.map(({ kind }) => kind)).toEqual(["definition", "helm"]);
    await client.get(RESOURCE.policies, { name: "training" });
    // Another release of ours finds its names taken.
    const other = await failing(FIT, ["--release", "other", "--namespace", "elsewhere"]);
    expect(Object.keys(other)).toEqual(["ownership", "second-coordinator"]);
  });
});
