// Compiles the double of libnvidia-ml.so.1 when it is first needed, once for each state of its sources, and
// puts copies where tests want them. Nothing but a C compiler is used.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { AppError } from "../../shared/runtime/errors.ts";

export const LIBRARY = "libnvidia-ml.so.1";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const FLAGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"];
const CACHE = fileURLToPath(new URL("../../.cache/nvml-double/", import.meta.url));

/**
 * Driver branches whose exports, struct versions and field ids a build can have. `r535bug` stands for 535.43 to
 * 535.86, whose lists of processes have entries of another size.
 */
export const BRANCHES = {
  r470: 470,
  r510: 510,
  r525: 525,
  r535bug: 535,
  r570: 570,
  r580: 580,
  r590: 590,
} as const;
export type Variant = keyof typeof BRANCHES;

export interface BuildOptions {
  readonly variant?: Variant;
  /** Where builds are kept; a folder that git ignores when not given. */
  readonly cacheDir?: string;
}

/** The directory that holds the library. Several processes may build at once: the first to finish wins. */
export async function buildDouble(options: BuildOptions = {}): Promise<string> {
  const { variant = "r580", cacheDir = CACHE } = options;
  const sources = readdirSync(HERE)
    .filter((name) => /\.(?:c|h|def)$/u.test(name))
    .toSorted()
    .map((name) => join(HERE, name));
  const digest = createHash("sha256").update(FLAGS.join(" "));
  for (const source of sources) digest.update(readFileSync(source));
  const directory = join(cacheDir, `${digest.digest("hex").slice(0, 16)}-${variant}`);
  if (existsSync(join(directory, LIBRARY))) return directory;

  mkdirSync(cacheDir, { recursive: true });
  const building = mkdtempSync(join(cacheDir, "building-"));
  const exports = join(building, "exports");
  writeFileSync(exports, exportsOf(variant));
  const defines = [
    `-DBRANCH=${BRANCHES[variant]}`,
    `-Wl,-soname,${LIBRARY}`,
    `-Wl,--version-script=${exports}`,
  ];
  const inputs = sources.filter((source) => source.endsWith(".c"));
  await compile([...FLAGS, ...defines, "-o", join(building, LIBRARY), ...inputs, "-lpthread", "-ldl"]);
  try {
    renameSync(building, directory);
  } catch (error) {
    if (!existsSync(join(directory, LIBRARY))) throw error;
  }
  return directory;
}

/** The linker's list of what this build shows: looking up anything else fails, as on a driver of that branch. */
function exportsOf(variant: Variant): string {
  const rows = readFileSync(join(HERE, "functions.def"), "utf8").matchAll(
    /^FUNCTION\((?<name>\w+), (?<since>\d+)\)$/gmu,
  );
  const names = Array.from(rows, ({ groups }) => groups)
    .filter((row) => Number(row?.["since"]) <= BRANCHES[variant])
    .map((row) => `${row?.["name"]};`);
  return `{ global: ${names.join(" ")} local: *; };\n`;
}

/**
 * A double of its own in `directory`, which also holds its `scenario` and its `counters`. A copy is a library
 * of its own to the loader, so several can live in one process.
 */
export async function placeDouble(directory: string, options: BuildOptions = {}): Promise<string> {
  const built = await buildDouble(options);
  mkdirSync(directory, { recursive: true });
  copyFileSync(join(built, LIBRARY), join(directory, LIBRARY));
  closeSync(openSync(join(directory, "counters"), "a"));
  return directory;
}

/** @throws AppError `unavailable` when there is no compiler, `bug` with its output when it refuses. */
export async function compile(args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)("cc", [...args]);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new AppError(
        "unavailable",
        "no C compiler `cc` on the PATH: install gcc (apt-get install gcc libc6-dev)",
      );
    }
    throw new AppError("bug", "cc refuses the sources of the NVML double", { cause: error });
  }
}
