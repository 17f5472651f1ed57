import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { placeDouble } from "../../../test/nvml-double/build.ts";
import { createDouble, healthyGpus } from "../../../test/nvml-double/fixture.ts";
import { locateLibrary } from "./library.ts";
import { candidates, SONAME } from "./places.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "nvml-library-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("locateLibrary()", () => {
  test("says which file is missing", () => {
    const path = join(directory, "nowhere.so");
    const located = locateLibrary({ path, driverRoots: [] });
    expect(located.kind).toBe("missing");
    if (located.kind === "missing")
      expect(located.detail).toBe(`${path}: cannot open shared object file: No such file or directory`);
  });

  test("goes on to the next place where one cannot be looked at", () => {
    // As the mount of a driver's container that has gone, or any place that answers otherwise than "not there".
    symlinkSync("loop", join(directory, "loop"));
    const options = { path: null, driverRoots: [join(directory, "loop")] };
    expect(candidates(options)).toEqual(candidates({ path: null, driverRoots: [] }));
    expect(candidates({ path: join(directory, "loop"), driverRoots: [] })).toEqual([join(directory, "loop")]);
  });

  test("tells a file of another kind from a missing one", () => {
    writeFileSync(join(directory, SONAME), "built for another libc");
    const located = locateLibrary({ path: directory, driverRoots: [] });
    expect(located.kind).toBe("missing");
    if (located.kind === "missing") expect(located.detail).toMatch(/file too short|invalid ELF header/u);
  });

  test("binds what the driver exports and knows what it does not", async () => {
    using double = await createDouble({ gpus: healthyGpus(1) }, { variant: "r510" });
    const located = locateLibrary(double.library);
    if (located.kind !== "loaded") throw new Error(located.detail);
    expect(located.library.bind("nvmlDeviceGetMemoryInfo")).toBeTypeOf("function");
    expect(located.library.bind("nvmlDeviceGetMemoryInfo_v2")).toBeNull();
    expect(located.library.bind("nvmlDeviceGetTemperatureV")).toBeNull();
    located.library.unload();
  });

  test("knows whether its file is still the one that was loaded", async () => {
    using double = await createDouble({ gpus: healthyGpus(1) });
    const located = locateLibrary(double.library);
    if (located.kind !== "loaded") throw new Error(located.detail);
    expect(located.library.isCurrent()).toBe(true);
    rmSync(join(double.directory, SONAME));
    expect(located.library.isCurrent()).toBe(false);
    await placeDouble(double.directory);
    expect(located.library.isCurrent()).toBe(false);
    located.library.unload();
  });

  test("leaves the plain soname to the dynamic loader, which knows LD_LIBRARY_PATH", async () => {
    using double = await createDouble({ driver: "535.1.2", gpus: healthyGpus(2) });
    // In a process of its own, since the loader reads the variable once, at the start.
    const script = `
      import { openGeneration } from ${JSON.stringify(new URL("generation.ts", import.meta.url).href)};
      import { createMarkBuffer, createMarkWriter } from ${JSON.stringify(new URL("marks.ts", import.meta.url).href)};
      import { createBlocks } from ${JSON.stringify(new URL("driver.ts", import.meta.url).href)};
      const clock = { now: Date.now, monotonic: () => performance.now() };
      const opened = openGeneration({ library: { path: null, driverRoots: [] }, known: [], loaded: null, clock, gpm: false,
        intervalMs: 1000, slowIntervalMs: 10000, marks: createMarkWriter(createMarkBuffer()),
        blockOf: createBlocks() });
      console.log(opened.generation.source.driver, opened.generation.source.gpus.length,
        opened.generation.leave().isCurrent());`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--disable-warning=ExperimentalWarning", "--eval", script],
      { env: { LD_LIBRARY_PATH: double.directory } },
    );
    expect(stdout.trim()).toBe("535.1.2 2 true");
  });
});

describe("candidates()", () => {
  test("a configured path is the only candidate", () => {
    expect(candidates({ path: "/opt/a.so", driverRoots: [directory] })).toEqual(["/opt/a.so"]);
  });

  test("a configured directory stands for the library in it", () => {
    expect(candidates({ path: directory, driverRoots: [] })).toEqual([join(directory, SONAME)]);
  });

  test("driver roots come after the soname, and only where they hold the library", () => {
    const root = join(directory, "driver");
    const present = join(root, "usr/lib64");
    mkdirSync(present, { recursive: true });
    writeFileSync(join(present, SONAME), "");
    const found = candidates({ path: null, driverRoots: [root, join(directory, "empty")] });
    expect(found.slice(0, 2)).toEqual([SONAME, join(present, SONAME)]);
    expect(found.filter((path) => path.startsWith(directory))).toHaveLength(1);
  });
});
