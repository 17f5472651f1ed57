// Finds and loads libnvidia-ml.so.1 and binds its functions when they are first asked for. A missing library
// is a result with the reasons, not an exception; a missing function is null, which callers report as the
// driver's own code 13. The name without ".1" is never tried: it is a development link or a toolkit's stub.

import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";

import { CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import { loadNative } from "./native.ts";
import type { Bound, NativeLibrary } from "./native.ts";
import { candidates, statusOf } from "./places.ts";
import type { LibraryOptions } from "./places.ts";

export type { LibraryOptions } from "./places.ts";

type BoundCall<Name extends CallName> = Bound[(typeof CALLS)[Name]["form"]];

export interface Library {
  /** Its file; the plain name when it is not known which one the dynamic loader took. */
  readonly path: string;
  /** Null when this driver does not export the call. Looked up once. */
  readonly bind: <Name extends CallName>(call: Name) => BoundCall<Name> | null;
  /** Whether its file is still the one that was loaded; false when that cannot be told. */
  readonly isCurrent: () => boolean;
  readonly unload: () => void;
}

export type Located =
  | { readonly kind: "loaded"; readonly library: Library }
  | { readonly kind: "missing"; readonly detail: string };

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

function lazily(path: string, native: NativeLibrary): Library {
  const bound = new Map<CallName, unknown>();
  const file = isAbsolute(path) ? path : mappedFile(path);
  const loaded = versionOf(file);
  return {
    path: file ?? path,
    bind: <Name extends CallName>(call: Name): BoundCall<Name> | null => {
      if (!bound.has(call)) bound.set(call, native.bind(call, CALLS[call].form));
      // The map forgets which form belongs to which name; the line above has just bound it by that form.
      return bound.get(call) as BoundCall<Name> | null;
    },
    isCurrent: () => loaded !== null && loaded === versionOf(file),
    unload: () => {
      bound.clear();
      native.unload();
    },
  };
}

/** Tells one version of the library's file from another; null when the file is not known. */
function versionOf(file: string | null): string | null {
  const found = file === null ? null : statusOf(file);
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs}`;
}

/** The file that the dynamic loader took for a plain name, just after it was loaded. */
function mappedFile(soname: string): string | null {
  const stem = soname.replace(/\.\d+$/u, "");
  try {
    const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
    const paths = lines.map((line) => line.slice(line.indexOf("/")));
    return paths.find((path) => path.slice(path.lastIndexOf("/") + 1).startsWith(stem)) ?? null;
  } catch {
    return null;
  }
}

/** The loader's own words, which tell a missing file from one of another libc or machine. */
function refusal(path: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const reason = text.replace(/^Failed to load shared library: /u, "");
  return reason.includes(path) ? reason : `${path}: ${reason}`;
}
