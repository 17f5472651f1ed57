// Takes decisions one after the other and gives them without names. Names keep their stand-ins from one to the next, until
// there are too many of them: then a new set begins, and says so by another id. It works beside a loop, so it pauses often,
// and what is the same object as in the decision before is not gone through again.

import { createHmac } from "node:crypto";

import { nextTurn } from "../../shared/runtime/stream.ts";
import { anonymiseInTurns } from "./anonymise.ts";
import type { Names } from "./anonymise.ts";
import type { Decided } from "./line.ts";
import { createStandIns } from "./stand-ins.ts";

export interface Anonymiser {
  /** One at a time: each is to be waited for before the next is given. */
  shown(decided: Decided): Promise<{ readonly decided: Decided; readonly names: string }>;
}

/** Pods of this namespace are held by a rule of their own, so it keeps its name. */
const SYSTEM_NAMESPACE = "kube-system";

/** `key`: 32 bytes that nobody else knows; it is kept nowhere. */
export function createAnonymiser(key: Uint8Array): Anonymiser {
  let sets = 0;
  let set = newSet();

  function newSet() {
    const id = createHmac("sha256", key).update(`set ${sets++}`).digest("hex").slice(0, 12);
    const [plain, below, above] = ["n", "a", "x"].map((prefix) => createStandIns(key, prefix));
    if (plain === undefined || below === undefined || above === undefined)
      throw new RangeError("no stand-ins");
    return { id, plain, below, above, parts: createParts() };
  }

  return {
    shown: async ({ snapshot, plan }) => {
      if ([set.plain, set.below, set.above].some((each) => each.isWorn())) set = newSet();
      const { plain, below, above, parts } = set;
      // Before a slash, names have another order than alone.
      const sideOf = (name: string) => (`${name}/` < `${SYSTEM_NAMESPACE}/` ? below : above);
      const names = new Set<string>();
      const namespaces = new Set<string>();
      const heard: Names = {
        name: (name) => {
          names.add(name);
          return name;
        },
        namespace: (name) => {
          if (name !== SYSTEM_NAMESPACE) namespaces.add(`${name}/`);
          return name;
        },
        // Of what was shown before, the names are known.
        known: { get: parts.get, keep: () => {} },
      };
      await inTurns(anonymiseInTurns(snapshot, heard));
      await inTurns(anonymiseInTurns(plan, heard));
      for (const some of strides([...names])) {
        plain.learn(some);
        await nextTurn();
      }
      below.learn([...namespaces].filter((name) => name < `${SYSTEM_NAMESPACE}/`));
      above.learn([...namespaces].filter((name) => name > `${SYSTEM_NAMESPACE}/`));
      const given: Names = {
        name: (name) => plain.of(name),
        namespace: (name) => (name === SYSTEM_NAMESPACE ? name : sideOf(name).of(`${name}/`)),
        known: parts,
      };
      return {
        decided: {
          snapshot: await inTurns(anonymiseInTurns(snapshot, given)),
          plan: await inTurns(anonymiseInTurns(plan, given)),
        },
        names: set.id,
      };
    },
  };
}

/** What is new in each report: to remember it would cost more than to go through it. */
const ALWAYS_NEW: ReadonlySet<string> = new Set(["telemetry", "gpus", "since"]);

/** Parts that were gone through, for as long as anybody has them; nobody changes one. */
function createParts(): NonNullable<Names["known"]> {
  const byField = new Map<string, WeakMap<object, object>>();
  return {
    get: (part, field) => (ALWAYS_NEW.has(field) ? undefined : byField.get(field)?.get(part)),
    keep: (part, field, without) => {
      if (ALWAYS_NEW.has(field)) return;
      let parts = byField.get(field);
      if (parts === undefined) byField.set(field, (parts = new WeakMap()));
      parts.set(part, without);
    },
  };
}

const NAMES_AT_ONCE = 500;

/** So many at a time, each time from all over the alphabet: so those that follow share the room between them. */
function* strides(names: readonly string[]): Generator<readonly string[]> {
  const times = Math.ceil(names.length / NAMES_AT_ONCE);
  if (times <= 1) yield names;
  else {
    const sorted = names.toSorted();
    for (let first = 0; first < times; first++) yield sorted.filter((_, index) => index % times === first);
  }
}

async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}
