// The keys of Google's metadata server: each change of one gives it another ETag and wakes whoever waits for it. Without
// HTTP; what a request may ask is in gcp.ts.

export interface Reading {
  readonly value: string;
  readonly etag: string;
}

export interface Values {
  /** Null takes the key away. */
  set(path: string, value: string | null): void;
  /** Null where there is no such key. */
  read(path: string): Reading | null;
  /** Resolves at the next change of this key, or when the signal ends the wait. */
  changed(path: string, signal: AbortSignal): Promise<void>;
}

export interface GcpIdentity {
  /** Larger than a double holds. */
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly projectNumber: string;
  readonly zone: string;
  readonly machineType: string;
  readonly spot: boolean;
  /** On GKE the cluster's name stands among the attributes; null: no GKE. */
  readonly cluster: string | null;
}

export const GCP_IDENTITY: GcpIdentity = {
  id: "9183746501928374650",
  name: "gke-train-spot-a-1f2e3d4c-x7kq",
  project: "train-prod",
  projectNumber: "123456789012",
  zone: "us-central1-b",
  machineType: "a2-highgpu-8g",
  spot: true,
  cluster: null,
};

export function createValues(initial: Readonly<Record<string, string | null>>): Values {
  const entries = new Map<string, Reading>();
  const waiting = new Set<{ readonly path: string; readonly wake: () => void }>();
  let changes = 0;

  const set = (path: string, value: string | null): void => {
    if ((entries.get(path)?.value ?? null) === value) return;
    changes++;
    if (value === null) entries.delete(path);
    else entries.set(path, { value, etag: etagOf(changes) });
    for (const one of waiting) if (one.path === path) one.wake();
  };
  for (const [path, value] of Object.entries(initial)) set(path, value);

  return {
    set,
    read: (path) => entries.get(path) ?? null,
    changed: async (path, signal) => {
      if (signal.aborted) return;
      await new Promise<void>((resolve) => {
        const one = {
          path,
          wake: (): void => {
            waiting.delete(one);
            signal.removeEventListener("abort", one.wake);
            resolve();
          },
        };
        waiting.add(one);
        signal.addEventListener("abort", one.wake, { once: true });
      });
    },
  };
}

/** What the server shows of an identity. A key that some machines lack is null. */
export function identityValues(identity: GcpIdentity): Readonly<Record<string, string | null>> {
  const { id, name, project, projectNumber, zone, machineType, spot, cluster } = identity;
  return {
    "instance/id": id,
    "instance/name": name,
    "instance/hostname": `${name}.${zone}.c.${project}.internal`,
    "instance/zone": `projects/${projectNumber}/zones/${zone}`,
    "instance/machine-type": `projects/${projectNumber}/machineTypes/${machineType}`,
    "instance/scheduling/preemptible": spot ? "TRUE" : "FALSE",
    "instance/scheduling/automatic-restart": spot ? "FALSE" : "TRUE",
    "instance/scheduling/on-host-maintenance": "TERMINATE",
    "instance/attributes/cluster-name": cluster,
    "project/project-id": project,
    "project/numeric-project-id": projectNumber,
  };
}

/** Sixteen hexadecimal digits that never come twice and say nothing of the value. */
function etagOf(change: number): string {
  return BigInt.asUintN(64, 0x9e37_79b9_7f4a_7c15n * BigInt(change))
    .toString(16)
    .padStart(16, "0");
}
