import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { createStateFile } from "./state-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "state-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function open(inside: string | null = join(folder, "of-the-agent"), burst?: number) {
  const clock = createFakeClock();
  const { log, lines } = createLogSink();
  const stop = new AbortController();
  const file = createStateFile<number>({
    folder: inside,
    name: "state.json",
    parse: (value) => (typeof value === "number" ? value : null),
    ...(burst === undefined ? {} : { burst }),
    clock,
    log,
    signal: stop.signal,
  });
  const text = async (): Promise<string | null> =>
    await readFile(join(folder, "of-the-agent", "state.json"), "utf8").catch(() => null);
  return { clock, file, lines, stop, text };
}

describe("createStateFile()", () => {
  test("gives to the next what the last one kept, and leaves no other file", async () => {
    const first = open();
    expect(await first.file.read()).toBeNull();
    first.file.keep(7);
    await first.file.settled();
    expect(await open().file.read()).toBe(7);
    expect(await readdir(join(folder, "of-the-agent"))).toEqual(["state.json"]);
    expect(first.lines).toEqual([]);
  });

  test("writes once a second, and then the newest", async () => {
    const { clock, file, text } = open();
    file.keep(1);
    await expect.poll(text).toBe("1");
    file.keep(2);
    file.keep(3);
    await clock.advance(999);
    expect(await text()).toBe("1");
    await clock.advance(1);
    await file.settled();
    expect(await text()).toBe("3");
  });

  test("writes a burst at once, and then has to wait for as many seconds", async () => {
    const { clock, file, text } = open(undefined, 3);
    for (const value of [1, 2, 3]) {
      file.keep(value);
      await expect.poll(text).toBe(String(value));
    }
    file.keep(4);
    await clock.advance(2_999);
    expect(await text()).toBe("3");
    await clock.advance(1);
    await expect.poll(text).toBe("4");
  });

  test("writes what waits at once when the agent ends", async () => {
    const { file, stop, text } = open();
    file.keep(1);
    await expect.poll(text).toBe("1");
    file.keep(2);
    stop.abort();
    await file.settled();
    expect(await text()).toBe("2");
  });

  test.each(["{ broken", '"seven"', "x".repeat(5_000_000)])(
    "has nothing from %.10s, and says so",
    async (content) => {
      const { file, lines } = open(folder);
      await writeFile(join(folder, "state.json"), content);
      expect(await file.read()).toBeNull();
      expect(lines.map(({ message }) => message)).toEqual([
        "state of the agent before cannot be read and is left",
      ]);
    },
  );

  test("says once that a folder is none, and costs nothing else", async () => {
    await writeFile(join(folder, "of-the-agent"), "");
    const { clock, file, lines } = open();
    file.keep(1);
    await file.settled();
    file.keep(2);
    await clock.advance(1_000);
    await file.settled();
    expect(lines.map(({ message }) => message)).toEqual([
      "state cannot be kept: a restart begins without it",
    ]);
  });

  test("keeps nothing where no folder is set", async () => {
    const { file, lines } = open(null);
    file.keep(1);
    await file.settled();
    expect([await file.read(), lines]).toEqual([null, []]);
  });
});
