import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { obtainPython } from "./python.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "python-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A stand-in for Python that tells its version, and does with `-m pip … --target FOLDER` what the script says. */
async function standIn(pip: string): Promise<{
  readonly environment: Readonly<Record<string, string>>;
  readonly cache: string;
  readonly list: string;
}> {
  const program = join(folder, "python");
  const script = [
    "#!/bin/sh",
    'if [ "$1" = -c ]; then echo 3.11; exit; fi',
    'while [ "$1" != --target ]; do shift; done',
    pip,
  ];
  await writeFile(program, `${script.join("\n")}\n`);
  await chmod(program, 0o755);
  const list = join(folder, "list.txt");
  await writeFile(list, "x==1\n");
  const environment = { GPUAS_TOOL_PYTHON: program, PATH: "/usr/bin:/bin" };
  return { environment, cache: join(folder, "cache"), list };
}

describe("obtainPython()", () => {
  test("installs the packages of a list once, and takes them from there the next time", async () => {
    const told: string[] = [];
    const options = { ...(await standIn('mkdir -p "$2/x"')), onProgress: (s: string) => told.push(s) };
    const { packages } = await obtainPython(options);
    expect(await readdir(packages)).toEqual(["x"]);
    expect((await obtainPython(options)).packages).toBe(packages);
    expect(told).toEqual(["getting the packages of list.txt for Python 3.11 by pip"]);
    await writeFile(options.list, "x==2\n");
    expect((await obtainPython(options)).packages).not.toBe(packages);
    expect((await readdir(options.cache)).every((name) => name.startsWith("python-"))).toBe(true);
  });

  test("lets pip run once when several ask at the same moment", async () => {
    const options = await standIn(`mkdir -p "$2/x" && echo . >> ${join(folder, "runs")}`);
    const found = await Promise.all([1, 2, 3].map(async () => await obtainPython(options)));
    expect(new Set(found.map(({ packages }) => packages)).size).toBe(1);
    expect(await readFile(join(folder, "runs"), "utf8")).toBe(".\n");
    expect((await readdir(options.cache)).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  test("does not wait for one that has died of it", async () => {
    const options = await standIn('mkdir -p "$2/x"');
    const { packages } = await obtainPython(options);
    await rm(packages, { recursive: true });
    // No process has this number: Linux counts to 4194304 at most.
    await writeFile(`${packages}.lock`, "99999999");
    expect((await obtainPython(options)).packages).toBe(packages);
    expect(await readdir(packages)).toEqual(["x"]);
  });

  test("says what to do when pip fails, and leaves nothing behind", async () => {
    const options = await standIn("echo no such package >&2; exit 1");
    await expect(obtainPython(options)).rejects.toMatchObject({
      kind: "not-found",
      message: expect.stringMatching(/no such package.*npm run get -- aws-python/) as string,
    });
    expect(await readdir(options.cache)).toEqual([]);
  });

  test("says what to do when there is no Python", async () => {
    const environment = { GPUAS_TOOL_PYTHON: join(folder, "none") };
    await expect(obtainPython({ environment, cache: folder })).rejects.toMatchObject({
      kind: "not-found",
      message: expect.stringMatching(/none does not run.*or set GPUAS_TOOL_PYTHON/) as string,
    });
  });
});
