// Reads the files of a replay as text, gzip ones too, whole. What is in them is the readers' business.

import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

import { AppError, describe } from "../../../shared/runtime/errors.ts";

/** @throws AppError bad-input when the file cannot be read. */
export async function readInputFile(file: string): Promise<string> {
  try {
    const content = await readFile(file);
    return (file.endsWith(".gz") ? await promisify(gunzip)(content) : content).toString("utf8");
  } catch (cause) {
    throw new AppError("bad-input", `cannot read ${file}: ${describe(cause)}; name a file that is there`, {
      cause,
    });
  }
}
