// Builds one image by buildah, from bases that are named by digest, and looks at it before it counts as built
// (deploy/images.ts is the command). It pushes nothing. buildah's own settings (BUILDAH_ISOLATION, STORAGE_DRIVER) hold.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

import { AppError } from "../../shared/runtime/errors.ts";
import type { ProgramName } from "./assemble.ts";
import { lookAtImage } from "./check.ts";
import { ARCHITECTURES } from "./native.ts";
import type { Architecture } from "./native.ts";

const run = promisify(execFile);
const ROOT = new URL("../../", import.meta.url).pathname;

export interface ImageOptions {
  readonly program: ProgramName;
  readonly arch: Architecture;
  /** NAME@sha256:DIGEST, with Node, npm and a shell, for the machine that builds. */
  readonly buildBase: string;
  /** NAME@sha256:DIGEST, with glibc and libstdc++, for the image's machine. */
  readonly runBase: string;
  /** Where the source can be had. */
  readonly source: string;
  readonly revision: string;
  /** Seconds since 1970: the only time in the image. */
  readonly epoch: number;
  readonly tag: string;
  /** Words between `buildah` and its command: where it keeps things. */
  readonly storage?: readonly string[];
  /** Words after `buildah build`. */
  readonly more?: readonly string[];
  readonly root?: string;
}

/**
 * Builds one image and returns how many bytes its files have.
 * @throws AppError bad-input when a base has no digest, unavailable when buildah fails, misconfigured when the image is
 * not as it must be.
 */
export async function buildImage(options: ImageOptions): Promise<number> {
  const { program, arch, tag, storage = [], root = ROOT } = options;
  const child = spawn("buildah", [...storage, ...buildWords(options), root], { cwd: root, stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new AppError("unavailable", `buildah ended with ${String(code)} for ${tag}`);
  const { bytes, problems } = await inImage(
    tag,
    storage,
    async (tree) => await lookAtImage(tree, program, arch),
  );
  if (problems.length > 0) throw new AppError("misconfigured", `${tag}: ${problems.join("; ")}`);
  return bytes;
}

/** @throws AppError bad-input that names the base without a digest. */
export function buildWords(options: ImageOptions): readonly string[] {
  const { program, arch, buildBase, runBase, source, revision, epoch, tag, more = [] } = options;
  for (const [flag, base] of [
    ["--build-base", buildBase],
    ["--run-base", runBase],
  ] as const) {
    if (!/.@sha256:[0-9a-f]{64}$/.test(base)) {
      const got = JSON.stringify(base);
      throw new AppError(
        "bad-input",
        `${flag} must be NAME@sha256:DIGEST, got ${got}: a tag is another image tomorrow`,
      );
    }
  }
  const values = {
    BUILD_BASE: buildBase,
    RUN_BASE: runBase,
    SOURCE: source,
    REVISION: revision,
    SOURCE_DATE_EPOCH: String(epoch),
  };
  return [
    "build",
    "--platform",
    `linux/${ARCHITECTURES[arch].container}`,
    "--timestamp",
    String(epoch),
    "--file",
    `Dockerfile.${program}`,
    "--tag",
    tag,
    ...Object.entries(values).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...more,
  ];
}

/** Lends the image's files as a folder. */
export async function inImage<T>(
  tag: string,
  storage: readonly string[],
  look: (tree: string, container: string) => Promise<T>,
): Promise<T> {
  const buildah = async (...words: string[]): Promise<string> =>
    (await run("buildah", [...storage, ...words])).stdout.trim();
  const container = await buildah("from", "--pull-never", tag);
  try {
    return await look(await buildah("mount", container), container);
  } finally {
    await buildah("rm", container);
  }
}
