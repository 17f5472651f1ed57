import { describe, expect, test } from "vitest";

import { busIdOf, readKernelLine, readKmsgRecord } from "./grammar.ts";

const SYSLOG = "Nov 26 12:00:00 gpu-1 kernel: [  123.456789] ";
const ISO = "2026-11-26T12:00:00.250000+01:00 gpu-1 kernel: ";

describe("readKernelLine()", () => {
  test.each([
    [
      "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
      { what: { kind: "xid", xid: 79 }, busId: "0000:3b:00.0", gpuInstance: null },
    ],
    [
      "NVRM: Xid (PCI:0000:CB:00.0): 13, Graphics SM Warp Exception on (GPC 7, TPC 7, SM 0)",
      { what: { kind: "xid", xid: 13 }, busId: "0000:cb:00.0", gpuInstance: null },
    ],
    [
      "NVRM: Xid (PCI:0000:41:00 GPU-I:03): 94, pid=7, name=python3, Contained",
      { what: { kind: "xid", xid: 94 }, busId: "0000:41:00.0", gpuInstance: 3 },
    ],
    ["NVRM: Xid (0000:03:00): 31, Ch 00000008", { what: { kind: "xid", xid: 31 }, busId: "0000:03:00.0" }],
    [
      "NVRM: GPU 0000:3b:00.0: GPU has fallen off the bus.",
      { what: { kind: "lost" }, busId: "0000:3b:00.0" },
    ],
    ["NVRM: GPU at 0000:3b:00.0 has fallen off the bus.", { what: { kind: "lost" }, busId: "0000:3b:00.0" }],
    ["NVRM: GPU 0000:3b:00.0 is lost", { what: { kind: "lost" }, busId: "0000:3b:00.0" }],
    [
      "nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 28006, Non-fatal, Link 46 MC TS crumbstore MCTO (First)",
      { what: { kind: "sxid", sxid: 28_006, fatal: false }, busId: null },
    ],
    [
      "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
      { what: { kind: "sxid", sxid: 20_034, fatal: true }, busId: null },
    ],
    [
      "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build",
      { what: { kind: "reset" }, busId: null },
    ],
  ])("reads %s", (words, event) => {
    expect(readKernelLine(words)).toMatchObject({ kind: "event", ...event, at: null, text: words });
    expect(readKernelLine(`[  123.456789] ${words}`)).toMatchObject(event);
    expect(readKernelLine(SYSLOG + words)).toMatchObject({ ...event, at: null, text: words });
    expect(readKernelLine(ISO + words)).toMatchObject({
      ...event,
      at: Date.UTC(2026, 10, 26, 11, 0, 0, 250),
    });
  });

  test.each([
    "",
    "<4>",
    "[    1.000000] ",
    "kernel: ",
    "gpu-1 kernel: ",
    "Nov  6 12:00:00 gpu-1 kernel: ",
    "Nov 26 12:00:00.123456 gpu-1.example.org kernel: [   12.345678] ",
    "2026-11-26T12:00:00Z gpu-1 kernel: ",
    "2026-11-26 12:00:00.123456+01:00 gpu-1 kernel: [12345.345678] ",
  ])("takes %j for the kernel's own prefix", (prefix) => {
    const line = `${prefix}NVRM: Xid (PCI:0000:3b:00): 79, x`;
    expect(readKernelLine(line)).toMatchObject({ what: { kind: "xid", xid: 79 } });
  });

  test("reads the name of a GPU", () => {
    const gpu = "GPU-8f2f3b1e-6c1d-4d0e-9f4b-2f1f6f0a9d11";
    expect(readKernelLine(`${SYSLOG}NVRM: GPU at PCI:0000:3b:00: ${gpu}`)).toEqual({
      kind: "name",
      busId: "0000:3b:00.0",
      gpu,
    });
  });

  test.each([
    "",
    "NVRM: ",
    "NVRM: Xid",
    "NVRM: Xid (PCI:0000:3b:00): none, what",
    "NVRM: GPU Board Serial Number: 1654321000001",
    "NVRM: No NVIDIA GPU found.",
    "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x26:0xffff:1290)",
    "nvidia-nvswitch0: using MSI",
    "usb 1-1: new device",
    `${SYSLOG}usb 1-1: Product: NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.`,
    "Nov 26 12:00:00 gpu-1 app[7]: NVRM: Xid (PCI:0000:3b:00): 79, GPU has fallen off the bus.",
    'Nov 26 12:00:00 gpu-1 containerd[7]: error="exec: kernel: NVRM: Xid (PCI:0000:3b:00): 79, x"',
    "Nov 26 12:00:00 gpu-1 app: kernel: NVRM: Xid (PCI:0000:3b:00): 79, x",
    "2026-11-26T12:00:00Z gpu-1 app[7]: at kernel: NVRM: Xid (PCI:0000:3b:00): 79, x",
    `${SYSLOG}${"x".repeat(200)}NVRM: Xid (PCI:0000:3b:00): 79, x`,
  ])("finds nothing in %j", (line) => {
    expect(readKernelLine(line)).toBeNull();
  });

  test("cuts what it quotes", () => {
    const line = readKernelLine(`NVRM: Xid (PCI:0000:3b:00): 13, ${"x".repeat(1_000)}`);
    expect(line).toMatchObject({ kind: "event" });
    if (line?.kind === "event") expect(line.text).toHaveLength(300);
  });
});

test.each([
  ["0000:3B:00", "0000:3b:00.0"],
  ["00000000:3B:00.0", "0000:3b:00.0"],
  ["00010000:3b:00.1", "10000:3b:00.1"],
  ["10000:3b:00", "10000:3b:00.0"],
  ["00000000:00:00", "0000:00:00.0"],
])("busIdOf(%s) is %s", (address, busId) => {
  expect(busIdOf(address)).toBe(busId);
});

describe("readKmsgRecord()", () => {
  test("reads the head, the text, and not the lines below it", () => {
    expect(
      readKmsgRecord("4,1234,5678901,-,caller=T1;NVRM: text; more\n SUBSYSTEM=pci\n DEVICE=+pci:1\n"),
    ).toEqual({
      seq: 1_234,
      atUs: 5_678_901,
      text: "NVRM: text; more",
    });
  });

  test.each([
    ["a program's own words", "12,1234,5678901,-;NVRM: Xid (PCI:0000:3b:00): 79, x\n"],
    ["no head", "NVRM: text"],
    ["a head that is no numbers", "a,b,c,-;text\n"],
    ["a short head", "4,7;text\n"],
    ["nothing", ""],
  ])("has nothing from %s", (_, record) => {
    expect(readKmsgRecord(record)).toBeNull();
  });
});
