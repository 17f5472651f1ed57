import { describe, expect, expectTypeOf, test } from "vitest";

import type { Bytes, Millis } from "../model/units.ts";
import { AppError } from "./errors.ts";
import { parseDuration, parseSize } from "./settings-values.ts";
import {
  defineSettings,
  effectiveSettings,
  loadSettings,
  readEnvironment,
  settingsTable,
} from "./settings.ts";

const TABLE = defineSettings({
  nodeName: { env: "NODE_NAME", kind: "string", sentence: "The node that the agent runs on." },
  sampleInterval: {
    env: "GPUAS_SAMPLE_INTERVAL",
    kind: "duration",
    default: "1s",
    min: "200ms",
    max: "60s",
    sentence: "How often the GPUs are read.",
  },
  memoryLimit: { env: "GPUAS_MEMORY_LIMIT", kind: "size", default: "64MiB", sentence: "A bound." },
  adminPort: {
    env: "GPUAS_ADMIN_PORT",
    kind: "integer",
    default: "9400",
    min: "0",
    max: "65535",
    sentence: "A port.",
  },
  factor: { env: "GPUAS_FACTOR", kind: "number", default: "0.5", sentence: "A factor." },
  dcgmNames: { env: "GPUAS_DCGM_NAMES", kind: "boolean", default: "false", sentence: "A switch." },
  logLevel: {
    env: "GPUAS_LOG_LEVEL",
    kind: "enum",
    values: ["debug", "info"],
    default: "info",
    sentence: "A level.",
  },
  natsServers: { env: "GPUAS_NATS_SERVERS", kind: "list", default: "a:1,b:2", sentence: "A list." },
  tokenFile: { env: "GPUAS_TOKEN_FILE", kind: "path", default: null, sentence: "A file." },
  webhook: { env: "GPUAS_WEBHOOK", kind: "url", default: null, sentence: "A URL.", secret: true },
});

function problemsOf(environment: Record<string, string>, argv: readonly string[] = []): string {
  try {
    loadSettings(TABLE, environment, argv);
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).kind).toBe("settings");
    return (error as AppError).message;
  }
  throw new Error("the settings were accepted");
}

describe("loadSettings()", () => {
  test("gives each value the type and the unit of its row", () => {
    const { values } = loadSettings(TABLE, { NODE_NAME: "n1", GPUAS_SAMPLE_INTERVAL: "500ms" });
    expect(values).toEqual({
      nodeName: "n1",
      sampleInterval: 500,
      memoryLimit: 64 * 2 ** 20,
      adminPort: 9400,
      factor: 0.5,
      dcgmNames: false,
      logLevel: "info",
      natsServers: ["a:1", "b:2"],
      tokenFile: null,
      webhook: null,
    });
    expectTypeOf(values.sampleInterval).toEqualTypeOf<Millis>();
    expectTypeOf(values.memoryLimit).toEqualTypeOf<Bytes>();
    expectTypeOf(values.logLevel).toEqualTypeOf<"debug" | "info">();
    expectTypeOf(values.natsServers).toEqualTypeOf<readonly string[]>();
    expectTypeOf(values.tokenFile).toEqualTypeOf<string | null>();
    expectTypeOf(values.nodeName).toEqualTypeOf<string>();
  });

  test("freezes what it returns", () => {
    const settings = loadSettings(TABLE, { NODE_NAME: "n1" });
    expect(Object.isFrozen(settings)).toBe(true);
    expect(Object.isFrozen(settings.values)).toBe(true);
    expect(Object.isFrozen(settings.values.natsServers)).toBe(true);
  });

  test("lets a flag win over the environment and the environment over the default", () => {
    const { values, origins } = loadSettings(
      TABLE,
      { NODE_NAME: "n1", GPUAS_ADMIN_PORT: "1", GPUAS_FACTOR: "2" },
      ["--admin-port=0", "--dcgm-names", "--log-level", "debug"],
    );
    expect(values).toMatchObject({ adminPort: 0, factor: 2, dcgmNames: true, logLevel: "debug" });
    expect(origins).toMatchObject({
      adminPort: "flag",
      factor: "environment",
      memoryLimit: "default",
      logLevel: "flag",
    });
  });

  test("takes an empty variable as not set", () => {
    const { values, origins } = loadSettings(TABLE, { NODE_NAME: "n1", GPUAS_ADMIN_PORT: "" });
    expect(values.adminPort).toBe(9400);
    expect(origins.adminPort).toBe("default");
  });

  test("names the nearest known key beside an unknown one", () => {
    expect(problemsOf({ NODE_NAME: "n1", GPUAS_SAMPLE_INTERVALL: "1s" })).toBe(
      "unknown setting GPUAS_SAMPLE_INTERVALL; the nearest known one is GPUAS_SAMPLE_INTERVAL",
    );
    expect(problemsOf({ NODE_NAME: "n1" }, ["--admin-prot=1"])).toBe(
      "unknown argument --admin-prot=1; the nearest known one is --admin-port",
    );
  });

  test("puts all problems into one error", () => {
    const message = problemsOf({ GPUAS_ADMIN_PORT: "9400x", GPUAS_FACTORS: "1" }, [
      "--sample-interval=100ms",
    ]);
    expect(message.split("\n")).toEqual([
      "unknown setting GPUAS_FACTORS; the nearest known one is GPUAS_FACTOR",
      "NODE_NAME is required (text): The node that the agent runs on.",
      '--sample-interval must be at least 200ms, got "100ms"',
      'GPUAS_ADMIN_PORT must be a whole number, got "9400x"',
    ]);
  });

  test.each([
    ["GPUAS_SAMPLE_INTERVAL", "30", "a duration such as"],
    ["GPUAS_SAMPLE_INTERVAL", "2m", "at most 60s"],
    ["GPUAS_MEMORY_LIMIT", "16GB", "a size such as"],
    ["GPUAS_ADMIN_PORT", "1.5", "a whole number"],
    ["GPUAS_ADMIN_PORT", "70000", "at most 65535"],
    ["GPUAS_FACTOR", "0x10", "a number"],
    ["GPUAS_DCGM_NAMES", "yes", "true or false"],
    ["GPUAS_LOG_LEVEL", "loud", "one of debug, info"],
  ])("refuses %s=%s and says what it wants", (name, value, wanted) => {
    const message = problemsOf({ NODE_NAME: "n1", [name]: value });
    expect(message).toContain(`${name} must be ${wanted}`);
    expect(message).toContain(JSON.stringify(value));
  });

  test("keeps a secret out of its error", () => {
    expect(problemsOf({ NODE_NAME: "n1", GPUAS_WEBHOOK: "hunter2" })).toBe(
      "GPUAS_WEBHOOK must be a URL, got the given value",
    );
  });

  test("ignores what Kubernetes sets for a Service with our prefix, and the names of tools", () => {
    expect(() =>
      loadSettings(TABLE, {
        NODE_NAME: "n1",
        GPUAS_COORDINATOR_SERVICE_HOST: "10.0.0.1",
        GPUAS_COORDINATOR_SERVICE_PORT: "80",
        GPUAS_COORDINATOR_SERVICE_PORT_METRICS: "80",
        GPUAS_COORDINATOR_PORT: "tcp://10.0.0.1:80",
        GPUAS_COORDINATOR_PORT_80_TCP: "tcp://10.0.0.1:80",
        GPUAS_COORDINATOR_PORT_80_TCP_ADDR: "10.0.0.1",
        GPUAS_TOOL_NATS_SERVER: "/opt/nats-server",
      }),
    ).not.toThrow();
    expect(problemsOf({ NODE_NAME: "n1", GPUAS_METRICS_PORT: "9400" })).toContain(
      "unknown setting GPUAS_METRICS_PORT",
    );
  });

  test("asks for the value of a flag that has none", () => {
    expect(problemsOf({ NODE_NAME: "n1" }, ["--admin-port"])).toBe(
      "--admin-port needs a value: --admin-port=…",
    );
  });
});

describe("defineSettings()", () => {
  test("refuses a default that its own row refuses", () => {
    expect(() =>
      defineSettings({ a: { env: "GPUAS_A", kind: "duration", default: "1", sentence: "A." } }),
    ).toThrow("setting a: its default must be a duration");
  });

  test("refuses one environment name for two settings", () => {
    expect(() =>
      defineSettings({
        a: { env: "GPUAS_A", kind: "string", sentence: "A." },
        b: { env: "GPUAS_A", kind: "string", sentence: "B." },
      }),
    ).toThrow("setting b: GPUAS_A stands in the table twice");
  });

  test("does not compile with a foreign environment name", () => {
    // @ts-expect-error HOME is neither ours nor set by Kubernetes; only the compiler minds
    expect(defineSettings({ a: { env: "HOME", kind: "string", sentence: "A." } })).toHaveProperty(
      "a.env",
      "HOME",
    );
  });
});

describe("effectiveSettings()", () => {
  test("tells value and origin, and redacts secrets", () => {
    const settings = loadSettings(TABLE, { NODE_NAME: "n1", GPUAS_WEBHOOK: "https://user:pw@host/" });
    const lines = effectiveSettings(TABLE, settings);
    expect(lines).toMatchObject({
      nodeName: "n1 (environment)",
      sampleInterval: "1s (default)",
      tokenFile: "not set (default)",
      webhook: "redacted (environment)",
    });
    expect(JSON.stringify(lines)).not.toContain("pw");
  });
});

describe("settingsTable()", () => {
  test("gives one row for each setting", () => {
    expect(settingsTable(TABLE)).toHaveLength(10);
    expect(settingsTable(TABLE)[1]).toEqual({
      flag: "--sample-interval",
      env: "GPUAS_SAMPLE_INTERVAL",
      form: "a duration such as 30s, 500ms or 1h30m, from 200ms to 60s",
      default: "1s",
      sentence: "How often the GPUs are read.",
    });
    expect(settingsTable(TABLE)[0]?.default).toBe("required");
    expect(settingsTable(TABLE)[8]?.default).toBe("none");
  });
});

describe("readEnvironment()", () => {
  test("is a copy", () => {
    expect(readEnvironment()["PATH"]).toBeTypeOf("string");
    expect(readEnvironment()).not.toBe(readEnvironment());
  });
});

test.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["1h30m", 5_400_000],
  ["0.5s", 500],
  ["1d", 86_400_000],
  ["5", null],
  ["", null],
  ["-1s", null],
  ["1s ", null],
])("parseDuration(%j) is %j", (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  ["16GiB", 16 * 2 ** 30],
  ["1.5KiB", 1536],
  ["0B", 0],
  ["16GB", null],
  ["GiB", null],
  ["", null],
])("parseSize(%j) is %j", (text, expected) => {
  expect(parseSize(text)).toBe(expected);
});
