// The chart on a cluster, installed by helm, with our programs in the place of its pods (kubelets.ts). What machines there are
// is the test's.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { CHART, helm, RELEASE } from "./helm.ts";
import type { Values } from "./helm.ts";
import { startKubelets } from "./kubelets.ts";
import type { Kubelets, KubeletsOptions } from "./kubelets.ts";

export type { Running } from "./kubelets.ts";

export interface ReleaseOptions extends KubeletsOptions {
  readonly values: Values;
}

export interface Release extends Kubelets {
  upgrade(values: Values): Promise<void>;
}

export async function installRelease({ values, ...options }: ReleaseOptions): Promise<Release> {
  const { cluster, nats } = options;
  const helmWith = async (word: "install" | "upgrade", given: Values): Promise<void> => {
    const file = join(cluster.folder, "values.json");
    await writeFile(file, JSON.stringify({ nats: { external: { servers: [nats] } } }));
    await helm(
      [
        word,
        RELEASE.name,
        CHART,
        "--namespace",
        SERVICE_ACCOUNT.namespace,
        "--create-namespace",
        "--values",
        file,
      ],
      { kubeconfig: cluster.kubeconfig, values: given },
    );
  };
  await helmWith("install", values);
  const kubelets = startKubelets(options);
  return {
    ...kubelets,
    get running() {
      return kubelets.running;
    },
    upgrade: async (given) => await helmWith("upgrade", given),
  };
}
