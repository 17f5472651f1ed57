// A machine in a folder: what is read from its files, and that a machine that has none of them is no error.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { ALL_CAPABILITIES, capabilitiesOf, readMachine } from "./machine.ts";

function aMachine(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "machine-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const STATUS = `Name:\tnode
Uid:\t1000\t65534\t65534\t65534
Gid:\t0\t65534\t0\t0
NoNewPrivs:\t1
Seccomp:\t2
CapInh:\t0000000000000000
CapEff:\t0000000400200000
`;

describe("readMachine()", () => {
  test("reads what the files say", async () => {
    const root = aMachine({
      "proc/sys/kernel/osrelease": "6.8.0-1015-aws\n",
      "proc/self/status": STATUS,
      "proc/self/cgroup": "0::/kubepods.slice/kubepods-besteffort.slice/pod1",
      "proc/driver/nvidia/version":
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (builder)\nGCC version: 15.3.0\n",
      ".dockerenv": "",
      "dev/nvidia0": "",
      "dev/nvidiactl": "",
      "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
      "sys/class/dmi/id/product_name": "p5.48xlarge\n",
      "sys/bus/pci/devices/0000:3b:00.0/vendor": "0x10de\n",
      "sys/bus/pci/devices/0000:3b:00.0/class": "0x030200\n",
      // A bridge of the same maker, and a network card.
      "sys/bus/pci/devices/0000:3c:00.0/vendor": "0x10de\n",
      "sys/bus/pci/devices/0000:3c:00.0/class": "0x068000\n",
      "sys/bus/pci/devices/0000:3d:00.0/vendor": "0x15b3\n",
      "sys/bus/pci/devices/0000:3d:00.0/class": "0x020000\n",
    });
    const machine = await readMachine(root);
    expect(machine).toMatchObject({
      kernel: "6.8.0-1015-aws",
      uid: 65_534,
      gid: 65_534,
      capabilities: ["sys_admin", "syslog"],
      noNewPrivileges: true,
      seccomp: "filter",
      container: ["/.dockerenv", "cgroup of kubepods"],
      kernelModule: "580.159.04",
      pciGpus: 1,
      vendor: "Amazon EC2",
      product: "p5.48xlarge",
    });
    expect(machine.devices.map(({ path }) => path.slice(root.length))).toEqual([
      "/dev/nvidia0",
      "/dev/nvidiactl",
    ]);
  });

  test("knows nothing of a machine without files, and says so", async () => {
    expect(await readMachine(aMachine({}))).toMatchObject({
      kernel: null,
      uid: null,
      gid: null,
      capabilities: null,
      noNewPrivileges: null,
      seccomp: null,
      container: [],
      devices: [],
      kernelModule: null,
      pciGpus: null,
      vendor: null,
      product: null,
    });
  });
});

describe("capabilitiesOf()", () => {
  test.each([
    ["0000000000000000", []],
    ["0000000000000001", ["chown"]],
    ["0000010000000000", ["checkpoint_restore"]],
    ["0000020000000000", ["capability 41"]],
    ["", null],
    ["many", null],
    [null, null],
  ])("%j: %j", (hex, expected) => {
    expect(capabilitiesOf(hex)).toEqual(expected);
  });

  test("knows all 41", () => {
    expect(capabilitiesOf("000001ffffffffff")).toHaveLength(ALL_CAPABILITIES);
    expect(ALL_CAPABILITIES).toBe(41);
  });
});
