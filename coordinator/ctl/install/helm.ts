// Helm as it is installed beside gpuasctl: what a chart with these values renders, its definitions, and the installation
// itself. What it says is passed on; nothing of Helm's own state is read here.

import { parseAllDocuments } from "yaml";

import type { KubeObject } from "../../../shared/model/kube.ts";
import { AppError } from "../../../shared/runtime/errors.ts";

export interface HelmOptions {
  /** Ends with its exit code. @throws AppError `not-found` where there is no such program. */
  readonly run: RunHelm;
  readonly chart: string;
  readonly release: string;
  readonly namespace: string;
  /** Files and single values, as helm takes them. */
  readonly values: readonly string[];
  readonly sets: readonly string[];
  readonly kubeconfig: string;
  readonly context: string | undefined;
}

export type RunHelm = (
  args: readonly string[],
  options?: { readonly signal?: AbortSignal },
) => Promise<{ readonly code: number; readonly out: string; readonly err: string }>;

/** An object as the chart renders it; its kind knows what else is in it. */
export interface Rendered extends KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
}

export interface Helm {
  /** As it says it: `v3.18.4+g…`. */
  version(): Promise<string>;
  /** @throws AppError `bad-input` with what helm says of values that it refuses. */
  rendered(): Promise<string>;
  /** Definitions, which helm installs once and never changes. */
  definitions(): Promise<string>;
  /** With what is waited for until all is ready; null: not at all. */
  upgradeArgs(timeout: string | null): readonly string[];
  /** What it has said. @throws AppError `refused` when it failed. */
  upgrade(timeout: string | null, signal: AbortSignal): Promise<string>;
}

export const GET_HELM =
  "install Helm 3.18 or newer (https://helm.sh/docs/intro/install) and have it in PATH; where that cannot be, render on a machine that has it (gpuasctl install --render) and kubectl apply --server-side what it wrote";

export function createHelm(options: HelmOptions): Helm {
  const { run, chart, release, namespace, values, sets, kubeconfig, context } = options;
  const given = [...values.flatMap((file) => ["--values", file]), ...sets.flatMap((pair) => ["--set", pair])];

  async function said(
    args: readonly string[],
    kind: "bad-input" | "refused",
    signal?: AbortSignal,
  ): Promise<string> {
    const { code, out, err } = await run(args, signal === undefined ? {} : { signal });
    if (code === 0) return out;
    const [word = ""] = args;
    throw new AppError(kind, `helm ${word} ended with ${code}: ${wordsOf(err === "" ? out : err)}`);
  }

  const upgradeArgs = (timeout: string | null): readonly string[] => [
    "upgrade",
    release,
    chart,
    "--install",
    "--namespace",
    namespace,
    ...given,
    "--kubeconfig",
    kubeconfig,
    ...(context === undefined ? [] : ["--kube-context", context]),
    ...(timeout === null ? [] : ["--wait", "--timeout", timeout]),
  ];

  return {
    version: async () => (await said(["version", "--template", "{{.Version}}"], "refused")).trim(),
    rendered: async () =>
      await said(["template", release, chart, "--namespace", namespace, ...given], "bad-input"),
    definitions: async () => await said(["show", "crds", chart], "bad-input"),
    upgradeArgs,
    upgrade: async (timeout, signal) => await said(upgradeArgs(timeout), "refused", signal),
  };
}

/** @throws AppError `malformed` that says where a document is no object of Kubernetes. */
export function objectsIn(manifests: string): readonly Rendered[] {
  return parseAllDocuments(manifests).flatMap((document): readonly Rendered[] => {
    if (!("toJS" in document)) return [];
    const [error] = document.errors;
    if (error !== undefined)
      throw new AppError("malformed", `what helm renders is no YAML: ${error.message}`);
    const value: unknown = document.toJS();
    if (value === null) return [];
    if (!isRendered(value))
      throw new AppError("malformed", "helm renders something that has no kind or no name");
    return [value];
  });
}

function isRendered(value: unknown): value is Rendered {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind, metadata } = value as Partial<Rendered>;
  return typeof apiVersion === "string" && typeof kind === "string" && typeof metadata?.name === "string";
}

/** What helm says, without its own prefix and blank lines. */
function wordsOf(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replace(/^Error: /, "").trim())
    .filter((line) => line !== "")
    .join("; ");
}
