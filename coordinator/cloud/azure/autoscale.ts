// Autoscale settings of Azure Monitor: whether one of them sizes a scale set of ours. All of a subscription are one list,
// asked for twice a minute. Without the right to read them nothing is known, which is said once at each set.

import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { RivalSight } from "../account.ts";
import type { CallOptions } from "../group.ts";
import { autoscaleSetting } from "./bodies.ts";
import type { AzureCalls } from "./calls.ts";

export interface Autoscale {
  /** Asks when it is time to. Rejects for nothing but the end of `limits.signal`. */
  look(limits: CallOptions): Promise<void>;
  /** Those whose target is this scale set. */
  rivalsOf(set: { readonly resourceGroup: string; readonly name: string }): readonly RivalSight[];
  /** Why it is not known, in words; null: it is known. */
  problem(): string | null;
}

interface Setting {
  readonly name: string;
  /** In lower case. */
  readonly target: string;
}

const EVERY_MS = 30_000;

export function createAutoscale(
  calls: Pick<AzureCalls, "listAutoscaleSettings">,
  { clock, subscription }: { readonly clock: Clock; readonly subscription: string },
): Autoscale {
  /** Null: never read, or not allowed to. */
  let settings: readonly Setting[] | null = null;
  let askedMs: Millis | null = null;
  let problem: string | null = null;

  async function ask(limits: CallOptions): Promise<void> {
    try {
      const listed = await calls.listAutoscaleSettings(limits);
      settings = listed.flatMap(settingOf);
      problem = null;
    } catch (error) {
      limits.signal.throwIfAborted();
      // One call that went wrong says nothing of the right to make it, and what was seen before holds.
      if (kindOf(error) === "denied") settings = null;
      if (settings !== null) return;
      const why =
        kindOf(error) === "denied"
          ? "give the right Microsoft.Insights/autoscaleSettings/read (deploy/clouds/azure)"
          : describe(error);
      problem = `whether an autoscale setting of Azure Monitor sizes it is not known: ${why}`;
    }
  }

  return {
    look: async (limits) => {
      const now = clock.monotonic();
      if (askedMs !== null && now - askedMs < EVERY_MS) return;
      askedMs = now;
      await ask(limits);
    },
    rivalsOf: ({ resourceGroup, name }) => {
      const target =
        `/subscriptions/${subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/virtualMachineScaleSets/${name}`.toLowerCase();
      return (settings ?? [])
        .filter((setting) => setting.target === target)
        .map((setting) => ({
          rival: "vmss-autoscale",
          detail: `autoscale setting ${setting.name} of Azure Monitor sizes scale set ${name}: disable it, or take the pool out of the policy`,
        }));
    },
    problem: () => problem,
  };
}

/** One that is switched off sizes nothing. */
function settingOf(body: unknown): readonly Setting[] {
  const read = autoscaleSetting.safeParse(body);
  if (!read.success || read.data.properties.enabled === false) return [];
  const { name, properties } = read.data;
  const target = properties.targetResourceUri?.toLowerCase();
  return target === undefined ? [] : [{ name: name ?? properties.name ?? "without a name", target }];
}
