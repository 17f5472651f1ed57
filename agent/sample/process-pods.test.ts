import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createProcessPods, podOfCgroup } from "./process-pods.ts";

const UID = "0f4c2c0e-96b5-4b39-8f10-3a1d7e9f3a55";
const SLICE_UID = UID.replaceAll("-", "_");
const ID = "c0ffee".padEnd(64, "7");
const FOUND = { podUid: UID, containerId: ID };
const BURSTABLE = `kubepods-burstable.slice/kubepods-burstable-pod${SLICE_UID}.slice`;

describe("podOfCgroup()", () => {
  test.each([
    ["systemd, burstable", `0::/kubepods.slice/${BURSTABLE}/cri-containerd-${ID}.scope\n`],
    ["systemd, guaranteed", `0::/kubepods.slice/kubepods-pod${SLICE_UID}.slice/crio-${ID}.scope`],
    ["from a namespace of our own", `0::/../../kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`],
    [
      "a kubelet in a container",
      `0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${SLICE_UID}.slice/cri-containerd-${ID}.scope`,
    ],
    ["with groups of its own below", `0::/kubepods.slice/${BURSTABLE}/cri-containerd-${ID}.scope/init.scope`],
    ["cgroupfs", `0::/kubepods/burstable/pod${UID}/${ID}`],
    ["cgroupfs, guaranteed", `0::/kubepods/pod${UID}/${ID}`],
    ["docker", `0::/kubepods.slice/${BURSTABLE}/docker-${ID}.scope`],
    ["containerd's own driver", `0::/system.slice/containerd.service/${BURSTABLE}:cri-containerd:${ID}`],
    [
      "version 1",
      `12:pids:/kubepods/besteffort/pod${UID}/${ID}\n11:memory:/kubepods/besteffort/pod${UID}/${ID}\n`,
    ],
    ["version 1 with the init group first", `13:misc:/\n12:cpu,cpuacct:/kubepods/pod${UID}/${ID}\n0::/\n`],
  ])("reads %s", (_, text) => {
    expect(podOfCgroup(text)).toEqual(FOUND);
  });

  test("reads the uid of a static pod, which is a hash", () => {
    const hash = "5d41402abc4b2a76b9719d911017c592";
    expect(podOfCgroup(`0::/kubepods/burstable/pod${hash}/${ID}`)).toEqual({ podUid: hash, containerId: ID });
  });

  test.each([
    ["our own group", "0::/\n"],
    ["a service of the host", "0::/system.slice/nvidia-dcgm.service\n"],
    ["a container beside ours in our own pod", `0::/../cri-containerd-${ID}.scope`],
    ["a container of no pod", `0::/system.slice/docker-${ID}.scope`],
    ["a pod's group without a container", `0::/kubepods.slice/${BURSTABLE}`],
    ["another name with pod in it", `0::/system.slice/tripod${UID}/${ID}`],
    ["an id that is too short", `0::/kubepods/pod${UID}/c0ffee`],
    ["nothing", ""],
  ])("finds no pod in %s", (_, text) => {
    expect(podOfCgroup(text)).toBeNull();
  });

  test("takes any text, soon", () => {
    const piece = fc.constantFrom(
      "0::",
      "/",
      "pod",
      UID,
      SLICE_UID,
      ID,
      "-",
      "_",
      ".slice",
      ".scope",
      ":",
      "\n",
      "a",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 60 }).map((parts) => parts.join("")),
        ),
        (text) => {
          const found = podOfCgroup(text);
          if (found !== null) expect(text.replaceAll("_", "-")).toContain(found.podUid);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("createProcessPods()", () => {
  let proc = "";
  beforeEach(async () => {
    proc = await mkdtemp(join(tmpdir(), "gpu-autoscaler-proc-"));
    await mkdir(join(proc, "self/ns"), { recursive: true });
    await mkdir(join(proc, "4242"));
    await writeFile(join(proc, "4242/cgroup"), `0::/kubepods/pod${UID}/${ID}\n`);
  });
  afterEach(async () => {
    await rm(proc, { recursive: true });
  });

  test("finds the pod of a process where the PIDs are the host's", async () => {
    await symlink("pid:[4026531836]", join(proc, "self/ns/pid"));
    const processes = createProcessPods(proc);
    expect(await processes.podOf(4242)).toEqual(FOUND);
    expect(await processes.podOf(4243)).toBeNull();
    expect(await processes.podOf(-1)).toBeNull();
    expect(await processes.podOf(Number.NaN)).toBeNull();
  });

  test("finds nobody where they are not, although there is a process of that number", async () => {
    await symlink("pid:[4026532733]", join(proc, "self/ns/pid"));
    expect(await createProcessPods(proc).podOf(4242)).toBeNull();
  });

  test("finds nobody where it cannot be told", async () => {
    expect(await createProcessPods(proc).podOf(4242)).toBeNull();
  });
});
