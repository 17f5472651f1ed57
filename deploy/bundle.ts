// Makes the programs as they ship: one file for each entry point, so that an agent starts fast and small. koffi
// stays outside, because it is native; source maps lie beside. Types are checked elsewhere (`npm run types`). An entry
// point that another one imports only when it is needed stays a file of its own, which is not read until then.

import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { build } from "esbuild";
import type { Plugin } from "esbuild";

import { AppError, describe } from "../shared/runtime/errors.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** File in dist → entry point. */
export const ENTRIES = {
  "agent.js": "agent/main.ts",
  "nvml-worker.js": "agent/sample/nvml/worker.ts",
  "coordinator.js": "coordinator/main.ts",
  "aws-sdk.js": "coordinator/cloud/aws/sdk.ts",
  "gcp-auth.js": "coordinator/cloud/gcp/auth.ts",
  "gpuasctl.js": "coordinator/ctl.ts",
  "replay-worker.js": "coordinator/replay/worker.ts",
} as const satisfies Readonly<Record<string, string>>;

/** What the programs are made of, beside the packages that the lock file names. */
const SOURCES = ["agent", "coordinator", "shared"];
const OTHER_INPUTS = ["package.json", "package-lock.json", "deploy/bundle.ts"];

/** Packages in the old module format ask for `require`, which a module does not have. */
const REQUIRE_BANNER =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

export interface BundleOptions {
  readonly root?: string;
  /** Relative to the root. */
  readonly outdir?: string;
  readonly entries?: Readonly<Record<string, string>>;
  /** The commit that `--version` names; "unknown" when not given, since a bundle outlives commits. */
  readonly revision?: string;
}

/**
 * Builds every entry point and returns the folder.
 * @throws AppError bad-input that names the entry points that are missing or do not build.
 */
export async function bundle(options: BundleOptions = {}): Promise<string> {
  const { root = ROOT, outdir = "dist", entries = ENTRIES, revision = "unknown" } = options;
  const missing = await missingOf(root, Object.values(entries));
  if (missing.length > 0) throw new AppError("bad-input", `entry points are missing: ${missing.join(", ")}`);

  const target = join(root, outdir);
  await mkdir(target, { recursive: true });
  const info = { version: await versionOf(root), revision };
  // Apart, so that each file is moved in whole: a process that starts meanwhile reads the old one or the new one.
  const work = await mkdtemp(join(target, ".work-"));
  try {
    for (const [file, entry] of Object.entries(entries))
      await buildOne(root, entry, join(work, file), entries, info);
    const made = await readdir(work);
    await Promise.all(made.map((file) => rename(join(work, file), join(target, file))));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return target;
}

/** Builds only when a source is newer than what lies there. For tests, which run the programs as they ship. */
export async function ensureBundle(options: BundleOptions = {}): Promise<string> {
  const { root = ROOT, outdir = "dist", entries = ENTRIES } = options;
  const target = join(root, outdir);
  const made = await Promise.all(Object.keys(entries).map((file) => modifiedAt(join(target, file))));
  const oldest = Math.min(...made);
  return oldest > (await newestInput(root)) ? target : await bundle(options);
}

async function buildOne(
  root: string,
  entry: string,
  outfile: string,
  entries: Readonly<Record<string, string>>,
  info: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      target: "node24",
      format: "esm",
      external: ["koffi"],
      plugins: [apart(root, entries)],
      banner: { js: REQUIRE_BANNER },
      // shared/runtime/build-info.ts reads it.
      define: { GPUAS_BUILD: JSON.stringify(info) },
      // Names stay for stack traces; a shorter text is less memory in each agent, which keeps it as long as it runs.
      keepNames: true,
      minify: true,
      sourcemap: "linked",
      logLevel: "silent",
    });
  } catch (cause) {
    throw new AppError("bad-input", `cannot build ${entry}: ${describe(cause)}`, { cause });
  }
}

/** `import("./sdk.ts")` in the source is `import("./aws-sdk.js")` in the bundle. */
function apart(root: string, entries: Readonly<Record<string, string>>): Plugin {
  const files = new Map(Object.entries(entries).map(([file, entry]) => [join(root, entry), file]));
  return {
    name: "apart",
    setup: ({ onResolve }) => {
      onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
        const file = kind === "dynamic-import" ? files.get(join(resolveDir, path)) : undefined;
        return file === undefined ? undefined : { path: `./${file}`, external: true };
      });
    },
  };
}

async function missingOf(root: string, entries: readonly string[]): Promise<readonly string[]> {
  const ages = await Promise.all(entries.map((entry) => modifiedAt(join(root, entry))));
  return entries.filter((_, i) => ages[i] === 0);
}

async function newestInput(root: string): Promise<number> {
  const files = SOURCES.map(async (folder) => {
    const found = await readdir(join(root, folder), { recursive: true }).catch(() => []);
    return found
      .filter((file) => /\.(ts|json)$/.test(file) && !file.endsWith(".test.ts"))
      .map((file) => join(folder, file));
  });
  const inputs = [...(await Promise.all(files)).flat(), ...OTHER_INPUTS];
  return Math.max(...(await Promise.all(inputs.map((file) => modifiedAt(join(root, file))))));
}

/** Of package.json. */
async function versionOf(root: string): Promise<string> {
  const text = await readFile(join(root, "package.json"), "utf8").catch(() => "{}");
  const { version } = JSON.parse(text) as { version?: unknown };
  return typeof version === "string" ? version : "unknown";
}

/** 0: there is no such file. */
async function modifiedAt(path: string): Promise<number> {
  return await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

if (import.meta.main) {
  try {
    const { revision } = parseArgs({ options: { revision: { type: "string" } } }).values;
    const target = await (revision === undefined ? ensureBundle() : bundle({ revision }));
    console.log(`${Object.keys(ENTRIES).length} programs in ${target}`);
  } catch (error) {
    console.error(describe(error));
    process.exit(1);
  }
}
