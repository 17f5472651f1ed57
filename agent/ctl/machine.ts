// What this process finds out about the machine it is on from files alone: kernel, user, capabilities, device files,
// the kernel module, the GPUs on the PCI bus, the maker's name. A file that is not there is a fact and no error.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { readDeviceNodes } from "../sample/device-nodes.ts";
import type { DeviceNode } from "../sample/device-nodes.ts";

export interface Machine {
  readonly kernel: string | null;
  readonly architecture: string;
  /** Effective, as in /proc. */
  readonly uid: number | null;
  readonly gid: number | null;
  /** Effective, in the kernel's order and without `CAP_`; null when it cannot be told. */
  readonly capabilities: readonly string[] | null;
  readonly noNewPrivileges: boolean | null;
  /** disabled, strict or filter. */
  readonly seccomp: string | null;
  /** What speaks for a container, in words; empty on a bare machine. */
  readonly container: readonly string[];
  readonly devices: readonly DeviceNode[];
  /** Of the loaded kernel module, which may be another one than the library's. */
  readonly kernelModule: string | null;
  /** GPUs on the PCI bus, whether a driver has them or not; null when sysfs is not there. */
  readonly pciGpus: number | null;
  /** By the firmware: `Amazon EC2`, `p5.48xlarge`. */
  readonly vendor: string | null;
  readonly product: string | null;
}

/** In the order of their bits. */
export const CAPABILITIES = (
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service " +
  "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin " +
  "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override " +
  "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split(" ");
const SECCOMP = ["disabled", "strict", "filter"];

const NVIDIA = "0x10de";
/** VGA and 3D controllers. */
const GPU_CLASS = /^0x030[02]/;

/** `root` is "/" but in tests. */
export async function readMachine(root = "/"): Promise<Machine> {
  const [kernel, status, cgroup, module, pciGpus, devices, vendor, product, container] = await Promise.all([
    textOf(root, "proc/sys/kernel/osrelease"),
    textOf(root, "proc/self/status"),
    textOf(root, "proc/self/cgroup"),
    textOf(root, "proc/driver/nvidia/version"),
    countGpus(root),
    readDeviceNodes(root),
    textOf(root, "sys/class/dmi/id/sys_vendor"),
    textOf(root, "sys/class/dmi/id/product_name"),
    containerFiles(root),
  ]);
  const field = (name: string): string | null =>
    new RegExp(`^${name}:\\s*(.+)$`, "m").exec(status ?? "")?.[1] ?? null;
  const seccomp = field("Seccomp");
  return {
    kernel,
    architecture: process.arch,
    uid: effectiveId(field("Uid")),
    gid: effectiveId(field("Gid")),
    capabilities: capabilitiesOf(field("CapEff")),
    noNewPrivileges: field("NoNewPrivs") === null ? null : field("NoNewPrivs") === "1",
    seccomp: seccomp === null ? null : (SECCOMP[Number(seccomp)] ?? seccomp),
    container: [...container, ...cgroupHints(cgroup)],
    devices,
    // NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build …
    kernelModule: /^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s/m.exec(module ?? "")?.[1] ?? null,
    pciGpus,
    vendor,
    product,
  };
}

/** `000001ffffffffff` → names; a bit that this table does not know is called by its number. */
export function capabilitiesOf(hex: string | null): readonly string[] | null {
  if (hex === null || !/^[\da-f]{1,16}$/i.test(hex)) return null;
  const mask = BigInt(`0x${hex}`);
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n)
    .map((bit) => CAPABILITIES[bit] ?? `capability ${bit}`);
}

export const ALL_CAPABILITIES = CAPABILITIES.length;

/** Real, effective, saved, file system. */
function effectiveId(ids: string | null): number | null {
  const id = ids?.split(/\s+/)[1];
  return id === undefined ? null : Number(id);
}

async function containerFiles(root: string): Promise<readonly string[]> {
  const marks = [".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io/serviceaccount/namespace"];
  const found = await Promise.all(
    marks.map(async (path) =>
      (await readFile(join(root, path), "utf8").catch(() => null)) === null ? [] : [`/${path}`],
    ),
  );
  return found.flat();
}

function cgroupHints(cgroup: string | null): readonly string[] {
  const found = /kubepods|docker|containerd|crio|libpod/.exec(cgroup ?? "")?.[0];
  return found === undefined ? [] : [`cgroup of ${found}`];
}

async function countGpus(root: string): Promise<number | null> {
  const folder = join(root, "sys/bus/pci/devices");
  const devices = await readdir(folder).catch(() => null);
  if (devices === null) return null;
  const gpus = await Promise.all(
    devices.map(async (device) => {
      const [vendor, kind] = await Promise.all([
        textOf(folder, device, "vendor"),
        textOf(folder, device, "class"),
      ]);
      return vendor === NVIDIA && GPU_CLASS.test(kind ?? "");
    }),
  );
  return gpus.filter(Boolean).length;
}

/** Null when there is no such file or nothing in it. */
async function textOf(...path: readonly string[]): Promise<string | null> {
  const text = await readFile(join(...path), "utf8").catch(() => "");
  return text.trim() === "" ? null : text.trim();
}
