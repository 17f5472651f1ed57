// On which line of a YAML text a field stands, so that whoever wrote it need not search. It finds lines alone; what is wrong
// with the field is said by whoever read it.

import { isMap, isScalar, isSeq } from "yaml";
import type { Document } from "yaml";

/**
 * Line of the field's key, from 1; of a field that is not there, of the nearest one around it. `text` is the whole that the
 * document was read from. Null: the document is no such tree at all.
 */
export function lineOf(document: Document, path: readonly PropertyKey[], text: string): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsetOf(document, path.slice(0, length));
    if (offset !== null) return text.slice(0, offset).split("\n").length;
  }
  return null;
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number | null {
  const key = String(path.at(-1));
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const node = isMap(parent)
    ? parent.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)?.key
    : isSeq(parent)
      ? parent.get(Number(key), true)
      : undefined;
  return (node as { readonly range?: readonly number[] | null } | undefined)?.range?.[0] ?? null;
}
