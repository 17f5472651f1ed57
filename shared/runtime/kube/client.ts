// The calls of the Kubernetes API that we make, and no others. Every call has a deadline, every failure is an
// AppError with a kind, and a rejected token is read again once. Types of objects are those of model/kube.ts:
// what the server sends is trusted to be of the kind that was asked for, and nothing more.

import type { KubeObject, Scale } from "../../model/kube.ts";
import { millis } from "../../model/units.ts";
import type { Millis, Seconds } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { AppError, kindOf } from "../errors.ts";
import { hasMetadata, readJson, readPage, typed, withoutManagedFields } from "./answers.ts";
import type { KubeConfig } from "./config.ts";
import { evictionBody, evictionOutcome } from "./evict.ts";
import type { EvictionOutcome, EvictionRequest } from "./evict.ts";
import { execCall, readExec } from "./exec.ts";
import type { ExecRequest, ExecResult } from "./exec.ts";
import { RESOURCE, apiVersionOf, listPath, nameOf, objectPath, queryOf } from "./resources.ts";
import type { ObjectRef, Resource, Selector } from "./resources.ts";
import { refusalError, refusalOf } from "./translate.ts";
import { createTransport } from "./transport.ts";
import type { HttpRequest, HttpResponse, HttpStream, HttpUpgrade } from "./transport.ts";

export const DEFAULT_DEADLINE_MS: Millis = millis(10_000);
/** Objects in one page of a list. */
export const PAGE_SIZE = 500;
/** A page of 500 large pods is some 10 MiB; more than this is no answer to a question of ours. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const DRY_RUN = { dryRun: "All", fieldValidation: "Strict" } as const;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: Millis | undefined;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

/** One operation of RFC 6902. */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export interface KubeClient {
  /** The namespace of our own configuration. */
  readonly namespace: string;
  get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  list<T extends KubeObject>(
    resource: Resource<T>,
    selector?: Selector,
    options?: CallOptions,
  ): Promise<ObjectList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  /** Compare-and-set when the object carries a resourceVersion. */
  replace<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  replaceStatus<T extends KubeObject>(resource: Resource<T>, object: T, options?: CallOptions): Promise<T>;
  mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: object,
    /** `dryRun` as of `apply`. */
    options?: CallOptions & { readonly dryRun?: boolean },
  ): Promise<T>;
  patchStatus<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: object,
    options?: CallOptions,
  ): Promise<T>;
  jsonPatch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    operations: readonly JsonPatchOperation[],
    options?: CallOptions,
  ): Promise<T>;
  /**
   * Server-side apply: the fields of `body` are the ones that `fieldManager` owns from now on; what it owned before
   * and does not name any more goes. `force` takes fields over that another owner has set otherwise; without it
   * they are a conflict.
   */
  apply<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    body: object,
    how: {
      readonly fieldManager: string;
      readonly subresource?: "status" | undefined;
      readonly force?: boolean | undefined;
      /** The server goes all the way, admission and rights included, and keeps nothing. Unknown fields are refused. */
      readonly dryRun?: boolean | undefined;
    },
    options?: CallOptions,
  ): Promise<T>;
  /** Not found is thrown like every other failure. */
  delete(
    resource: Resource,
    ref: ObjectRef,
    how?: {
      readonly graceSeconds?: Seconds;
      readonly uid?: string;
      /** Only while the object is as it was read; else conflict. */
      readonly resourceVersion?: string;
    },
    options?: CallOptions,
  ): Promise<void>;
  getScale(resource: Resource, ref: ObjectRef, options?: CallOptions): Promise<Scale>;
  /** Writes only if the object is still at `resourceVersion`; else conflict. */
  patchScale(
    resource: Resource,
    ref: ObjectRef,
    change: { readonly replicas: number; readonly resourceVersion: string },
    options?: CallOptions,
  ): Promise<Scale>;
  evict(request: EvictionRequest, options?: CallOptions): Promise<EvictionOutcome>;
  /** The raw lines of a watch; watch.ts makes events of them. */
  openWatch(
    resource: Resource,
    selector: Selector,
    from: { readonly resourceVersion: string; readonly timeoutSeconds: number; readonly lifeMs: Millis },
    options?: CallOptions,
  ): Promise<AsyncIterable<string>>;
  /** Runs a command inside a pod, see exec.ts; `deadlineMs` bounds its start only, the signal all of it. */
  exec(request: ExecRequest, options?: CallOptions & { readonly onOpen?: () => void }): Promise<ExecResult>;
  /** GET of any path that answers JSON: discovery, version. */
  read(path: string, options?: CallOptions): Promise<unknown>;
  /** GET of any path, as the text that it answers: pages behind the API server's proxy. */
  readText(path: string, options?: CallOptions): Promise<string>;
  close(): void;
}

export type PodExec = Pick<KubeClient, "exec">;
export type Evictor = Pick<KubeClient, "evict">;
export type Watcher = Pick<KubeClient, "list" | "openWatch">;
export type Applier = Pick<KubeClient, "apply">;
export type NodePatcher = Pick<KubeClient, "get" | "mergePatch">;

export interface KubeClientOptions {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** "gpu-autoscaler-agent/0.1.0" */
  readonly userAgent: string;
  /** The owner that the API server notes beside the fields we write; without it, it uses the user agent. */
  readonly fieldManager?: string;
  readonly defaultDeadlineMs?: Millis;
  readonly maxAnswerBytes?: number;
  /** Calls beside each other; more wait in this process. Watches do not count. */
  readonly maxSockets?: number;
}

/** What one call needs besides token and limits. */
type Call = Omit<HttpRequest, "token" | "repeatable"> & { readonly repeatable?: boolean };

export function createKubeClient(options: KubeClientOptions): KubeClient {
  const { config, clock, userAgent, fieldManager } = options;
  const defaultDeadlineMs = options.defaultDeadlineMs ?? DEFAULT_DEADLINE_MS;
  const maxBytes = options.maxAnswerBytes ?? MAX_ANSWER_BYTES;
  const { maxSockets } = options;
  const transport = createTransport({
    config,
    clock,
    userAgent,
    maxBytes,
    ...(maxSockets === undefined ? {} : { maxSockets }),
  });

  /** Sends with the token; when it is rejected and a newer one is there, sends again with that. */
  async function withToken<R extends HttpResponse | HttpStream | HttpUpgrade>(
    send: (token: string | null) => Promise<R>,
  ): Promise<R> {
    const token = await config.token();
    const answer = await send(token);
    if (!("status" in answer) || answer.status !== 401 || token === null) return answer;
    const fresh = await config.token({ fresh: true });
    return fresh === token ? answer : await send(fresh);
  }

  async function exchange(
    call: Call,
    { signal, deadlineMs = defaultDeadlineMs }: CallOptions,
  ): Promise<HttpResponse> {
    const repeatable = call.repeatable ?? true;
    // One deadline for both tries: a leader must not be at work longer than the deadline that he gave.
    const endsAtMs = clock.monotonic() + deadlineMs;
    return await withToken(async (token) => {
      const leftMs = millis(Math.max(1, Math.ceil(endsAtMs - clock.monotonic())));
      return await transport.call({ ...call, token, repeatable }, { deadlineMs: leftMs, signal });
    });
  }

  async function askText(call: Call, limits: CallOptions): Promise<string> {
    const answer = await exchange(call, limits);
    if (answer.status >= 200 && answer.status < 300) return answer.body;
    throw refusalError(call.what, refusalOf(answer));
  }

  async function ask(call: Call, limits: CallOptions): Promise<unknown> {
    return readJson(call.what, await askText(call, limits));
  }

  /** The cast is the trust that the head of this file states. */
  async function askObject<T extends KubeObject>(call: Call, limits: CallOptions): Promise<T> {
    const answer = await ask(call, limits);
    if (hasMetadata(answer)) return withoutManagedFields(answer) as unknown as T;
    throw new AppError("malformed", `cannot ${call.what}: the answer is no object with metadata`);
  }

  async function write<T extends KubeObject>(
    method: "POST" | "PUT" | "PATCH",
    path: string,
    what: string,
    body: object,
    limits: CallOptions & { readonly dryRun?: boolean },
    contentType?: string,
  ): Promise<T> {
    const query = queryOf({ fieldManager, ...(limits.dryRun === true ? DRY_RUN : {}) });
    // A second POST would find the first one's object; a second JSON patch may apply twice.
    const repeatable = method !== "POST" && contentType !== JSON_PATCH;
    const type = contentType === undefined ? {} : { contentType };
    return await askObject<T>({ method, path: path + query, what, json: body, repeatable, ...type }, limits);
  }

  async function readPages<T extends KubeObject>(
    resource: Resource<T>,
    selector: Selector,
    limits: CallOptions,
  ): Promise<ObjectList<T>> {
    const what = `list ${resource.plural}`;
    const { namespace, fieldSelector, labelSelector } = selector;
    const items: T[] = [];
    for (let next: string | undefined; ;) {
      const query = queryOf({ fieldSelector, labelSelector, limit: PAGE_SIZE, continue: next });
      const path = listPath(resource, namespace) + query;
      const page = readPage(resource, what, await ask({ method: "GET", path, what }, limits));
      // Not a spread call: a page may be longer than an argument list.
      for (const item of page.items) items.push(item);
      next = page.next;
      if (next === undefined) return { items, resourceVersion: page.resourceVersion };
    }
  }

  return {
    namespace: config.namespace,
    get: async (resource, ref, limits = {}) =>
      await askObject(
        { method: "GET", path: objectPath(resource, ref), what: `get ${nameOf(resource, ref)}` },
        limits,
      ),
    list: async (resource, selector = {}, limits = {}) => {
      try {
        return await readPages(resource, selector, limits);
      } catch (error) {
        // The pages after the first belong to a version that the server has meanwhile forgotten: once more.
        if (kindOf(error) !== "expired") throw error;
        return await readPages(resource, selector, limits);
      }
    },
    create: async (resource, object, limits = {}) => {
      const { namespace } = object.metadata;
      if (resource.namespaced && namespace === undefined) {
        throw new AppError(
          "bug",
          `cannot create ${nameOf(resource, object.metadata)}: no namespace is given`,
        );
      }
      const what = `create ${nameOf(resource, object.metadata)}`;
      return await write("POST", listPath(resource, namespace), what, typed(resource, object), limits);
    },
    replace: async (resource, object, limits = {}) => {
      const what = `replace ${nameOf(resource, object.metadata)}`;
      return await write("PUT", objectPath(resource, object.metadata), what, typed(resource, object), limits);
    },
    replaceStatus: async (resource, object, limits = {}) => {
      const what = `replace the status of ${nameOf(resource, object.metadata)}`;
      return await write(
        "PUT",
        objectPath(resource, object.metadata, "status"),
        what,
        typed(resource, object),
        limits,
      );
    },
    mergePatch: async (resource, ref, body, limits = {}) => {
      const what = `patch ${nameOf(resource, ref)}`;
      return await write("PATCH", objectPath(resource, ref), what, body, limits, MERGE_PATCH);
    },
    patchStatus: async (resource, ref, body, limits = {}) => {
      const what = `patch the status of ${nameOf(resource, ref)}`;
      return await write("PATCH", objectPath(resource, ref, "status"), what, body, limits, MERGE_PATCH);
    },
    jsonPatch: async (resource, ref, operations, limits = {}) => {
      const what = `patch ${nameOf(resource, ref)}`;
      return await write("PATCH", objectPath(resource, ref), what, operations, limits, JSON_PATCH);
    },
    apply: async (
      resource,
      ref,
      body,
      { fieldManager: owner, subresource, force = false, dryRun = false },
      limits = {},
    ) => {
      const what = `apply ${subresource ?? "fields"} of ${nameOf(resource, ref)}`;
      const path =
        objectPath(resource, ref, subresource) +
        queryOf({
          fieldManager: owner,
          force,
          ...(dryRun ? DRY_RUN : {}),
        });
      // JSON is YAML. The server wants the object named inside as well as in the path.
      const metadata = { ...metadataOf(body), ...ref };
      const json = { ...body, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata };
      return await askObject({ method: "PATCH", path, what, json, contentType: APPLY_PATCH }, limits);
    },
    delete: async (resource, ref, { graceSeconds, uid, resourceVersion } = {}, limits = {}) => {
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      const json = {
        apiVersion: "v1",
        kind: "DeleteOptions",
        ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: Math.floor(graceSeconds) }),
        ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
      };
      await ask(
        { method: "DELETE", path: objectPath(resource, ref), what: `delete ${nameOf(resource, ref)}`, json },
        limits,
      );
    },
    getScale: async (resource, ref, limits = {}) => {
      const what = `get the scale of ${nameOf(resource, ref)}`;
      return await askObject({ method: "GET", path: objectPath(resource, ref, "scale"), what }, limits);
    },
    patchScale: async (resource, ref, { replicas, resourceVersion }, limits = {}) => {
      if (!Number.isInteger(replicas) || replicas < 0) {
        throw new AppError(
          "bug",
          `cannot scale ${nameOf(resource, ref)}: replicas must be a whole number, got ${replicas}`,
        );
      }
      const what = `scale ${nameOf(resource, ref)} to ${replicas}`;
      const body = { metadata: { resourceVersion }, spec: { replicas } };
      return await write("PATCH", objectPath(resource, ref, "scale"), what, body, limits, MERGE_PATCH);
    },
    evict: async (request, limits = {}) => {
      const what = `evict ${nameOf(RESOURCE.pods, request)}`;
      const path = objectPath(RESOURCE.pods, request, "eviction");
      // The UID makes it safe to send twice.
      const answer = await exchange(
        { method: "POST", path, what, json: evictionBody(request), repeatable: true },
        limits,
      );
      if (answer.status >= 200 && answer.status < 300) return { kind: "accepted" };
      const refusal = refusalOf(answer);
      const outcome = evictionOutcome(refusal);
      if (outcome === null) throw refusalError(what, refusal);
      return outcome.kind === "conflict"
        ? await settleConflict(request, refusalError(what, refusal), limits)
        : outcome;
    },
    openWatch: async (resource, selector, { resourceVersion, timeoutSeconds, lifeMs }, limits = {}) => {
      const { signal, deadlineMs = defaultDeadlineMs } = limits;
      const { namespace, fieldSelector, labelSelector } = selector;
      const what = `watch ${resource.plural}`;
      const query = queryOf({
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds,
        fieldSelector,
        labelSelector,
      });
      const path = listPath(resource, namespace) + query;
      const answer = await withToken(
        async (token) =>
          await transport.open(
            { method: "GET", path, what, token, repeatable: true },
            { deadlineMs, lifeMs, signal },
          ),
      );
      if ("lines" in answer) return answer.lines;
      throw refusalError(what, refusalOf(answer));
    },
    exec: async (request, { signal, deadlineMs = defaultDeadlineMs, onOpen } = {}) => {
      const call = execCall(request);
      const answer = await withToken(
        async (token) => await transport.upgrade({ ...call.request, token }, { deadlineMs, signal }),
      );
      if (!("socket" in answer)) throw refusalError(call.request.what, refusalOf(answer));
      onOpen?.();
      return await readExec({ call, upgrade: answer, server: config.server, signal });
    },
    read: async (path, limits = {}) => await ask({ method: "GET", path, what: `read ${path}` }, limits),
    readText: async (path, limits = {}) =>
      await askText({ method: "GET", path, what: `read ${path}` }, limits),
    close: () => {
      transport.close();
    },
  };

  /** 409 on an eviction is a UID that differs, or a write that lost a race; the pod itself tells which. */
  async function settleConflict(
    request: EvictionRequest,
    error: AppError,
    limits: CallOptions,
  ): Promise<EvictionOutcome> {
    const call = {
      method: "GET" as const,
      path: objectPath(RESOURCE.pods, request),
      what: `get ${request.name}`,
    };
    try {
      const pod = await askObject(call, limits);
      if (pod.metadata.uid !== request.uid) return { kind: "replaced" };
    } catch (failure) {
      if (kindOf(failure) === "not-found") return { kind: "gone" };
      throw failure;
    }
    throw error;
  }
}

const MERGE_PATCH = "application/merge-patch+json";
const JSON_PATCH = "application/json-patch+json";
const APPLY_PATCH = "application/apply-patch+yaml";

function metadataOf(body: object): object {
  return "metadata" in body && typeof body.metadata === "object" ? (body.metadata ?? {}) : {};
}
