// Takes decisions one after the other and gives them without names. Names keep their stand-ins from one to the next, until
// there are too many of them: then a new set begins, and says so by another id.

import { createHmac } from "node:crypto";

import { anonymise } from "./anonymise.ts";
import type { Names } from "./anonymise.ts";
import type { Decided } from "./line.ts";
import { createStandIns } from "./stand-ins.ts";

export interface Anonymiser {
  shown(decided: Decided): { readonly decided: Decided; readonly names: string };
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
    return { id, plain, below, above };
  }

  return {
    shown: ({ snapshot, plan }) => {
      if ([set.plain, set.below, set.above].some((each) => each.isWorn())) set = newSet();
      const { plain, below, above } = set;
      // Before a slash, names have another order than alone.
      const sideOf = (name: string) => (`${name}/` < `${SYSTEM_NAMESPACE}/` ? below : above);
      const names: string[] = [];
      const namespaces: string[] = [];
      const heard: Names = {
        name: (name) => {
          names.push(name);
          return name;
        },
        namespace: (name) => {
          if (name !== SYSTEM_NAMESPACE) namespaces.push(`${name}/`);
          return name;
        },
      };
      anonymise(snapshot, heard);
      anonymise(plan, heard);
      plain.learn(names);
      below.learn(namespaces.filter((name) => name < `${SYSTEM_NAMESPACE}/`));
      above.learn(namespaces.filter((name) => name > `${SYSTEM_NAMESPACE}/`));
      const given: Names = {
        name: (name) => plain.of(name),
        namespace: (name) => (name === SYSTEM_NAMESPACE ? name : sideOf(name).of(`${name}/`)),
      };
      return {
        decided: { snapshot: anonymise(snapshot, given), plan: anonymise(plan, given) },
        names: set.id,
      };
    },
  };
}
