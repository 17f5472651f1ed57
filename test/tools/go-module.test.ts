import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { openGoModule } from "./go-module.ts";

/** A zip archive with the one stored member `x@v1/crds/things.yaml`, whose text is `kind: Thing\n`. */
const ARCHIVE = Buffer.from(
  "UEsDBBQAAAAAAAAAIQAmCM7sDAAAAAwAAAAVAAAAeEB2MS9jcmRzL3RoaW5ncy55YW1sa2luZDogVGhpbmcKUEsBAhQDFAAAAAAAAAAhACYIzuwMAAAADAAAABUAAAAAAAAAAAAAAIABAAAAAHhAdjEvY3Jkcy90aGluZ3MueWFtbFBLBQYAAAAAAQABAEMAAAA/AAAAAAA=",
  "base64",
);
const MODULE = { path: "x.example/x", version: "v1.0.0", sum: "h1:right" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "go-module-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A stand-in for Go that answers so. */
async function withGo(answer: object, exitCode = 0): Promise<Record<string, string>> {
  await writeFile(join(folder, "x.zip"), ARCHIVE);
  await writeFile(join(folder, "answer"), JSON.stringify(answer));
  const text = `#!/bin/sh\necho "$@" > ${folder}/asked\n/bin/cat ${folder}/answer\nexit ${exitCode}\n`;
  await writeFile(join(folder, "go"), text);
  await chmod(join(folder, "go"), 0o755);
  return { PATH: folder };
}

test("reads files out of the module that Go has or fetches", async () => {
  const environment = await withGo({ Zip: join(folder, "x.zip"), Sum: "h1:right" });
  const files = await openGoModule(MODULE, { environment });
  expect(files.text("/crds/things.yaml")).toBe("kind: Thing\n");
  expect(() => files.text("/crds/others.yaml")).toThrow("has 0 members");
});

test("reads a module that asks for a newer Go", async () => {
  const answer = { Zip: join(folder, "x.zip"), Sum: "h1:right", Error: "requires go >= 9" };
  const files = await openGoModule(MODULE, { environment: await withGo(answer, 1) });
  expect(files.text("/crds/things.yaml")).toBe("kind: Thing\n");
});

test("refuses a module whose hash is not the pinned one", async () => {
  const environment = await withGo({ Zip: join(folder, "x.zip"), Sum: "h1:wrong" });
  await expect(openGoModule(MODULE, { environment })).rejects.toMatchObject({
    kind: "malformed",
    message: "x.example/x@v1.0.0 has hash h1:wrong, pinned is h1:right",
  });
});

test("tells what Go says of a module that it cannot fetch, and that there is no Go", async () => {
  const environment = await withGo({ Error: "no such host" }, 1);
  await expect(openGoModule(MODULE, { environment })).rejects.toMatchObject({
    kind: "not-found",
    message: "x.example/x@v1.0.0 is not here: no such host",
  });
  await expect(openGoModule(MODULE, { environment: { PATH: "" } })).rejects.toMatchObject({
    kind: "not-found",
    message: "x.example/x@v1.0.0 is not here: go is not on PATH, install Go 1.26",
  });
});
