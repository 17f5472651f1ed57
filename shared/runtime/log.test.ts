import { describe, expect, test } from "vitest";

import { millis } from "../model/units.ts";
import { AppError } from "./errors.ts";
import { createLog, createLogSink, createQuietLog } from "./log.ts";

describe("createLog()", () => {
  test("writes one JSON line with the base fields, the level by name and a UTC time", () => {
    const written: string[] = [];
    const log = createLog({
      level: "info",
      base: { part: "agent", node: "n1" },
      write: (line) => written.push(line),
    });
    log.info({ gpu: 3, ms: 12 }, "sampled");
    expect(written).toHaveLength(1);
    expect(written[0]?.endsWith("\n")).toBe(true);
    const line = JSON.parse(written[0] ?? "") as Record<string, unknown>;
    expect(line).toMatchObject({
      level: "info",
      part: "agent",
      node: "n1",
      gpu: 3,
      ms: 12,
      message: "sampled",
    });
    expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("leaves out what is below its level", () => {
    const { log, lines } = createLogSink("warn");
    log.info({}, "quiet");
    log.warn({}, "loud");
    expect(lines.map((line) => line.message)).toEqual(["loud"]);
  });

  test("gives a child's fields to each of its lines", () => {
    const { log, lines } = createLogSink();
    log.child({ policy: "default" }).warn({ pool: "spot" }, "held");
    expect(lines[0]).toMatchObject({ policy: "default", pool: "spot" });
  });

  test("writes an error as its kind, its message with causes, and its data", () => {
    const { log, lines } = createLogSink();
    const error = new AppError("unavailable", "cannot list pods", {
      cause: new Error("ECONNREFUSED"),
      data: { attempts: 3 },
    });
    log.warn({ error }, "watch broke");
    expect(lines[0]?.["error"]).toEqual({
      kind: "unavailable",
      message: "cannot list pods: ECONNREFUSED",
      attempts: 3,
    });
  });

  test("adds the stack when the error is a bug of ours", () => {
    const { log, lines } = createLogSink();
    log.error({ error: new TypeError("x is not a function") }, "cycle failed");
    expect(lines[0]?.["error"]).toMatchObject({ kind: "bug", message: "x is not a function" });
    expect(JSON.stringify(lines[0])).toContain("log.test.ts");
  });

  test("takes only known fields", () => {
    const { log, lines } = createLogSink();
    // @ts-expect-error the field is called node
    log.info({ nodeName: "n1" }, "only the compiler minds");
    expect(lines).toHaveLength(1);
  });
});

describe("createQuietLog()", () => {
  test("logs once in the span for each key, and then says how many it held back", () => {
    const { log, lines } = createLogSink();
    let now = 0;
    const quiet = createQuietLog(log, { monotonic: () => millis(now) }, 60_000);
    for (now = 0; now < 60_000; now += 10_000) quiet.log("a", "warn", { subject: "s" }, "refused");
    quiet.log("b", "warn", {}, "other");
    now = 60_000;
    quiet.log("a", "warn", { subject: "s" }, "refused");
    expect(lines.map(({ message, heldBack }) => [message, heldBack])).toEqual([
      ["refused", undefined],
      ["other", undefined],
      ["refused", 5],
    ]);
  });

  test("stays bounded when keys come from outside", () => {
    const { log, lines } = createLogSink();
    const quiet = createQuietLog(log, { monotonic: () => millis(0) });
    for (let i = 0; i <= 1000; i++) quiet.log(`key ${i}`, "info", {}, "seen");
    quiet.log("key 1000", "info", {}, "seen");
    expect(lines).toHaveLength(1001);
    quiet.log("key 0", "info", {}, "seen");
    expect(lines).toHaveLength(1002);
  });
});
