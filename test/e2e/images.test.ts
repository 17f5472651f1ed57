// Both images, built by the two Dockerfiles through the release's own code and run. The bases are made of Debian's
// packages, since the public ones may be out of reach: what the release's base brings is looked at by the release.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, lstat, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { PROGRAMS, SBOM_PATH } from "../../deploy/images/assemble.ts";
import type { ProgramName } from "../../deploy/images/assemble.ts";
import { buildImage, inImage } from "../../deploy/images/build.ts";
import { lookAtImage, MAX_BYTES } from "../../deploy/images/check.ts";
import { ARCHITECTURES } from "../../deploy/images/native.ts";
import type { Architecture } from "../../deploy/images/native.ts";
import { createDouble, healthyGpus } from "../nvml-double/fixture.ts";
import { imageBases, whyNoImages } from "../tools/image-bases.ts";
import type { ImageBases } from "../tools/image-bases.ts";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url).pathname;
const ARCH: Architecture = process.arch === "arm64" ? "arm64" : "x64";
const OTHER: Architecture = ARCH === "x64" ? "arm64" : "x64";
const REVISION = "0123456789abcdef";
const EPOCH = 1_700_000_000;
const NAMES = Object.keys(PROGRAMS) as ProgramName[];
/** What a build needs of the repository, beside the packages. */
const SOURCES = [
  "agent",
  "coordinator",
  "shared",
  "deploy",
  "package.json",
  "package-lock.json",
  ".npmrc",
  "LICENSE",
];
/** Two installations of the packages, on two cores that others use too. */
const BUILD_MS = 15 * 60_000;
const AGAIN_MS = 5 * 60_000;

interface Config {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
}

const missing = await whyNoImages();
if (missing !== null) console.error(`tests of the images are skipped: ${missing}`);

describe.skipIf(missing !== null)("the images", () => {
  let bases: ImageBases;
  /** Packages and sources in another folder, as a second machine would have them. */
  let elsewhere = "";
  const tag = (program: ProgramName): string => `localhost/e2e/${program}:${process.pid}`;
  const lend = async <T>(
    program: ProgramName,
    look: (tree: string, container: string) => Promise<T>,
  ): Promise<T> => await inImage(tag(program), bases.storage, look);
  const buildah = async (...words: readonly string[]): Promise<string> =>
    (await run("buildah", [...bases.storage, ...words], { maxBuffer: 16 * 1024 * 1024 })).stdout;
  const configOf = async (program: ProgramName): Promise<Config> => {
    const said = JSON.parse(await buildah("inspect", "--type", "image", tag(program))) as {
      readonly OCIv1: { readonly config: Config };
    };
    return said.OCIv1.config;
  };
  /** Starts the image's own command with these words behind. */
  const start = async (
    program: ProgramName,
    words: readonly string[],
    more: readonly string[] = [],
  ): Promise<string> => {
    const { Entrypoint } = await configOf(program);
    const flags = ["--isolation", "chroot", ...more];
    return await lend(
      program,
      async (_tree, container) => await buildah("run", ...flags, container, "--", ...Entrypoint, ...words),
    );
  };

  beforeAll(async () => {
    bases = await imageBases((sentence) => {
      console.error(sentence);
    });
    // Packages that npm has fetched before, by their hashes.
    const npmCache = join(homedir(), ".npm");
    await mkdir(npmCache, { recursive: true });
    const more = ["--isolation", "chroot", "--volume", `${npmCache}:/root/.npm`];
    for (const program of NAMES) {
      const what = { program, arch: ARCH, tag: tag(program), more, source: "https://example.com/source" };
      await buildImage({ ...bases, ...what, revision: REVISION, epoch: EPOCH });
    }
    elsewhere = await mkdtemp(join(ROOT, ".cache/images/elsewhere-"));
    for (const one of SOURCES) await cp(join(ROOT, one), join(elsewhere, one), { recursive: true });
    await run("cp", ["-al", join(ROOT, "node_modules"), elsewhere]);
    await run(process.execPath, ["deploy/bundle.ts", `--revision=${REVISION}`], { cwd: elsewhere });
  }, BUILD_MS);

  afterAll(async () => {
    if (elsewhere !== "") await rm(elsewhere, { recursive: true, force: true });
    for (const program of NAMES) await buildah("rmi", "--force", tag(program)).catch(() => "");
  });

  const assembled = async (program: ProgramName, arch: Architecture): Promise<string> => {
    const folder = join(elsewhere, `${program}-${arch}`);
    const words = ["deploy/image-layer.ts", program, folder, "--epoch", String(EPOCH)];
    const { container } = ARCHITECTURES[arch];
    await run(process.execPath, [...words, "--arch", container], { cwd: elsewhere });
    return folder;
  };

  test.each(NAMES)("%s is small, and has no shell, compiler or package manager", async (program) => {
    const { bytes, problems } = await lend(program, async (tree) => await lookAtImage(tree, program, ARCH));
    expect(problems).toEqual([]);
    expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
  });

  test.each(NAMES)("%s says its version, its revision and Node's version", async (program) => {
    const product = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
      readonly version: string;
    };
    expect(await start(program, ["--version"])).toBe(
      `gpu-autoscaler-${program} ${product.version} (revision ${REVISION}, Node ${process.version})\n`,
    );
  });

  test.each(NAMES)("%s is labelled", async (program) => {
    const { Labels } = await configOf(program);
    expect(Labels["org.opencontainers.image.version"]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(Labels).toMatchObject({
      "org.opencontainers.image.title": `gpu-autoscaler-${program}`,
      "org.opencontainers.image.revision": REVISION,
      "org.opencontainers.image.source": "https://example.com/source",
      "org.opencontainers.image.licenses": "Apache-2.0",
    });
  });

  test("the coordinator is not root", async () => {
    expect((await configOf("coordinator")).User).toBe("65532:65532");
    const words = ["--isolation", "chroot"];
    const script = ["/nodejs/bin/node", "--print", "`${process.getuid()} ${process.getgid()}`"];
    const said = await lend(
      "coordinator",
      async (_tree, container) => await buildah("run", ...words, container, "--", ...script),
    );
    expect(said).toBe("65532 65532\n");
  });

  test("the agent reads the driver's library in its image", async () => {
    using double = await createDouble({ gpus: healthyGpus(2) });
    const more = ["--volume", `${double.directory}:/driver`, "--env", "GPUAS_NVML_LIBRARY=/driver"];
    const said = JSON.parse(await start("agent", ["inspect", "--json"], more)) as unknown;
    expect(JSON.stringify(said)).toContain("GPU-00000000-aaaa-bbbb-cccc-dddddddddddd");
    expect(JSON.stringify(said)).toContain("GPU-00000001-aaaa-bbbb-cccc-dddddddddddd");
  });

  test("each has the bill of materials of what is in it, and of nothing else", async () => {
    const namesIn = async (program: ProgramName): Promise<readonly string[]> => {
      const text = await lend(program, async (tree) => await readFile(join(tree, SBOM_PATH), "utf8"));
      const { components } = JSON.parse(text) as { components: readonly { name: string }[] };
      return components.map(({ name }) => name);
    };
    const [agent, coordinator] = [await namesIn("agent"), await namesIn("coordinator")];
    expect(agent).toEqual(expect.arrayContaining(["koffi", `@koromix/koffi-linux-${ARCH}`, "zod"]));
    expect(agent).not.toContain("@aws-sdk/client-auto-scaling");
    expect(coordinator).toEqual(
      expect.arrayContaining(["@aws-sdk/client-auto-scaling", `node-linux-${ARCH}`]),
    );
    for (const name of ["koffi", "vitest", "typescript"]) expect(coordinator).not.toContain(name);
  });

  test.each(NAMES)(
    "%s: another build in another place gives the same files, byte by byte",
    async (program) => {
      const again = await listing(await assembled(program, ARCH));
      const first = await lend(program, async (tree) => [
        ...(await listing(join(tree, "app"), "/app")),
        ...(await listing(join(tree, "nodejs"), "/nodejs")),
      ]);
      expect(first.length).toBeGreaterThan(5);
      expect(first.toSorted()).toEqual(again.toSorted());
    },
    AGAIN_MS,
  );

  test.each(NAMES)(
    "%s for the other kind of machine has that one's native files",
    async (program) => {
      const folder = await assembled(program, OTHER);
      expect((await lookAtImage(folder, program, OTHER)).problems).toEqual([]);
      // The check sees the difference.
      expect((await lookAtImage(folder, program, ARCH)).problems.join()).toContain("is for another machine");
    },
    AGAIN_MS,
  );
});

/** A line for each file below the folder: path, mode, time, content. */
async function listing(folder: string, shown = ""): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return await Promise.all(
    entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        const { mode, mtimeMs, uid, gid } = await lstat(path);
        const sha256 = createHash("sha256")
          .update(await readFile(path))
          .digest("hex");
        return `${shown}${path.slice(folder.length)} ${mode.toString(8)} ${uid}:${gid} ${mtimeMs} ${sha256}`;
      }),
  );
}
