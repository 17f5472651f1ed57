// Finds and loads libnvidia-ml.so.1 and binds its functions when they are first asked for. A missing library
// is a result with the reasons, not an exception; a missing function is null, which callers report as the
// driver's own code 13. The name without ".1" is never tried: it is a development link or a toolkit's stub.

import { statSync } from "node:fs";
import { join } from "node:path";

import { CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import { loadNative } from "./native.ts";
import type { Bound, NativeLibrary } from "./native.ts";

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

type BoundCall<Name extends CallName> = Bound[(typeof CALLS)[Name]["form"]];

export interface Library {
  readonly path: string;
  /** Null when this driver does not export the call. Looked up once. */
  readonly bind: <Name extends CallName>(call: Name) => BoundCall<Name> | null;
  readonly unload: () => void;
}

export type Located =
  | { readonly kind: "loaded"; readonly library: Library }
  | { readonly kind: "missing"; readonly detail: string };

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

/** Loads the first library that can be loaded, in the order of `candidates()`. */
export function locateLibrary(options: LibraryOptions): Located {
  const refusals: string[] = [];
  for (const path of candidates(options)) {
    try {
      return { kind: "loaded", library: lazily(path, loadNative(path)) };
    } catch (error) {
      refusals.push(refusal(path, error));
    }
  }
  return { kind: "missing", detail: refusals.join("; ") };
}

/** Paths in the order of the search. The plain soname leaves it to the dynamic loader: LD_LIBRARY_PATH, its cache. */
export function candidates(options: LibraryOptions): readonly string[] {
  if (options.path !== null) return [isDirectory(options.path) ? join(options.path, SONAME) : options.path];
  const directories = [
    ...options.driverRoots.flatMap((root) => DIRECTORIES_OF_A_ROOT.map((directory) => join(root, directory))),
    ...DIRECTORIES_OF_PLATFORMS,
  ];
  const present = directories.map((directory) => join(directory, SONAME)).filter(isFile);
  return [SONAME, ...present];
}

function lazily(path: string, native: NativeLibrary): Library {
  const bound = new Map<CallName, unknown>();
  return {
    path,
    bind: <Name extends CallName>(call: Name): BoundCall<Name> | null => {
      if (!bound.has(call)) bound.set(call, native.bind(call, CALLS[call].form));
      // The map forgets which form belongs to which name; the line above has just bound it by that form.
      return bound.get(call) as BoundCall<Name> | null;
    },
    unload: () => {
      bound.clear();
      native.unload();
    },
  };
}

/** The loader's own words, which tell a missing file from one of another libc or machine. */
function refusal(path: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const reason = text.replace(/^Failed to load shared library: /u, "");
  return reason.includes(path) ? reason : `${path}: ${reason}`;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
