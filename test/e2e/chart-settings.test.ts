// What the chart's values become inside of the programs: the environment that is rendered is read by the programs' own
// tables, each setting reaches it, and every change of one makes new pods. The chart's NATS starts with its file.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { AGENT_SETTINGS } from "../../agent/settings.ts";
import { newKeys, publicKeysFile } from "../../coordinator/auth/new-keys.ts";
import { COORDINATOR_SETTINGS } from "../../coordinator/settings.ts";
import { AGENT_SETTINGS_OF_THE_CHART } from "../../deploy/chart/source/values-agent.ts";
import { COORDINATOR_SETTINGS_OF_THE_CHART } from "../../deploy/chart/source/values-coordinator.ts";
import { NATS_SECRET, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { SettingRow } from "../../shared/runtime/settings-values.ts";
import { loadSettings } from "../../shared/runtime/settings.ts";
import type { SettingsTable } from "../../shared/runtime/settings.ts";
import { createAuthority } from "../build/certificate.ts";
import { startNats } from "../build/nats.ts";
import { environmentOf, templateOf } from "../build/workload.ts";
import { example, EXAMPLES, one, render, whyNoHelm } from "../control-plane/helm.ts";
import type { Rendered, Values } from "../control-plane/helm.ts";

const missing = await whyNoHelm();

const PROGRAMS = [
  {
    program: "agent",
    kind: "DaemonSet",
    name: SERVICE_ACCOUNT.agent,
    table: AGENT_SETTINGS as SettingsTable,
    ofTheChart: Object.keys(AGENT_SETTINGS_OF_THE_CHART),
  },
  {
    program: "coordinator",
    kind: "Deployment",
    name: SERVICE_ACCOUNT.coordinator,
    table: COORDINATOR_SETTINGS as SettingsTable,
    ofTheChart: Object.keys(COORDINATOR_SETTINGS_OF_THE_CHART),
  },
] as const;

/** A value that differs from the default, as a person writes it in values.yaml. */
function otherValue(row: SettingRow): unknown {
  switch (row.kind) {
    case "boolean":
      return row.default !== "true";
    case "integer":
    case "number":
      return Number(row.max ?? row.min ?? 7);
    case "enum":
      return row.values.find((value) => value !== row.default);
    case "duration":
      return row.max ?? row.min ?? "17s";
    case "size":
      return row.max ?? row.min ?? "17MiB";
    case "list":
      return ["one", "two"];
    case "path":
      return "/some/path";
    case "url":
      return "http://some.example";
    case "string":
      return "some text, with: signs";
  }
}

describe.skipIf(missing !== null)("settings as values of the chart", () => {
  test.each(EXAMPLES)("both programs take what is rendered for %s", async (name) => {
    const objects = await render([example(name)]);
    for (const { kind, name: named, table } of PROGRAMS) {
      const { KUBERNETES_SERVICE_HOST = "10.0.0.1", ...environment } = environmentOf(
        one(objects, kind, named),
      );
      const { values } = loadSettings(table, {
        ...environment,
        KUBERNETES_SERVICE_HOST,
        KUBERNETES_SERVICE_PORT: "443",
      });
      expect(values["natsServers"]).not.toEqual([]);
    }
  });

  test.each(PROGRAMS)(
    "each setting of the $program reaches it",
    async ({ program, kind, name, table, ofTheChart }) => {
      const rows = Object.entries(table).filter(([setting]) => !ofTheChart.includes(setting));
      const settings = Object.fromEntries(rows.map(([setting, row]) => [setting, otherValue(row)]));
      const objects = await render([example("minimal")], { [program]: { settings } });
      const environment = environmentOf(one(objects, kind, name));
      const { origins } = loadSettings(table, environment);
      for (const [setting, row] of rows) {
        const value = settings[setting];
        const written = Array.isArray(value) ? value.join(",") : String(value);
        expect({ [setting]: environment[row.env] }).toEqual({ [setting]: written });
        expect(origins).toHaveProperty(setting, "environment");
      }
      expect(rows.length).toBeGreaterThan(5);
    },
  );

  test("what the chart sets itself comes from the values that it names", async () => {
    const objects = await render([example("bare-metal")]);
    const agent = loadSettings(
      AGENT_SETTINGS,
      environmentOf(one(objects, "DaemonSet", SERVICE_ACCOUNT.agent)),
    );
    expect(agent.values).toMatchObject({
      nodeName: "node-1",
      podName: "pod-1",
      podNamespace: "namespace-1",
      metricsPort: 19_402,
      natsServers: ["tls://nats-0.messaging.example:4222", "tls://nats-1.messaging.example:4223"],
      driverRoots: ["/run/nvidia/driver"],
      metricNames: ["native", "dcgm"],
      stateDir: "/var/lib/gpu-autoscaler",
    });
    const { spec } = templateOf(one(objects, "DaemonSet", SERVICE_ACCOUNT.agent));
    const folders = spec.containers[0].volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
    const { webConfig, dcgmCounters, natsTokenFile, natsCaFile, noticeFile, stateDir } = agent.values;
    for (const path of [webConfig, dcgmCounters, natsTokenFile, natsCaFile, noticeFile, stateDir])
      expect(folders.filter((folder) => path?.startsWith(folder))).not.toEqual([]);
  });

  test("coordinators of the chart's NATS know their keys, its size and whose tokens they answer for", async () => {
    const objects = await render([example("eks")]);
    const deployment = one(objects, "Deployment", SERVICE_ACCOUNT.coordinator);
    const { values } = loadSettings(COORDINATOR_SETTINGS, environmentOf(deployment));
    expect(values).toMatchObject({
      natsServers: [`tls://gpu-autoscaler-nats.${SERVICE_ACCOUNT.namespace}.svc:4222`],
      natsCallout: true,
      natsReplicas: 3,
      natsTokenFile: null,
      agentServiceAccount: `${SERVICE_ACCOUNT.namespace}/${SERVICE_ACCOUNT.agent}`,
      cycleInterval: 5_000,
    });
    const folders =
      templateOf(deployment).spec.containers[0].volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
    for (const path of [values.natsNkeyFile, values.natsIssuerFile, values.natsXkeyFile, values.natsCaFile])
      expect(folders.filter((folder) => path?.startsWith(folder))).not.toEqual([]);
  });

  test.each<{ what: string; values: Values; kind: string; name: string }>([
    {
      what: "a setting of the agent",
      values: { agent: { settings: { sampleInterval: "2s" } } },
      kind: "DaemonSet",
      name: SERVICE_ACCOUNT.agent,
    },
    {
      what: "the list of counters",
      values: { agent: { dcgmCounters: "DCGM_FI_DEV_GPU_UTIL, gauge, x\n" } },
      kind: "DaemonSet",
      name: SERVICE_ACCOUNT.agent,
    },
    {
      what: "a setting of the coordinator",
      values: { coordinator: { settings: { cycleInterval: "2s" } } },
      kind: "Deployment",
      name: SERVICE_ACCOUNT.coordinator,
    },
    {
      what: "the identity at a cloud",
      values: { cloud: { aws: { roleArn: "arn:aws:iam::123456789012:role/other" } } },
      kind: "Deployment",
      name: SERVICE_ACCOUNT.coordinator,
    },
    {
      what: "the configuration of NATS",
      values: { nats: { extraConfig: "max_connections: 100" } },
      kind: "StatefulSet",
      name: "gpu-autoscaler-nats",
    },
    {
      what: "a policy",
      values: { policies: { training: { provider: "custom", maxNodes: 3 } } },
      kind: "",
      name: "",
    },
  ])(
    "a change of $what makes new pods, where any, of its own program alone",
    async ({ values, kind, name }) => {
      const [before, after] = [
        await render([example("minimal")]),
        await render([example("minimal")], values),
      ];
      const changed = (objects: readonly Rendered[]): Readonly<Record<string, unknown>> =>
        Object.fromEntries(
          objects
            .filter((object) => ["DaemonSet", "Deployment", "StatefulSet"].includes(object.kind))
            .map((object) => [`${object.kind} ${object.metadata.name}`, templateOf(object)]),
        );
      const [old, now] = [changed(before), changed(after)];
      const different = Object.keys(old).filter(
        (key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]),
      );
      expect(different).toEqual(kind === "" ? [] : [`${kind} ${name}`]);
      expect(changed(await render([example("minimal")], values))).toEqual(now);
    },
  );
});

describe.skipIf(missing !== null)("the chart's NATS", () => {
  test.each<{ what: string; values: Values }>([
    { what: "one server", values: {} },
    { what: "three servers", values: { nats: { replicas: 3 } } },
    {
      what: "one token for all",
      values: { nats: { auth: { method: "secret", secretName: "token" } } },
    },
    {
      what: "three servers by TLS that ask the coordinators",
      values: { nats: { replicas: 3, tls: { secretName: "tls" }, auth: { method: "callout" } } },
    },
  ])("starts with its file: $what", async ({ values }) => {
    const objects = await render([example("minimal")], values);
    const { data } = one(objects, "ConfigMap", "gpu-autoscaler-nats");
    const folder = await mkdtemp(join(tmpdir(), "nats-config-"));
    try {
      const authority = createAuthority("test", systemClock.now());
      const { cert, key } = authority.issue("gpu-autoscaler-nats");
      // What `gpuasctl nats-keys` puts into the secret.
      const keys = { [NATS_SECRET.publicKeys]: publicKeysFile(newKeys()) };
      const files = { "tls.crt": cert, "tls.key": key, "ca.crt": authority.cert, ...keys };
      for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
      // What the pod brings: its name, the folders of its volumes, addresses of its own, a token from a secret.
      const text = (data as Readonly<Record<string, string>>)["nats.conf"] ?? "";
      expect(text).toContain('store_dir: "/data"');
      const here = text
        .replaceAll("/etc/nats-tls", folder)
        // The test's own server is told by its command line where its data is.
        .replace('store_dir: "/data"', "")
        .replace("$POD_NAME", "gpu-autoscaler-nats-0")
        .replace("$NATS_TOKEN", '"a token"')
        .replaceAll(/"0\.0\.0\.0:\d+"/g, '"127.0.0.1:-1"');
      expect(here.replaceAll("$GPUAS_", "")).not.toMatch(/\$|0\.0\.0\.0|\/etc/);
      await writeFile(join(folder, "nats.conf"), here);
      const server = await startNats({ config: join(folder, "nats.conf"), dir: join(folder, "data") });
      await server.remove();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
