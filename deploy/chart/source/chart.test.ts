import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { AGENT_SETTINGS } from "../../../agent/settings.ts";
import { COORDINATOR_SETTINGS } from "../../../coordinator/settings.ts";
import { SERVICE_ACCOUNT } from "../../../shared/model/names.ts";
import { chartFiles, gpuNodeLabels } from "./chart.ts";
import { closed, valuesSchema } from "./schema.ts";
import { valuesPage, valuesText } from "./text.ts";
import { flag, group, leaf, port, settingsGroup, text } from "./value.ts";
import type { JsonSchema } from "./value.ts";
import { AGENT_SETTINGS_OF_THE_CHART } from "./values-agent.ts";
import { COORDINATOR_SETTINGS_OF_THE_CHART } from "./values-coordinator.ts";
import { VALUES } from "./values.ts";

const SMALL = group("", {
  image: group("Where it is.", {
    repository: leaf({ type: "string" }, undefined, "Path.", { required: true, unset: "required" }),
  }),
  port: port(80, "Port."),
  more: group("", { on: flag(undefined, "Whether."), name: text("", "A | name.") }),
  none: group("", { size: flag(undefined, "Whether.") }),
});

describe("valuesText()", () => {
  test("has each default, and what is not set as a comment", () => {
    const written = valuesText(SMALL);
    expect(parse(written)).toEqual({ image: {}, port: 80, more: { name: "" }, none: {} });
    expect(written).toContain("  # repository: required\n");
    expect(written).toContain("# Where it is.\nimage: {}\n");
  });
});

describe("valuesPage()", () => {
  test("has a row for each value, and breaks no table", () => {
    const page = valuesPage(SMALL);
    expect(page).toContain("| `image.repository` | string | required | Path. |");
    expect(page).toContain("| `port` | integer | `80` | Port. |");
    expect(page).toContain("A \\| name.");
  });
});

describe("valuesSchema()", () => {
  test("closes each object, and asks for what has no default", () => {
    expect(valuesSchema(SMALL)).toMatchObject({
      additionalProperties: false,
      required: ["image"],
      properties: {
        image: { additionalProperties: false, required: ["repository"] },
        port: { type: "integer", maximum: 65_535 },
      },
    });
  });

  test("is closed everywhere but where an object is Kubernetes' own or a map of names", () => {
    const open: string[] = [];
    const walk = (schema: JsonSchema, path: string): void => {
      const properties = schema["properties"];
      if (properties !== undefined) {
        if (schema["additionalProperties"] !== false) open.push(path);
        for (const [name, inner] of Object.entries(properties as JsonSchema))
          walk(inner as JsonSchema, `${path}.${name}`);
      } else if (schema["type"] === "object" && schema["additionalProperties"] === undefined) {
        open.push(path);
      }
      for (const key of ["items", "additionalProperties"] as const) {
        const inner = schema[key];
        if (typeof inner === "object" && inner !== null) walk(inner as JsonSchema, `${path}.${key}`);
      }
    };
    walk(valuesSchema(VALUES), "");
    expect(open).toEqual([
      ".agent.resources",
      ".agent.tolerations.items",
      ".agent.nodeAffinity",
      ".agent.extraVolumes.items",
      ".agent.extraVolumeMounts.items",
      ".coordinator.recording.volume",
      ".coordinator.resources",
      ".coordinator.tolerations.items",
      ".coordinator.topologySpread.items",
      ".nats.resources",
      ".nats.tolerations.items",
      ".networkPolicy.metricsFrom.items",
      ".monitoring.agentEndpoint",
      ".global",
    ]);
  });

  test("closed() takes words of Kubernetes out and leaves properties of any name", () => {
    expect(
      closed({
        $schema: "x",
        type: "object",
        "x-kubernetes-list-type": "map",
        properties: { properties: { type: "object", properties: { a: { type: "string" } } } },
      }),
    ).toEqual({
      type: "object",
      additionalProperties: false,
      properties: {
        properties: { type: "object", additionalProperties: false, properties: { a: { type: "string" } } },
      },
    });
  });
});

describe("settings as values", () => {
  test("each setting is a value or the chart's own affair, and none is both", () => {
    for (const [program, table, ours] of [
      ["agent", AGENT_SETTINGS, AGENT_SETTINGS_OF_THE_CHART],
      ["coordinator", COORDINATOR_SETTINGS, COORDINATOR_SETTINGS_OF_THE_CHART],
    ] as const) {
      const node = VALUES.keys[program];
      const settings = node?.kind === "group" ? node.keys["settings"] : undefined;
      const names = settings?.kind === "group" ? Object.keys(settings.keys) : [];
      expect([...names, ...Object.keys(ours)].toSorted()).toEqual(Object.keys(table).toSorted());
    }
  });

  test("have the type and the bounds of the setting", () => {
    const { keys } = settingsGroup(AGENT_SETTINGS, [], "");
    expect(keys["gpm"]).toMatchObject({ schema: { type: "boolean" }, unset: "true" });
    expect(keys["expectedGpus"]).toMatchObject({ schema: { type: "integer", minimum: 0, maximum: 64 } });
    expect(keys["cloud"]).toMatchObject({ schema: { enum: ["auto", "aws", "gcp", "azure", "none"] } });
    expect(keys["sampleInterval"]).toMatchObject({ schema: { type: "string" }, unset: "1s" });
  });
});

describe("chartFiles()", () => {
  const files = chartFiles(["big.8xlarge"]);

  test("copies the definition, the admission rules, the alerts and the dashboards", () => {
    const names = Object.keys(files);
    for (const part of ["agents", "evictions", "marks"])
      expect(names).toContain(`deploy/chart/files/admission/${part}.yaml`);
    expect(names).toContain("deploy/chart/crds/autoscalingpolicies.yaml");
    expect(names).toContain("deploy/chart/files/alerts/prometheus-rule.yaml");
    expect(names.filter((name) => name.startsWith("deploy/chart/files/dashboards/")).length).toBeGreaterThan(
      4,
    );
  });

  test("the admission rules name service accounts in the one way that the template replaces", () => {
    const text = files["deploy/chart/files/admission/agents.yaml"] ?? "";
    expect(text).toContain(`system:serviceaccount:${SERVICE_ACCOUNT.namespace}:${SERVICE_ACCOUNT.agent}`);
    const rest = text.replaceAll(`system:serviceaccount:${SERVICE_ACCOUNT.namespace}:`, "");
    expect(rest).not.toContain(SERVICE_ACCOUNT.namespace);
  });

  test("knows GPU nodes by the labels of others, by ours and by the type of machine", () => {
    const names = files["deploy/chart/templates/_names.tpl"] ?? "";
    expect(names).toContain('"gpuInstanceTypes":["big.8xlarge"]');
    for (const label of [
      "nvidia.com/gpu.present",
      "cloud.google.com/gke-accelerator",
      "gpu-autoscaler.io/pool",
    ])
      expect(gpuNodeLabels()).toContain(label);
    expect(new Set(gpuNodeLabels()).size).toBe(gpuNodeLabels().length);
  });
});
