import { readFile } from "node:fs/promises";

import { expect, test } from "vitest";

import { nativeProblem } from "./native.ts";

const folder = new URL("../../node_modules/@koromix/koffi-linux-x64/", import.meta.url);

/** Enough of an ELF file, for the machine with that number. */
function elf(machine: number, library: string): Buffer {
  const file = Buffer.alloc(64);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(machine, 18);
  return Buffer.concat([file, Buffer.from(`\0${library}\0`)]);
}

test.each([
  ["x64", elf(62, "libc.so.6"), null],
  ["arm64", elf(183, "libc.so.6"), null],
  ["arm64", elf(62, "libc.so.6"), "is for another machine: ELF says 62, arm64 is 183"],
  ["x64", elf(62, "libc.musl-x86_64.so.1"), "is not linked to glibc"],
  ["x64", Buffer.from("#!/bin/sh\n"), "is no native file"],
] as const)("a file for %s (%#)", (arch, file, problem) => {
  expect(nativeProblem(file, arch)).toBe(problem);
});

test.runIf(process.arch === "x64")(
  "koffi's own files: the one for glibc fits and the one for musl does not",
  async () => {
    const read = async (file: string): Promise<Buffer> => await readFile(new URL(file, folder));
    expect(nativeProblem(await read("linux_x64/koffi.node"), "x64")).toBeNull();
    expect(nativeProblem(await read("musl_x64/koffi.node"), "x64")).toBe("is not linked to glibc");
  },
);
