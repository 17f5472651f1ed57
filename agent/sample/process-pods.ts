// From a process on a GPU to the pod and container that it runs in, by its control group. It needs the host's PID
// namespace: in a namespace of its own the agent would find nobody under the driver's PIDs, or somebody else, so there
// every answer is "not known". What the pod is called is in the pods' own store.

import { readFile, readlink } from "node:fs/promises";

export interface ProcessPod {
  /** As in metadata.uid; of a static pod the kubelet's own, which its mirror carries in kubernetes.io/config.hash. */
  readonly podUid: string;
  /** Without the runtime's name ahead of it. */
  readonly containerId: string;
}

export interface ProcessPods {
  /** Null: not in a pod, gone, or not to be seen from here. */
  podOf(pid: number): Promise<ProcessPod | null>;
}

/** The kernel gives the first PID namespace of a machine this number, and no other one ever. */
const HOST_PID_NAMESPACE = "pid:[4026531836]";

/** `proc` is where the process file system lies. */
export function createProcessPods(proc = "/proc"): ProcessPods {
  let isHost: Promise<boolean> | null = null;
  return {
    podOf: async (pid) => {
      isHost ??= readlink(`${proc}/self/ns/pid`).then(
        (name) => name === HOST_PID_NAMESPACE,
        () => false,
      );
      if (!(await isHost) || !Number.isSafeInteger(pid) || pid < 1) return null;
      // PIDs are given out again, so nothing is remembered; a read takes some microseconds.
      const text = await readFile(`${proc}/${pid}/cgroup`, "utf8").catch(() => "");
      return podOfCgroup(text);
    },
  };
}

/**
 * The pod in the text of /proc/PID/cgroup: one line in version 2, one for each controller in version 1, from either
 * driver (`/kubepods/burstable/podUID/ID`, `/kubepods.slice/…-podU_I_D.slice/cri-containerd-ID.scope`), seen from the
 * host or, as `/../…`, from a control group namespace of our own.
 */
export function podOfCgroup(text: string): ProcessPod | null {
  for (const line of text.split("\n")) {
    // Behind the second colon; a path may hold more of them.
    const path = /^\d+:[^:]*:(.*)$/.exec(line)?.[1] ?? "";
    const [, uid, rest] =
      /(?:^|[/-])pod([0-9a-f]{8}(?:[-_]?[0-9a-f]{4}){3}[-_]?[0-9a-f]{12})(?:\.slice)?[/:](.+)$/.exec(path) ??
      [];
    const containerId = rest === undefined ? undefined : CONTAINER_ID.exec(rest)?.[1];
    if (uid !== undefined && containerId !== undefined) {
      return { podUid: uid.replaceAll("_", "-"), containerId };
    }
  }
  return null;
}

/** Whatever the container has made below its own group (systemd inside, nested runtimes) comes after it. */
const CONTAINER_ID = /^(?:[a-z][a-z-]*[-:])?([0-9a-f]{64})(?:\.scope)?(?:\/|$)/;
