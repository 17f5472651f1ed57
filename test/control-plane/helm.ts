// Helm, run on the chart as it is in the repository: its objects with some values, what it says to wrong ones, and the
// program itself for whoever installs. Nothing is remembered between two calls.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { parseAllDocuments, stringify } from "yaml";

import { SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { obtain } from "../tools/obtain.ts";

const run = promisify(execFile);

export const CHART = new URL("../../deploy/chart", import.meta.url).pathname;
export const EXAMPLES = ["minimal", "ten-minutes", "eks", "gke", "aks", "cluster-api", "bare-metal"] as const;
export const RELEASE = { name: "gpu-autoscaler", namespace: SERVICE_ACCOUNT.namespace } as const;

/** Longer than any rendering, on two cores that others use too. */
const WITHIN_MS = 120_000;
const MAX_OUTPUT_BYTES = 64 * 2 ** 20;

/** An object as it is rendered; what is in it is for the test to know. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export type Values = Readonly<Record<string, unknown>>;

/** Null when helm is at hand or was built; else why not. */
export async function whyNoHelm(onProgress: (sentence: string) => void = () => {}): Promise<string | null> {
  try {
    await obtain("helm", { onProgress });
    return null;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== "not-found") throw error;
    return describe(error);
  }
}

/** Path of one of the value sets that are shipped. */
export function example(name: (typeof EXAMPLES)[number]): string {
  return join(CHART, "examples", `${name}.yaml`);
}

/** What helm writes on its output. @throws Error with what it said, when it ends with another code than 0. */
export async function helm(
  args: readonly string[],
  { values = {}, kubeconfig = "/dev/null" }: { readonly values?: Values; readonly kubeconfig?: string } = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "helm-"));
  try {
    // Helm reads YAML in which yes is true.
    const file = join(folder, "values.yaml");
    await writeFile(file, stringify(values, { aliasDuplicateObjects: false, version: "1.1" }));
    // A home of its own: no plugin, repository or setting of whoever runs the test.
    const environment = {
      ...readEnvironment(),
      HOME: folder,
      XDG_CONFIG_HOME: folder,
      XDG_CACHE_HOME: folder,
    };
    const more = Object.keys(values).length === 0 ? [] : ["--values", file];
    const { stdout } = await run(await obtain("helm"), [...args, ...more], {
      env: { ...environment, KUBECONFIG: kubeconfig },
      timeout: WITHIN_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    });
    return stdout;
  } catch (error) {
    const said = typeof error === "object" && error !== null && "stderr" in error ? String(error.stderr) : "";
    throw new Error(said === "" ? describe(error) : said, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The chart's objects with these files and values; the later ones count. */
export async function render(files: readonly string[], values: Values = {}): Promise<readonly Rendered[]> {
  const given = files.flatMap((file) => ["--values", file]);
  const args = ["template", RELEASE.name, CHART, "--namespace", RELEASE.namespace, ...given];
  return objectsOf(await helm(args, { values }));
}

/** What helm says to values that it refuses. @throws Error when it takes them. */
export async function refusal(values: Values): Promise<string> {
  try {
    await render([example("minimal")], values);
  } catch (error) {
    return describe(error);
  }
  throw new Error(`helm took ${JSON.stringify(values)}`);
}

export function objectsOf(text: string): readonly Rendered[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (!("toJS" in document)) return [];
    const [error] = document.errors;
    if (error !== undefined) throw error;
    // Whether it is an object of Kubernetes is for the tests to see.
    const object = document.toJS() as Rendered | null;
    return object === null ? [] : [object];
  });
}

/** The one object of that kind and name. @throws Error when there is none. */
export function one(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} objects ${kind} ${name}`);
  return object;
}
