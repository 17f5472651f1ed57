// Whether a real control plane can be had on this machine, asked once before the tests that need one. Where it cannot,
// they are skipped by name, and one line says what to install. What is broken rather than missing still fails.

import { AppError, describe } from "../../shared/runtime/errors.ts";
import { obtain } from "../tools/obtain.ts";
import { clusterApiDefinitions, karpenterDefinitions } from "./definitions.ts";
import { whyNoHelm } from "./helm.ts";

/** Null when etcd, the API server and the definitions of other projects' objects are at hand; else why not. */
export async function whyNoControlPlane(
  onProgress: (sentence: string) => void = () => {},
): Promise<string | null> {
  try {
    // One after the other: a build takes all the cores there are.
    await obtain("etcd", { onProgress });
    await obtain("kube-apiserver", { onProgress });
    await clusterApiDefinitions();
    await karpenterDefinitions();
    return null;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    return describe(error);
  }
}

/** What cluster.ts starts beside the control plane. */
export const CLUSTER_PROGRAMS = ["kube-controller-manager", "kube-scheduler", "kwok"] as const;

/** Null when those are at hand as well; else why not. */
export async function whyNoCluster(
  onProgress: (sentence: string) => void = () => {},
): Promise<string | null> {
  const why = await whyNoControlPlane(onProgress);
  if (why !== null) return why;
  try {
    for (const name of CLUSTER_PROGRAMS) await obtain(name, { onProgress });
    return null;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    return describe(error);
  }
}

/** Null when kubectl is at hand or was built; else why not. */
export async function whyNoKubectl(
  onProgress: (sentence: string) => void = () => {},
): Promise<string | null> {
  try {
    await obtain("kubectl", { onProgress });
    return null;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    return describe(error);
  }
}

/** The runner calls it before the first test: two files at once would both build what is missing. */
export async function setup(): Promise<void> {
  const onProgress = (sentence: string): void => console.error(sentence);
  const why = await whyNoControlPlane(onProgress);
  if (why !== null) console.error(`tests of the real control plane are skipped: ${why}`);
  const whyNone = why ?? (await whyNoCluster(onProgress));
  if (whyNone !== why) console.error(`tests of a whole cluster are skipped: ${whyNone}`);
  const whyNot = (await whyNoHelm(onProgress)) ?? (await whyNoKubectl(onProgress));
  if (whyNot !== null) console.error(`tests of the chart or of documents are skipped: ${whyNot}`);
}
