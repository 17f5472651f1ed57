// Against a folder with files in the places of devices: which count, and what is said of one that may not be used.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { deviceNodesState, readDeviceNodes } from "./device-nodes.ts";

function aRoot(...names: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), "device-nodes-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "dev"));
  for (const name of names) writeFileSync(join(root, "dev", name), "");
  return root;
}

describe("readDeviceNodes()", () => {
  test("lists GPUs and the control device, not what lies beside them", async () => {
    const root = aRoot("nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia-caps", "null");
    const nodes = await readDeviceNodes(root);
    expect(nodes.map(({ path }) => path.slice(root.length))).toEqual([
      "/dev/nvidia2",
      "/dev/nvidia10",
      "/dev/nvidiactl",
    ]);
    expect(deviceNodesState(nodes)).toBe("usable");
  });

  test("says why one may not be used", async () => {
    const root = aRoot("nvidiactl", "nvidia1");
    // Root may read everything, so the refusal is one that holds for it too: the file is not there.
    symlinkSync(join(root, "nowhere"), join(root, "dev", "nvidia0"));
    chmodSync(join(root, "dev", "nvidia1"), 0o666);
    const nodes = await readDeviceNodes(root);
    expect(nodes.map(({ refusal }) => refusal)).toEqual(["ENOENT", null, null]);
    expect(deviceNodesState(nodes)).toBe("refused");
  });

  test("finds none where there are none", async () => {
    expect(deviceNodesState(await readDeviceNodes(aRoot("null")))).toBe("gone");
    expect(deviceNodesState(await readDeviceNodes(join(aRoot(), "nowhere")))).toBe("gone");
  });
});
