// The two patch formats that our client sends: JSON merge patch (RFC 7386) and JSON patch (RFC 6902). Both give
// a new document and leave the old one as it was. Which fields a patch may touch is for the caller.

import { sameJson } from "../../../coordinator/replay/world-store.ts";
import { badRequest, Refusal } from "./refusal.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** RFC 7386: objects merge, null removes, everything else replaces; lists are replaced whole. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result: Record<string, unknown> = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/**
 * RFC 6902. @throws Refusal with 400 for a patch that is none, 422 for one that does not fit the document, as
 * the API server answers.
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest("a JSON patch must be a list of operations");
  return patch.reduce<unknown>((document, operation) => apply(document, operation), target);
}

function apply(document: unknown, operation: unknown): unknown {
  if (
    !isJsonObject(operation) ||
    typeof operation["op"] !== "string" ||
    typeof operation["path"] !== "string"
  ) {
    throw badRequest(`a JSON patch operation needs "op" and "path", got ${JSON.stringify(operation)}`);
  }
  const path = pointer(operation["path"]);
  switch (operation["op"]) {
    case "add":
      return edit(document, path, () => operation["value"], "add");
    case "replace":
      return edit(document, path, () => operation["value"], "replace");
    case "remove":
      return edit(document, path, () => undefined, "remove");
    case "test":
      if (!sameJson(read(document, path), operation["value"]))
        throw doesNotFit(`test of ${operation["path"]} failed`);
      return document;
    case "copy":
      return edit(document, path, () => read(document, fromOf(operation)), "add");
    case "move": {
      const moved = read(document, fromOf(operation));
      return edit(
        edit(document, fromOf(operation), () => undefined, "remove"),
        path,
        () => moved,
        "add",
      );
    }
    default:
      throw badRequest(`unknown JSON patch operation "${operation["op"]}"`);
  }
}

function fromOf(operation: JsonObject): readonly string[] {
  if (typeof operation["from"] !== "string")
    throw badRequest(`a JSON patch ${String(operation["op"])} needs "from"`);
  return pointer(operation["from"]);
}

function pointer(text: string): readonly string[] {
  if (text === "") return [];
  if (!text.startsWith("/")) throw badRequest(`a JSON pointer starts with "/", got "${text}"`);
  return text
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function read(document: unknown, path: readonly string[]): unknown {
  let at = document;
  for (const key of path) {
    if (Array.isArray(at)) at = at[indexIn(at, key, at.length - 1)] as unknown;
    else if (isJsonObject(at) && key in at) at = at[key];
    else throw doesNotFit(`there is nothing at /${path.join("/")}`);
  }
  return at;
}

type Mode = "add" | "replace" | "remove";

function edit(document: unknown, path: readonly string[], value: () => unknown, mode: Mode): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value();
  if (Array.isArray(document)) return editList(document, key, rest, value, mode);
  if (!isJsonObject(document)) throw doesNotFit(`there is no parent for "${key}"`);
  if (rest.length > 0) {
    if (!(key in document)) throw doesNotFit(`there is nothing at "${key}"`);
    return { ...document, [key]: edit(document[key], rest, value, mode) };
  }
  if (mode !== "add" && !(key in document)) throw doesNotFit(`there is nothing at "${key}" to ${mode}`);
  const { [key]: _, ...others } = document;
  return mode === "remove" ? others : { ...document, [key]: value() };
}

function editList(
  list: readonly unknown[],
  key: string,
  rest: readonly string[],
  value: () => unknown,
  mode: Mode,
): unknown {
  const appends = mode === "add" && rest.length === 0;
  if (appends && key === "-") return [...list, value()];
  const index = indexIn(list, key, appends ? list.length : list.length - 1);
  if (rest.length > 0) return list.with(index, edit(list[index], rest, value, mode));
  if (mode === "replace") return list.with(index, value());
  return mode === "remove" ? list.toSpliced(index, 1) : list.toSpliced(index, 0, value());
}

function indexIn(list: readonly unknown[], key: string, last: number): number {
  const index = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (index < 0 || index > last) throw doesNotFit(`"${key}" is no place in a list of ${list.length}`);
  return index;
}

function doesNotFit(why: string): Refusal {
  return new Refusal(
    422,
    "Invalid",
    `the server rejected our request due to an error in our request: ${why}`,
  );
}
