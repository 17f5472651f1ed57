// What a MIG instance's cut is called: 1g.18gb, 1c.3g.71gb, 1g.18gb+me. The names are those by which Kubernetes
// resources are called, so they must come out as NVIDIA's tools write them; they are never parsed back into sizes.

/** As the driver's attributes of the instance say. */
export interface MigShape {
  /** Slices of the GPU instance, and those of them that the compute instance has. */
  readonly gpuSlices: number;
  readonly computeSlices: number;
  readonly memoryBytes: number;
  /** Optical flow engines. */
  readonly ofaEngines: number;
}

/** Memory is cut in eighths on every card so far. */
const MEMORY_SLICES = 8;
const BYTES_PER_GIBIBYTE = 1024 ** 3;

/** Newer drivers end the name of an instance with its profile: "NVIDIA H200 MIG 1g.18gb". Null when this one does not. */
export function profileInName(name: string): string | null {
  return /\sMIG (?<profile>(?:\d+c\.)?\d+g\.\d+gb\S*)$/u.exec(name)?.groups?.["profile"] ?? null;
}

/**
 * The name by the shape. The memory that it says is not the instance's own but its eighths of the whole card's, the
 * card's size rounded up to whole gibibytes: an eighth of 141 is "18gb" although 17.6 are there.
 * Null when the numbers are not those of an instance.
 */
export function profileOf(shape: MigShape, cardBytes: number): string | null {
  const { gpuSlices, computeSlices, memoryBytes, ofaEngines } = shape;
  if (!(gpuSlices > 0 && computeSlices > 0 && memoryBytes > 0 && memoryBytes <= cardBytes)) return null;
  const eighths = Math.ceil((MEMORY_SLICES * memoryBytes) / cardBytes);
  const gigabytes = Math.round((eighths * Math.ceil(cardBytes / BYTES_PER_GIBIBYTE)) / MEMORY_SLICES);
  const part = computeSlices < gpuSlices ? `${computeSlices}c.` : "";
  // The card's one optical flow engine comes with the whole card, or with the single slice that has the media engines.
  const media = gpuSlices === 1 && ofaEngines > 0 ? "+me" : "";
  return `${part}${gpuSlices}g.${gigabytes}gb${media}`;
}
