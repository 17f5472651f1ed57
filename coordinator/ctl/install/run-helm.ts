// Runs the helm that is in PATH, to its end. What it writes is kept and given back; it never asks anything.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";

import { AppError } from "../../../shared/runtime/errors.ts";
import { readEnvironment } from "../../../shared/runtime/settings.ts";
import type { RunHelm } from "./helm.ts";

/** @param program a name that is looked for in PATH, or a path. */
export function createRunHelm(program: string): RunHelm {
  return async (args, { signal } = {}) => {
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: readEnvironment(),
      // An interrupted helm ends what it has begun, or says that it did not.
      ...(signal === undefined ? {} : { signal, killSignal: "SIGINT" }),
    });
    const ended = Promise.withResolvers<number>();
    child.once("error", (error) => {
      // It was told to end, and its end is waited for.
      if (error.name === "AbortError") return;
      const isMissing = "code" in error && error.code === "ENOENT";
      const kind = isMissing ? "not-found" : "unavailable";
      ended.reject(new AppError(kind, `${program} cannot be run`, { cause: error }));
    });
    child.once("close", (code) => ended.resolve(code ?? 1));
    const [code, out, err] = await Promise.all([ended.promise, text(child.stdout), text(child.stderr)]);
    return { code, out, err };
  };
}
