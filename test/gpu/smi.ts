// What nvidia-smi says of one GPU, asked in the same second as our own readings: `nvidia-smi -q -x`, taken apart by
// the path of its tags. N/A, and words where a number was asked for, are null.

import { execFileSync } from "node:child_process";

import { AppError } from "../../shared/runtime/errors.ts";

export interface Smi {
  /** Text of the tag at this path below the GPU's, as `pci/replay_counter`; null for N/A or no such tag. */
  readonly text: (path: string) => string | null;
  /** Its leading number without the unit. */
  readonly number: (path: string) => number | null;
  readonly driver: string;
}

export function askSmi(index = 0): Smi {
  return parseSmi(execFileSync("nvidia-smi", ["-q", "-x", "-i", String(index)], { encoding: "utf8" }));
}

/** @throws AppError malformed when the text holds no GPU. */
export function parseSmi(xml: string): Smi {
  const texts = new Map<string, string>();
  const open: string[] = [];
  for (const [, closing, name, attributes, text] of xml.matchAll(
    /<(\/?)([a-zA-Z_0-9]+)((?:\s[^>]*)?)>([^<]*)/g,
  )) {
    if (name === undefined) continue;
    if (closing === "/") {
      if (open.at(-1) === name) open.pop();
      continue;
    }
    if (attributes?.endsWith("/") === true) continue;
    open.push(name);
    const value = (text ?? "").trim();
    const path = open.join("/").replace(/^nvidia_smi_log\/(gpu\/)?/, "");
    // Lists repeat their tags: the first entry stands for them.
    if (value !== "" && !texts.has(path)) texts.set(path, value);
  }
  if (!texts.has("uuid")) throw new AppError("malformed", "nvidia-smi -q -x shows no GPU");
  const text = (path: string): string | null => {
    const found = texts.get(path);
    return found === undefined || found === "N/A" ? null : found;
  };
  return {
    text,
    number: (path) => {
      const found = /^-?\d+(\.\d+)?/.exec(text(path)?.replace(/^P(?=\d)/, "") ?? "");
      return found === null ? null : Number(found[0]);
    },
    driver: texts.get("driver_version") ?? "unknown",
  };
}
