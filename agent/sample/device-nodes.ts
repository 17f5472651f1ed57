// The device files by which a container reaches its GPUs, and whether it may use them. It asks with access(2) and
// opens nothing: the kernel asks the device cgroup for it as well, and opening would wake a GPU that sleeps. What a
// refusal means is decided elsewhere.

import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";

import type { DeviceNodesState } from "../assess/exit.ts";

export interface DeviceNode {
  /** /dev/nvidia0 */
  readonly path: string;
  /** Null: may be read and written. Else the system's word: EPERM is the device cgroup, EACCES the file's mode. */
  readonly refusal: string | null;
}

/** GPUs and the control device, not NVIDIA's tools beside them; /dev/dxg is what WSL has instead. */
const NEEDED = /^(nvidia\d+|nvidiactl|dxg)$/;

/** Sorted by name; empty when there are none. `root` is "/" but in tests. */
export async function readDeviceNodes(root = "/"): Promise<readonly DeviceNode[]> {
  const names = await readdir(join(root, "dev")).catch(() => []);
  const nodes = names
    .filter((name) => NEEDED.test(name))
    .map(async (name) => {
      const path = join(root, "dev", name);
      const refusal = await access(path, constants.R_OK | constants.W_OK).then(
        () => null,
        (error: unknown) => codeOf(error),
      );
      return { path, refusal };
    });
  return (await Promise.all(nodes)).toSorted((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
}

export function deviceNodesState(nodes: readonly DeviceNode[]): DeviceNodesState {
  if (nodes.length === 0) return "gone";
  return nodes.some(({ refusal }) => refusal !== null) ? "refused" : "usable";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
