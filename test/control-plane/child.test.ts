import { expect, test } from "vitest";

import { startChild } from "./child.ts";

const script = (text: string) => startChild(process.execPath, ["--eval", text]);

test("finds a line that was said before and one that is still to come", async () => {
  const child = script(
    `console.error("port 17"); process.stdin.resume(); setInterval(() => console.error("tick"), 5);`,
  );
  const port = await child.line((line) => /port (\d+)/.exec(line)?.[1] ?? null);
  expect(port).toBe("17");
  expect(await child.line((line) => /port (\d+)/.exec(line)?.[1] ?? null)).toBe("17");
  expect(await child.line((line) => (line === "tick" ? line : null))).toBe("tick");
  await child.end();
});

test("tells the errors that a program said before it ended, and not its goodbye", async () => {
  const child = script(
    `console.error("I0101 hello"); console.error("E0101 bind: address already in use"); console.error("bye"); process.exitCode = 3;`,
  );
  const failure = await child.failed.catch((error: unknown) => String(error));
  expect(failure).toContain("ended with code 3:\nE0101 bind: address already in use");
  expect(failure).not.toContain("bye");
});

test("tells the last lines of a program that names no error", async () => {
  const child = script(`console.error("no flag --x"); process.exitCode = 1;`);
  await expect(child.line(() => null)).rejects.toThrow("ended with code 1:\nno flag --x");
});

test("says that a program is not there", async () => {
  await expect(startChild("/nowhere/program", []).failed).rejects.toThrow("ENOENT");
});

test("ends what it started, and nobody hears of that as a failure", async () => {
  const child = script(`setInterval(() => {}, 1000); console.error("up");`);
  await child.line((line) => (line === "up" ? true : null));
  const ended = child.end().then(() => "ended");
  expect(await Promise.race([ended, child.failed])).toBe("ended");
  expect(() => process.kill(child.pid, 0)).toThrow("ESRCH");
});
