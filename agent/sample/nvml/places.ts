// Where the NVML library is looked for, by name alone: nothing is loaded here, so that the main thread can say which
// places there are without the native code that loading takes.

import { statSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";

export const SONAME = "libnvidia-ml.so.1";

export interface LibraryOptions {
  /**
   * The library, or the directory that holds it. When set it is the only place: loading another driver's
   * library behind the back of somebody who named one would hide the mistake.
   */
  readonly path: string | null;
  /** Roots of driver installations, as a driver container has them: /run/nvidia/driver */
  readonly driverRoots: readonly string[];
}

const DIRECTORIES_OF_A_ROOT = [
  "usr/lib64",
  "usr/lib/x86_64-linux-gnu",
  "usr/lib/aarch64-linux-gnu",
  "lib64",
  "lib/x86_64-linux-gnu",
  "lib/aarch64-linux-gnu",
];

/** GKE's driver installer, WSL, Jetson: places that the dynamic loader does not search by itself. */
const DIRECTORIES_OF_PLATFORMS = [
  "/usr/local/nvidia/lib64",
  "/usr/lib/wsl/lib",
  "/usr/lib/aarch64-linux-gnu/nvidia",
];

/**
 * Every place in the order of the search, whether something is there or not. The plain soname leaves it to the dynamic
 * loader: LD_LIBRARY_PATH, its cache.
 */
export function places({ path, driverRoots }: LibraryOptions): readonly string[] {
  if (path !== null) return [isDirectory(path) ? join(path, SONAME) : path];
  const directories = [
    ...driverRoots.flatMap((root) => DIRECTORIES_OF_A_ROOT.map((directory) => join(root, directory))),
    ...DIRECTORIES_OF_PLATFORMS,
  ];
  return [SONAME, ...directories.map((directory) => join(directory, SONAME))];
}

/** The places that are worth a try: one that was named, the loader's, and what is there. */
export function candidates(options: LibraryOptions): readonly string[] {
  const all = places(options);
  return options.path === null ? all.filter((place) => place === SONAME || isFile(place)) : all;
}

function isFile(path: string): boolean {
  return statusOf(path)?.isFile() ?? false;
}

function isDirectory(path: string): boolean {
  return statusOf(path)?.isDirectory() ?? false;
}

/** Null also where it cannot be told, as on the mount of a driver's container that has gone: that is no place to look. */
export function statusOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
