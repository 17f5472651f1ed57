// Answers that Google's API gives on a bad day, as troubles for face.ts: fields that are gone or of another type, an empty
// page, an error that calls itself a success. What the service refuses in good order is in gcp-actions.ts.

import type { Trouble } from "./trouble.ts";

/** JSON cut in half, in an answer that ends in good order. The call takes effect. */
export const CUT_IN_HALF: Trouble = { kind: "half-body" };

/** Whatever the group's size is, the answer does not say it. */
export function withoutSize(group: string): Trouble {
  return editGroup(group, ({ targetSize: _gone, ...rest }) => rest);
}

/** The group's size in another type, as Google's own clients let it through. */
export function withSize(group: string, size: unknown): Trouble {
  const changed = editGroup(group, (fields) => ({ ...fields, targetSize: size }));
  return { ...changed, breaks: "the size is of another type" };
}

type Fields = Readonly<Record<string, unknown>>;
type Edit = Extract<Trouble, { readonly kind: "edit" }>;

function editGroup(group: string, change: (fields: Fields) => Fields): Edit {
  return edited((body) => {
    const { items } = body;
    if (Array.isArray(items))
      return {
        ...body,
        items: items.map((item: Fields) => (item["name"] === group ? change(item) : item)),
      };
    return body["name"] === group ? change(body) : body;
  });
}

/** `breaks`: what of it Google would never write; without it the answer has to fit Google's own description. */
export function edited(change: (body: Fields) => unknown, breaks?: string): Edit {
  const edit = (text: string): string => JSON.stringify(change(JSON.parse(text) as Fields));
  return { kind: "edit", edit, ...(breaks === undefined ? {} : { breaks }) };
}

/** The first page has nothing on it and promises a next one, which is the page itself. */
export const EMPTY_PAGE: Trouble = edited(({ items: _items, managedInstances: _members, ...rest }) => ({
  ...rest,
  nextPageToken: Buffer.from("0").toString("base64url"),
}));

/** An error in an answer with status 200. The call takes effect. */
export const ERROR_IN_200: Trouble = edited(
  () => ({ error: { code: 400, message: "not so", errors: [{ reason: "invalid", message: "not so" }] } }),
  "an error under status 200",
);

/** For `refuse`: no answer of the service, but the page of a balancer before it, with status 502. */
export const BALANCER_PAGE = "a balancer's page";

interface Words {
  readonly status: number;
  readonly text: string;
}

const REASONS: Readonly<Record<string, Words>> = {
  forbidden: {
    status: 403,
    text: "Required 'compute.instanceGroupManagers.update' permission for 'projects/p/zones/z/instanceGroupManagers/g'",
  },
  rateLimitExceeded: { status: 403, text: "Rate Limit Exceeded" },
  quotaExceeded: { status: 403, text: "Quota 'GPUS_ALL_REGIONS' exceeded. Limit: 8.0 globally." },
  authError: { status: 401, text: "Invalid Credentials" },
  accessNotConfigured: { status: 403, text: "Compute Engine API has not been used in project 1 before" },
  backendError: { status: 503, text: "Backend Error" },
  internalError: { status: 500, text: "Internal Error" },
  conditionNotMet: { status: 412, text: "Invalid fingerprint." },
  resourceNotReady: { status: 400, text: "The resource is not ready" },
  notFound: { status: 404, text: "The resource was not found" },
  invalid: { status: 400, text: "Invalid value for field" },
  tooManyRequests: { status: 429, text: "Too Many Requests" },
};

/** The status that the service gives with a reason, as far as we have seen it. */
export function reasonOf(reason: string): Words & { readonly reason: string } {
  return { reason, ...(REASONS[reason] ?? { status: 400, text: `${reason} on demand` }) };
}
