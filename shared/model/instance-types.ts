// What the machines of the clouds are and what they cost, as the catalogue beside this file says: GPUs, processors,
// memory, what is left of them for pods, and prices with their source and day. A machine, region or tier that the
// catalogue does not have is unknown and stays so: nothing is taken over from a similar one.

import type { GpuModel } from "./gpu-models.ts";
import table from "./instance-types.json" with { type: "json" };
import { parseInstant } from "./instant.ts";
import type { CapacityType } from "./node.ts";
import type { EpochMs } from "./units.ts";

export interface Machine {
  readonly gpus: number;
  readonly gpuModel: GpuModel;
  /** Absent: the catalogue's sources do not say. */
  readonly gpuMemoryBytesEach?: number;
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** What is left for pods, DaemonSets included; absent: the sources do not say. */
  readonly allocatable?: { readonly cpuMillis: number; readonly memoryBytes: number };
}

type ByName<T> = Readonly<Record<string, T>>;

/** The file, by provider and instance type; prices by provider, region and instance type: [USD an hour, source]. */
export interface MachineTable {
  readonly sources: readonly { readonly text: string; readonly at: string }[];
  readonly machines: ByName<ByName<Machine>>;
  readonly prices: ByName<ByName<ByName<Partial<Record<CapacityType, readonly [number, number]>>>>>;
}

/** deploy/catalogue.ts writes the file from this type, and `npm run generate -- --check` holds the two together. */
const CATALOGUE = table as unknown as MachineTable;

export type MachineLookup =
  | { readonly kind: "known"; readonly machine: Machine }
  /** `nearest`: names of the same provider that are spelt alike, the nearest first; for a message. */
  | { readonly kind: "unknown"; readonly because: string; readonly nearest: readonly string[] };

export function machineOf(provider: string, instanceType: string): MachineLookup {
  const machine = own(own(CATALOGUE.machines, provider), instanceType);
  if (machine !== undefined) return { kind: "known", machine };
  const elsewhere = Object.keys(CATALOGUE.machines).filter(
    (other) => own(own(CATALOGUE.machines, other), instanceType) !== undefined,
  );
  const because =
    elsewhere.length > 0
      ? `${instanceType} is a machine of ${elsewhere.join(", ")}, not of ${provider}`
      : `the catalogue has no machine ${instanceType} of ${provider}`;
  return { kind: "unknown", because, nearest: nearestNames(provider, instanceType) };
}

export type ListPrice =
  | { readonly kind: "known"; readonly usdPerHour: number; readonly source: string; readonly at: EpochMs }
  | { readonly kind: "unknown"; readonly because: string };

/** Of one machine for an hour, as the catalogue has it. */
export function listPriceOf(
  provider: string,
  region: string,
  instanceType: string,
  tier: CapacityType,
): ListPrice {
  const found = own(own(own(CATALOGUE.prices, provider), region), instanceType)?.[tier];
  const source = found === undefined ? undefined : CATALOGUE.sources[found[1]];
  const at = source === undefined ? null : parseInstant(`${source.at}T00:00:00Z`);
  if (found === undefined || source === undefined || at === null)
    return {
      kind: "unknown",
      because: `the catalogue has no ${tier} price of ${instanceType} in ${provider} ${region}`,
    };
  return { kind: "known", usdPerHour: found[0], source: `catalogue: ${source.text}`, at };
}

/** Whether a price by this source is worked out, of a saving that somebody names for one, and was asked of nobody. */
export function isEstimate(source: string): boolean {
  return source.startsWith("catalogue: estimate");
}

/** Names of all machines of a provider, sorted. */
export function instanceTypesOf(provider: string): readonly string[] {
  return Object.keys(own(CATALOGUE.machines, provider) ?? {}).toSorted();
}

/** Names come from people: "constructor" is no provider. */
function own<T>(names: ByName<T> | undefined, name: string): T | undefined {
  return names !== undefined && Object.hasOwn(names, name) ? names[name] : undefined;
}

const NEAREST = 3;
/** One slip in so many letters; with more it is another name. */
const LETTERS_PER_SLIP = 8;

/** Names with a slip, and names of which a part was left out, such as "Standard_". */
function nearestNames(provider: string, instanceType: string): readonly string[] {
  const text = instanceType.toLowerCase();
  // A text longer than any name is no slip, and comparing it would cost time.
  if (text.length < 4 || text.length > 64) return [];
  const most = Math.floor(text.length / LETTERS_PER_SLIP);
  return instanceTypesOf(provider)
    .map((name) => ({ name, slips: slipsBetween(name.toLowerCase(), text) }))
    .filter(({ name, slips }) => slips <= most || name.toLowerCase().includes(text))
    .toSorted((a, b) => a.slips - b.slips)
    .slice(0, NEAREST)
    .map(({ name }) => name);
}

/** Levenshtein's distance: letters to add, to leave out or to change. */
function slipsBetween(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(changed, (before[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    before = row;
  }
  return before[b.length] ?? 0;
}
