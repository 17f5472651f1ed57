import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { lookAtImage, MAX_BYTES } from "./check.ts";

let tree: string;

async function file(path: string, content: string | Buffer, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(tree, path)), { recursive: true });
  await writeFile(join(tree, path), content);
  await chmod(join(tree, path), mode);
}

/** Enough of a native file for that machine. */
function elf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46]);
  header.writeUInt16LE(machine, 18);
  return Buffer.concat([header, Buffer.from("libc.so.6\0")]);
}

beforeEach(async () => {
  tree = await mkdtemp(join(tmpdir(), "image-"));
  await file("nodejs/bin/node", elf(62), 0o755);
  await file("app/agent.js", "//");
  await file("app/node_modules/koffi.node", elf(62));
  await file("app/sbom.cdx.json", '{\n  "bomFormat": "CycloneDX"\n}');
  await file("usr/share/doc/make", "a text about make");
});
afterEach(async () => {
  await rm(tree, { recursive: true });
});

test("an image as it must be has no problem, and its size is that of its files", async () => {
  const { bytes, problems } = await lookAtImage(tree, "agent", "x64");
  expect(problems).toEqual([]);
  expect(bytes).toBe(2 * 74 + 2 + 30 + 17);
});

test.each([
  ["usr/bin/bash", "/usr/bin/bash is a shell"],
  ["bin/busybox", "/bin/busybox is a shell"],
  ["usr/bin/apt-get", "/usr/bin/apt-get is a package manager"],
  ["usr/lib/npm/bin/npm-cli.js", "/usr/lib/npm/bin/npm-cli.js is a package manager"],
  ["usr/bin/gcc-12", "/usr/bin/gcc-12 is a compiler"],
  ["usr/bin/python3.11", "/usr/bin/python3.11 is a second interpreter"],
])("%s is named", async (path, problem) => {
  await file(path, "#!", 0o755);
  expect((await lookAtImage(tree, "agent", "x64")).problems).toEqual([problem]);
});

test("a link by the name of a shell is one", async () => {
  await mkdir(join(tree, "bin"));
  await symlink("anything", join(tree, "bin/sh"));
  expect((await lookAtImage(tree, "agent", "x64")).problems).toEqual(["/bin/sh is a shell"]);
});

test("what is too big, for another machine, too much or missing is named", async () => {
  await file("app/big", "");
  await truncate(join(tree, "app/big"), MAX_BYTES);
  expect((await lookAtImage(tree, "agent", "x64")).problems).toEqual([
    `${MAX_BYTES + 197} bytes are more than ${MAX_BYTES}`,
  ]);
  await rm(join(tree, "app/big"));
  await rm(join(tree, "app/sbom.cdx.json"));
  expect((await lookAtImage(tree, "coordinator", "arm64")).problems).toEqual([
    "native files are /app/node_modules/koffi.node, /nodejs/bin/node; wanted: node",
    "/app/node_modules/koffi.node is for another machine: ELF says 62, arm64 is 183",
    "/nodejs/bin/node is for another machine: ELF says 62, arm64 is 183",
    "/app/sbom.cdx.json is missing, or no bill of materials",
  ]);
});
