import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { expect, test } from "vitest";

import { eventually } from "./eventually.ts";

const MODULE = new URL("ends-with-us.ts", import.meta.url).href;

/** A process with a child of its own, which says the child's id and waits. */
async function parentOf(
  more = "",
): Promise<{ readonly parent: ReturnType<typeof spawn>; readonly child: number }> {
  const program = `
    import { spawn } from "node:child_process";
    import { childOfUs } from ${JSON.stringify(MODULE)};
    const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    childOfUs(child);
    ${more}
    child.once("spawn", () => console.log(child.pid));
  `;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: parent.stdout });
  const [line] = (await once(lines, "line")) as [string];
  return { parent, child: Number(line) };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "%s ends the process as it would, and its children",
  async (signal) => {
    const { parent, child } = await parentOf();
    expect(isAlive(child)).toBe(true);
    const closed = once(parent, "close");
    parent.kill(signal);
    expect(await closed).toEqual([null, signal]);
    await eventually(() => !isAlive(child));
  },
);

test("an end by itself ends them too", async () => {
  const { parent, child } = await parentOf('process.once("SIGTERM", () => process.exit(3));');
  const closed = once(parent, "close");
  // Whoever listens to the signal ends the process as he likes.
  parent.kill("SIGTERM");
  expect(await closed).toEqual([3, null]);
  await eventually(() => !isAlive(child));
});
