// A request of AWS's Query protocol: a form whose lists are numbered fields (`Filters.member.1.Values.member.2`). It
// reads what a request says and refuses what cannot be read, as the service does; what it means is in aws-actions.ts.

/** What the service answers instead of doing what it was asked for. */
export class AwsRefusal extends Error {
  override readonly name = "AwsRefusal";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status: number = statusOf(code)) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** With which status a code comes; the rest comes with 400. */
const STATUSES: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  AccessDeniedException: 403,
  ExpiredToken: 403,
  InsufficientInstanceCapacity: 500,
  InternalFailure: 500,
  InvalidClientTokenId: 403,
  MissingAuthenticationToken: 403,
  OptInRequired: 403,
  RequestLimitExceeded: 503,
  ResourceContention: 500,
  ServiceLinkedRoleFailure: 500,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  UnauthorizedOperation: 403,
};

export function statusOf(code: string): number {
  return STATUSES[code] ?? 400;
}

export interface AwsQuery {
  readonly action: string;
  /** As they came, `Action` and `Version` left out. */
  readonly parameters: Readonly<Record<string, string>>;
  text(name: string): string | null;
  /** @throws AwsRefusal for what is no number of that size. */
  integer(name: string, bounds?: { readonly max?: number }): number | null;
  flag(name: string): boolean | null;
  list(name: string): readonly string[];
  filters(): readonly QueryFilter[];
}

export interface QueryFilter {
  readonly name: string;
  readonly values: readonly string[];
}

const API_VERSION = "2011-01-01";

/** @throws AwsRefusal when the form names no action or another version of the API. */
export function parseQuery(body: string): AwsQuery {
  const form = new URLSearchParams(body);
  const action = form.get("Action");
  if (action === null || action === "")
    throw new AwsRefusal("MissingAction", "The request is missing an action or a required parameter.");
  if (form.get("Version") !== API_VERSION)
    throw new AwsRefusal(
      "InvalidAction",
      `Could not find operation ${action} for version ${form.get("Version") ?? "NO_VERSION_SPECIFIED"}`,
    );
  const { Action: _action, Version: _version, ...parameters } = Object.fromEntries(form);

  function list(name: string): readonly string[] {
    const values: string[] = [];
    for (let at = 1; ; at += 1) {
      const value = form.get(`${name}.member.${at}`);
      if (value === null) return values;
      values.push(value);
    }
  }

  return {
    action,
    parameters,
    text: (name) => form.get(name),
    integer: (name, { max } = {}) => {
      const text = form.get(name);
      if (text === null) return null;
      if (!/^-?\d+$/.test(text)) throw invalid(name, text, "Member must be an integer");
      const value = Number(text);
      if (value < 0) throw invalid(name, text, "Member must have value greater than or equal to 0");
      if (max !== undefined && value > max)
        throw invalid(name, text, `Member must have value less than or equal to ${max}`);
      return value;
    },
    flag: (name) => {
      const text = form.get(name);
      if (text === null) return null;
      if (text !== "true" && text !== "false") throw invalid(name, text, "Member must be true or false");
      return text === "true";
    },
    list,
    filters: () => {
      const filters: QueryFilter[] = [];
      for (let at = 1; ; at += 1) {
        const name = form.get(`Filters.member.${at}.Name`);
        if (name === null) return filters;
        filters.push({ name, values: list(`Filters.member.${at}.Values`) });
      }
    },
  };
}

/** A required parameter. @throws AwsRefusal without it. */
export function required<T>(name: string, value: T | null): T {
  if (value === null) throw invalid(name, null, "Member must not be null");
  return value;
}

function invalid(name: string, value: string | null, constraint: string): AwsRefusal {
  const field = `${name.charAt(0).toLowerCase()}${name.slice(1)}`;
  const shown = value === null ? "null" : `'${value}'`;
  return new AwsRefusal(
    "ValidationError",
    `1 validation error detected: Value ${shown} at '${field}' failed to satisfy constraint: ${constraint}`,
  );
}
