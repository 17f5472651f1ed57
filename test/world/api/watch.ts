// Open watches: each is a response that stays, a selector, and the version up to which it has been told. Events
// come from the world's record of changes, so nothing is lost between a list and the watch from its version.

import type { ServerResponse } from "node:http";

import { RESOURCES, apiVersionOf } from "../../../coordinator/replay/world-resources.ts";
import type { Change } from "../../../coordinator/replay/world-store.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import type { KubeObject } from "../../../shared/model/kube.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import type { Faults, Target } from "../faults.ts";
import { badRequest, expired } from "./refusal.ts";
import type { Refusal } from "./refusal.ts";
import { isTrue } from "./route.ts";
import type { ResourceRoute } from "./route.ts";
import { selectorOf } from "./select.ts";
import type { Selector } from "./select.ts";

export interface Watches {
  /** Answers with a stream. @throws Refusal when the query asks for what cannot be had. */
  open(route: ResourceRoute, query: URLSearchParams, target: Target, response: ServerResponse): void;
  /** Sends each watch what happened since its last event. */
  pump(): void;
  /** Tells the watches that asked for it how far they are. */
  bookmark(): void;
  readonly size: number;
}

interface Watch {
  readonly route: ResourceRoute;
  readonly target: Target;
  readonly selects: Selector;
  readonly bookmarks: boolean;
  readonly response: ServerResponse;
  version: number;
  silent: boolean;
}

const TOO_OLD = "too old resource version";

export function createWatches({
  world,
  clock,
  faults,
}: {
  readonly world: World;
  readonly clock: Clock;
  readonly faults: () => Faults;
}): Watches {
  const open = new Set<Watch>();

  function send(watch: Watch, type: string, object: unknown): void {
    watch.response.write(`${JSON.stringify({ type, object })}\n`);
  }

  function end(watch: Watch): void {
    open.delete(watch);
    watch.response.end();
  }

  function fail(watch: Watch, refusal: Refusal): void {
    send(watch, "ERROR", refusal.body);
    end(watch);
  }

  function sendBookmark(watch: Watch): void {
    if (!watch.bookmarks || watch.silent || isAhead(watch)) return;
    const { info } = watch.route;
    send(watch, "BOOKMARK", {
      kind: info.kind,
      apiVersion: apiVersionOf(info),
      metadata: { resourceVersion: String(watch.version), creationTimestamp: null },
    });
  }

  function sendInitial(watch: Watch): void {
    for (const object of world.list(watch.route.resource))
      if (inScope(watch, object)) send(watch, "ADDED", object);
    watch.version = world.version;
  }

  /** Returns false when the watch is over. */
  function suffer(watch: Watch): boolean {
    const fault = faults().take(
      watch.target,
      watch.silent ? ["cut"] : ["cut", "gone-watch", "malformed-line", "silence"],
    );
    switch (fault?.kind) {
      case undefined:
        return true;
      case "cut":
        open.delete(watch);
        watch.response.destroy();
        return false;
      case "gone-watch":
        fail(watch, expired(TOO_OLD));
        return false;
      case "malformed-line":
        watch.response.write('{"type":"MODIFIED","object":{"metadata":{\n');
        return true;
      case "silence":
        watch.silent = true;
        return true;
      default:
        return fault satisfies never;
    }
  }

  /** From a version that is still to come: a real server takes such a watch, and is silent until it is there. */
  function isAhead({ version }: Watch): boolean {
    return version > world.version;
  }

  function catchUp(watch: Watch): void {
    if (isAhead(watch)) return;
    const changes = world.changesSince(watch.version);
    if (changes === null) {
      fail(watch, expired(`${TOO_OLD}: ${watch.version}`));
      return;
    }
    for (const change of changes) {
      const type = eventType(watch, change);
      if (type !== null) send(watch, type, change.object);
    }
    watch.version = world.version;
  }

  async function endLater(watch: Watch, seconds: number, signal: AbortSignal): Promise<void> {
    try {
      await clock.sleep(millis(seconds * 1000), signal);
    } catch {
      return;
    }
    if (!open.has(watch) || watch.silent) return;
    catchUp(watch);
    if (!open.has(watch)) return;
    sendBookmark(watch);
    end(watch);
  }

  return {
    get size() {
      return open.size;
    },
    open: (route, query, target, response) => {
      const from = startingVersion(query.get("resourceVersion"));
      const timeout = timeoutSeconds(query.get("timeoutSeconds"));
      const watch: Watch = {
        route,
        target,
        selects: selectorOf(route.resource, query),
        bookmarks: isTrue(query.get("allowWatchBookmarks")),
        response,
        version: from ?? world.version,
        silent: false,
      };
      response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
      response.flushHeaders();
      open.add(watch);
      const closed = new AbortController();
      response.on("close", () => {
        open.delete(watch);
        closed.abort();
      });
      if (from === null) sendInitial(watch);
      else catchUp(watch);
      // The rejection of an aborted sleep is answered inside.
      if (timeout !== null && open.has(watch))
        endLater(watch, timeout, closed.signal).catch(() => response.destroy());
    },
    pump: () => {
      for (const watch of Array.from(open)) if (suffer(watch) && !watch.silent) catchUp(watch);
    },
    bookmark: () => {
      for (const watch of open) sendBookmark(watch);
    },
  };
}

/** ADDED and DELETED also for objects that enter or leave the selection. */
function eventType(watch: Watch, change: Change): string | null {
  if (change.resource !== watch.route.resource) return null;
  const before = change.previous !== null && inScope(watch, change.previous);
  const now = change.kind !== "deleted" && inScope(watch, change.object);
  if (now) return before ? "MODIFIED" : "ADDED";
  return before ? "DELETED" : null;
}

function inScope(watch: Watch, object: KubeObject): boolean {
  const { namespace, name } = watch.route;
  if (
    namespace !== null &&
    RESOURCES[watch.route.resource].namespaced &&
    object.metadata.namespace !== namespace
  )
    return false;
  if (name !== null && object.metadata.name !== name) return false;
  return watch.selects(object);
}

/** Null: begin with what is there. */
function startingVersion(text: string | null): number | null {
  if (text === null || text === "" || text === "0") return null;
  const version = Number(text);
  if (!Number.isInteger(version) || version < 0)
    throw badRequest(`resourceVersion: Invalid value: "${text}"`);
  return version;
}

function timeoutSeconds(text: string | null): number | null {
  if (text === null) return null;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw badRequest(`timeoutSeconds must be a whole number of at least 0, got "${text}"`);
  return value === 0 ? null : value;
}
