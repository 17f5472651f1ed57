// Whether a native file is for the machine and the C library of an image, by its ELF header and the library that it asks
// for. NVIDIA's driver is linked to glibc, so that nothing for musl may come in.

/** By Node's names: what the ELF header calls the machine, and the container world. */
export const ARCHITECTURES = {
  x64: { machine: 62, container: "amd64" },
  arm64: { machine: 183, container: "arm64" },
} as const;
export type Architecture = keyof typeof ARCHITECTURES;

const ELF = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** What is wrong with the file, as the end of a sentence about it; null when it fits. */
export function nativeProblem(file: Buffer, arch: Architecture): string | null {
  if (!file.subarray(0, 4).equals(ELF) || file.length < 20) return "is no native file";
  const machine = file.readUInt16LE(18);
  if (machine !== ARCHITECTURES[arch].machine)
    return `is for another machine: ELF says ${machine}, ${arch} is ${ARCHITECTURES[arch].machine}`;
  return file.includes("libc.so.6\0") ? null : "is not linked to glibc";
}
