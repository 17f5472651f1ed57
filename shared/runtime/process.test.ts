import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { describe, expect, test } from "vitest";

interface Run {
  readonly code: number | null;
  readonly messages: readonly string[];
  readonly lines: readonly Readonly<Record<string, unknown>>[];
}

/** Runs a program of its own whose `main` has `body`, and sends it each signal when the message before was logged. */
async function run(
  body: string,
  send: readonly { readonly on: string; readonly signal: NodeJS.Signals }[] = [],
): Promise<Run> {
  const source = `
    import { setTimeout as delay } from "node:timers/promises";
    const at = (file) => new URL(file, ${JSON.stringify(import.meta.url)}).href;
    const { runProgram } = await import(at("./process.ts"));
    const { createLog } = await import(at("./log.ts"));
    const { AppError } = await import(at("./errors.ts"));
    const log = createLog({ level: "debug", base: {} });
    const forever = (signal) => delay(1e6, undefined, { signal });
    await runProgram({ name: "probe", log, settleWithinMs: 50, main: async ({ signal, onStop }) => { ${body} } });
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Record<string, unknown>[] = [];
  const pending = [...send];
  const closed = once(child, "close");
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    if (line["message"] === pending[0]?.on) child.kill(pending.shift()?.signal);
  }
  const [code] = (await closed) as [number | null];
  return { code, lines, messages: lines.map((line) => String(line["message"])) };
}

describe("runProgram()", () => {
  test("stops in the reverse order of building after SIGTERM, and exits 0", async () => {
    const { code, messages } = await run(
      `for (const name of ["nats", "admin"]) onStop(name, () => log.info({}, "closed " + name));
       log.info({}, "up");
       await forever(signal);`,
      [{ on: "up", signal: "SIGTERM" }],
    );
    expect(messages).toEqual(["up", "stopping", "closed admin", "closed nats", "stopped"]);
    expect(code).toBe(0);
  });

  test("goes on stopping when one part hangs and another fails", async () => {
    const { code, messages, lines } = await run(
      `onStop("first", () => log.info({}, "closed first"));
       onStop("broken", () => { throw new Error("no"); });
       onStop("hanging", () => new Promise(() => {}), 10);`,
    );
    expect(messages).toEqual(["did not stop in time", "did not stop cleanly", "closed first", "stopped"]);
    expect(lines[0]).toMatchObject({ name: "hanging", ms: 10 });
    expect(code).toBe(0);
  });

  test("exits with the code of the error's kind, after stopping", async () => {
    const { code, messages, lines } = await run(
      `onStop("admin", () => log.info({}, "closed admin"));
       throw new AppError("settings", "GPUAS_X must be a number");`,
    );
    expect(messages).toEqual(["failed", "closed admin", "stopped"]);
    expect(lines[0]?.["error"]).toMatchObject({ kind: "settings" });
    expect(code).toBe(64);
  });

  test("logs an unhandled rejection once and ends at once", async () => {
    const { code, messages, lines } = await run(
      `onStop("admin", () => log.info({}, "closed admin"));
       Promise.reject(new TypeError("x is not a function"));
       await forever(signal);`,
    );
    expect(messages).toEqual(["unhandled error"]);
    expect(lines[0]?.["error"]).toMatchObject({ kind: "bug", message: "x is not a function" });
    expect(code).toBe(72);
  });

  test("exits at once on the second signal", async () => {
    const { code, messages } = await run(
      `onStop("slow", () => { log.info({}, "slow stop"); return forever(); }, 1e6);
       log.info({}, "up");
       await forever(signal);`,
      [
        { on: "up", signal: "SIGTERM" },
        { on: "slow stop", signal: "SIGINT" },
      ],
    );
    expect(messages).toEqual(["up", "stopping", "slow stop"]);
    expect(code).toBe(130);
  });

  test("leaves work behind that does not end after the signal, and says so", async () => {
    const { code, messages } = await run(`log.info({}, "up"); await forever();`, [
      { on: "up", signal: "SIGINT" },
    ]);
    expect(messages).toEqual(["up", "stopping", "work did not end after the signal", "stopped"]);
    expect(code).toBe(1);
  });
});
