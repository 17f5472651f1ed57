// The Prometheus operator's kinds, as far as the chart writes them: closed, so that a field which is misspelt is refused.
// The operator's own definitions are a megabyte and say the same of these fields.

import type { Definition } from "./definitions.ts";

interface Schema {
  readonly type: "object" | "array" | "string" | "boolean" | "integer";
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly required?: readonly string[];
}

const GROUP = "monitoring.coreos.com";
const TEXT: Schema = { type: "string" };
const FLAG: Schema = { type: "boolean" };
const TEXTS: Schema = { type: "object", additionalProperties: TEXT };
const KEY: Schema = { type: "object", properties: { name: TEXT, key: TEXT }, required: ["key"] };
const SELECTOR: Schema = { type: "object", properties: { matchLabels: TEXTS } };

const ENDPOINT: Schema = {
  type: "object",
  properties: {
    port: TEXT,
    interval: TEXT,
    scheme: TEXT,
    honorLabels: FLAG,
    relabelings: {
      type: "array",
      items: { type: "object", properties: { targetLabel: TEXT, replacement: TEXT } },
    },
    tlsConfig: {
      type: "object",
      properties: {
        insecureSkipVerify: FLAG,
        serverName: TEXT,
        ca: { type: "object", properties: { secret: KEY, configMap: KEY } },
      },
    },
    authorization: { type: "object", properties: { type: TEXT, credentials: KEY } },
    basicAuth: { type: "object", properties: { username: KEY, password: KEY } },
  },
};

const RULE: Schema = {
  type: "object",
  required: ["expr"],
  properties: { alert: TEXT, record: TEXT, expr: TEXT, for: TEXT, labels: TEXTS, annotations: TEXTS },
};

/** A token in a file of Prometheus' own pod: of ServiceMonitors alone. */
const SERVICE_ENDPOINT: Schema = {
  type: "object",
  properties: { ...ENDPOINT.properties, bearerTokenFile: TEXT },
};

/** PodMonitor, ServiceMonitor and PrometheusRule. */
export function monitoringDefinitions(): readonly Definition[] {
  const podEndpoints: Schema = { type: "array", items: ENDPOINT };
  const endpoints: Schema = { type: "array", items: SERVICE_ENDPOINT };
  return [
    definition("PodMonitor", "podmonitors", { selector: SELECTOR, podMetricsEndpoints: podEndpoints }),
    definition("ServiceMonitor", "servicemonitors", { selector: SELECTOR, endpoints }),
    definition("PrometheusRule", "prometheusrules", {
      groups: {
        type: "array",
        items: {
          type: "object",
          required: ["name"],
          properties: { name: TEXT, interval: TEXT, rules: { type: "array", items: RULE } },
        },
      },
    }),
  ];
}

function definition(kind: string, plural: string, fields: Readonly<Record<string, Schema>>): Definition {
  const spec: Schema = { type: "object", properties: fields };
  return {
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { kind, plural },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", required: ["spec"], properties: { spec } } },
        },
      ],
    },
  };
}
