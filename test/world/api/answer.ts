// Which handler answers which verb on which subresource. Everything that is not in the table is refused as a
// real server refuses it.

import type { World } from "../../../coordinator/replay/world.ts";
import { applyStatus } from "./apply.ts";
import { APPLY_PATCH, bodyObject, parseBody, patched } from "./call.ts";
import type { ApiCall, Reply } from "./call.ts";
import { evict } from "./eviction.ts";
import { existing, list } from "./read.ts";
import { methodNotAllowed, noSuchResource } from "./refusal.ts";
import type { ResourceRoute, Verb } from "./route.ts";
import { patchScale, readScale, replaceScale } from "./scale.ts";
import { create, remove, write } from "./write.ts";

type Handler = (world: World, call: ApiCall) => Reply;
type Handlers = Readonly<Partial<Record<Verb, Handler>>>;

const read: Handler = (world, call) => ({ code: 200, body: existing(world, call.route) });

const MAIN: Handlers = {
  get: read,
  list: (world, call) => ({ code: 200, body: list(world, call) }),
  create,
  update: (world, call) => write(world, call, bodyObject(call), "main"),
  patch: (world, call) => write(world, call, patched(call, existing(world, call.route)), "main"),
  delete: remove,
};

const STATUS: Handlers = {
  get: read,
  update: (world, call) => write(world, call, bodyObject(call), "status"),
  patch: (world, call) =>
    call.contentType === APPLY_PATCH
      ? applyStatus(world, call)
      : write(world, call, patched(call, existing(world, call.route)), "status"),
};

const SCALE: Handlers = {
  get: (world, call) => ({ code: 200, body: readScale(world, call) }),
  update: (world, call) => ({ code: 200, body: replaceScale(world, call, parseBody(call)) }),
  patch: (world, call) => ({ code: 200, body: patchScale(world, call, (scale) => patched(call, scale)) }),
};

const EVICTION: Handlers = { create: evict };

/** @throws Refusal for everything that a server refuses. */
export function answer(world: World, call: ApiCall): Reply {
  const handlers = handlersFor(call.route);
  if (handlers === null) throw noSuchResource();
  const handler = handlers[call.route.verb];
  if (handler === undefined) throw methodNotAllowed();
  return handler(world, call);
}

function handlersFor({ resource, info, subresource }: ResourceRoute): Handlers | null {
  if (subresource === null) return MAIN;
  if (subresource === "status" && info.hasStatus) return STATUS;
  if (subresource === "scale" && info.hasScale) return SCALE;
  if (subresource === "eviction" && resource === "pods") return EVICTION;
  return null;
}
