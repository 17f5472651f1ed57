// The bill of materials of one image, in CycloneDX: what `npm sbom` says of the lock file, cut down to the packages
// that are really in the image. A lock file also names what only builds and tests need, and what other machines
// would load. The same sources give the same bytes, so times and random numbers are taken out. It does not list
// the packages of the base image, which brings its own.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { z } from "zod";

import { AppError } from "../../shared/runtime/errors.ts";

const run = promisify(execFile);

const componentSchema = z.looseObject({
  "bom-ref": z.string(),
  name: z.string(),
  version: z.string(),
});
const bomSchema = z.looseObject({
  serialNumber: z.string().optional(),
  metadata: z.looseObject({ timestamp: z.string(), component: componentSchema }),
  components: z.array(componentSchema),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

export interface BomOptions {
  /** Of the image: it stands for the whole. */
  readonly name: string;
  /** Names of the packages that are in the image. */
  readonly packages: ReadonlySet<string>;
  /** Seconds since 1970; the only time that it names. */
  readonly epoch: number;
}

/** What `npm sbom` says of the lock file in a folder. Reads nothing else and asks nobody. */
export async function npmBom(folder: string): Promise<unknown> {
  // Without `--omit dev`: npm leaves out packages that something for building needs as well.
  const words = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const { stdout } = await run("npm", words, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

/**
 * The document, as text.
 * @throws AppError bad-input when a package of the image is not in the lock file.
 */
export function imageBom(said: unknown, { name, packages, epoch }: BomOptions): string {
  const { serialNumber: _random, metadata, components, dependencies, ...rest } = bomSchema.parse(said);
  const kept = components.filter((component) => packages.has(component.name));
  const missing = [...packages].filter((one) => !kept.some((component) => component.name === one));
  if (missing.length > 0) {
    throw new AppError(
      "bad-input",
      `in the image and not in package-lock.json: ${missing.toSorted().join(", ")}; run npm install`,
    );
  }
  const refs = new Set([metadata.component["bom-ref"], ...kept.map((component) => component["bom-ref"])]);
  const bom = {
    ...rest,
    metadata: {
      ...metadata,
      timestamp: new Date(epoch * 1000).toISOString(),
      component: { ...metadata.component, type: "application", name },
    },
    components: kept,
    dependencies: dependencies
      .filter(({ ref }) => refs.has(ref))
      .map((one) => ({ ...one, dependsOn: one.dependsOn.filter((ref) => refs.has(ref)) })),
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

/** Names of the packages that a bundle is made of, by its source map. */
export function packagesOf(sourceMap: string): ReadonlySet<string> {
  const { sources } = z.object({ sources: z.array(z.string()) }).parse(JSON.parse(sourceMap));
  const names = sources.flatMap((source) => {
    // The last one: a package may carry others inside.
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1];
    return name === undefined ? [] : [name];
  });
  return new Set(names);
}
