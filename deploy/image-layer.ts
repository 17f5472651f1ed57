// `node deploy/image-layer.ts PROGRAM FOLDER [--arch amd64|arm64] [--epoch SECONDS]`: what the Dockerfiles call after the
// bundle to have the image's files laid out in a folder.

import { parseArgs } from "node:util";

import { AppError, describe } from "../shared/runtime/errors.ts";
import { assemble, PROGRAMS } from "./images/assemble.ts";
import type { ProgramName } from "./images/assemble.ts";
import { ARCHITECTURES } from "./images/native.ts";
import type { Architecture } from "./images/native.ts";

function isProgram(word: string): word is ProgramName {
  return Object.hasOwn(PROGRAMS, word);
}

function isArchitecture(word: string): word is Architecture {
  return Object.hasOwn(ARCHITECTURES, word);
}

if (import.meta.main) {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { arch: { type: "string" }, epoch: { type: "string", default: "0" } },
    });
    const [program = "", folder = ""] = positionals;
    if (!isProgram(program) || folder === "") {
      const known = Object.keys(PROGRAMS).join("|");
      throw new AppError("settings", `usage: image-layer.ts ${known} FOLDER [--arch ARCH] [--epoch SECONDS]`);
    }
    // The container's builder says amd64, Node says x64; a builder that says nothing builds for itself.
    const said = values.arch === undefined || values.arch === "" ? process.arch : values.arch;
    const arch = said === "amd64" ? "x64" : said;
    if (!isArchitecture(arch))
      throw new AppError("settings", `--arch must be amd64 or arm64, got ${JSON.stringify(said)}`);
    if (!/^\d{1,11}$/.test(values.epoch))
      throw new AppError("settings", `--epoch must be whole seconds, got ${JSON.stringify(values.epoch)}`);
    await assemble({ program, folder, arch, epoch: Number(values.epoch) });
  } catch (error) {
    console.error(describe(error));
    process.exit(1);
  }
}
