// AutoscalingPolicy objects by watch, each parsed once per version. A policy that cannot be used stays visible
// with its problems, so that its condition can say why it does nothing.

import { parsePolicy } from "../../shared/contract/policy.ts";
import type { ParsedPolicy, PolicySpec } from "../../shared/contract/policy.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { deepFreeze } from "./freeze.ts";
import { createWatched } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface Policy {
  readonly name: string;
  readonly uid: string | undefined;
  readonly generation: number | undefined;
  readonly parsed: ParsedPolicy;
  /** Of an invalid one: the pool names that can be made out. */
  readonly pools: readonly string[];
}

export interface Policies {
  readonly watch: Watched<UnreadObject>;
  list(): readonly Policy[];
}

export interface PoliciesOptions {
  /** What the schema cannot see, as whether a time zone exists; a policy with such a problem is invalid. */
  readonly problemsOf: (spec: PolicySpec) => readonly string[];
  readonly watch: WatchDeps;
  /** Every version of every policy, for the journal that lives in its status. */
  readonly onObject: (object: UnreadObject) => void;
  readonly onGone: (name: string) => void;
  /** A spec is new, changed or gone. Our own writes of the status are not news. */
  readonly onChange: () => void;
}

export function createPolicies(options: PoliciesOptions): Policies {
  const parsed = new Map<string, { readonly key: string; readonly policy: Policy }>();

  const watch = createWatched(RESOURCE.policies, options.watch, (event) => {
    switch (event.kind) {
      case "synced":
        for (const object of event.items) options.onObject(object);
        options.onChange();
        break;
      case "put":
        options.onObject(event.object);
        if (parsed.get(event.object.metadata.name)?.key !== keyOf(event.object)) options.onChange();
        break;
      case "gone":
        parsed.delete(event.object.metadata.name);
        options.onGone(event.object.metadata.name);
        options.onChange();
        break;
      case "stale":
      case "live":
        break;
      default:
        event satisfies never;
    }
  });

  return {
    watch,
    list: () =>
      watch.store.values().map((object) => {
        const { name } = object.metadata;
        const key = keyOf(object);
        const known = parsed.get(name);
        if (known?.key === key) return known.policy;
        const policy = deepFreeze(policyOf(object, options.problemsOf));
        parsed.set(name, { key, policy });
        return policy;
      }),
  };
}

/** The server raises the generation with every change of the spec and only then. */
function keyOf({ metadata }: UnreadObject): string {
  return `${metadata.uid ?? ""}/${metadata.generation ?? metadata.resourceVersion ?? ""}`;
}

function policyOf({ metadata, spec }: UnreadObject, problemsOf: PoliciesOptions["problemsOf"]): Policy {
  return {
    name: metadata.name,
    uid: metadata.uid,
    generation: metadata.generation,
    parsed: checked(parsePolicy(spec ?? {}), problemsOf),
    pools: poolNames(spec),
  };
}

function checked(parsed: ParsedPolicy, problemsOf: PoliciesOptions["problemsOf"]): ParsedPolicy {
  const problems = parsed.kind === "valid" ? problemsOf(parsed.spec) : [];
  return problems.length === 0 ? parsed : { kind: "invalid", problems };
}

function poolNames(spec: unknown): readonly string[] {
  const pools: unknown =
    typeof spec === "object" && spec !== null && "nodePools" in spec ? spec.nodePools : null;
  if (!Array.isArray(pools)) return [];
  return pools.flatMap((pool: unknown) =>
    typeof pool === "object" && pool !== null && "name" in pool && typeof pool.name === "string"
      ? [pool.name]
      : [],
  );
}
