// What the leader answers when somebody asks why: pages of the admin server about its last decision. Nothing is
// worked out before it is asked for, and one decision is worked out again once at most. A replica that does not lead
// has decided nothing and says who has.

import type { Page } from "../../shared/runtime/admin.ts";
import type { Explainer } from "../decide/answer/explain.ts";
import type { Explanation } from "../decide/answer/explanation.ts";
import type { Plan } from "../decide/plan.ts";
import type { Snapshot } from "../decide/snapshot.ts";

export interface ExplainPages {
  /** The decision that stands from now on. */
  keep(snapshot: Snapshot, plan: Plan): void;
  /** Leadership has ended: what is kept here is nobody's decision any more. */
  forget(): void;
  readonly routes: Readonly<Record<string, (url: URL) => Page>>;
}

/** Items of the snapshot's lists in one piece of its page. */
const ITEMS_IN_PIECE = 200;

/** Tells "the decision has no such thing" from "the server has no such page", which have the same status. */
export const NOT_IN_DECISION = "NotInDecision";

interface Kept {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  explain: Explainer | null;
}

export function createExplainPages(parts: {
  /** Decides once more, which gives the same, and keeps what it was worked out from. */
  readonly explain: (snapshot: Snapshot) => Explainer;
  /** Identity of the leader by the lease, as far as it has been seen. */
  readonly leader: () => string | null;
}): ExplainPages {
  let kept: Kept | null = null;

  const withKept = (answer: (kept: Kept) => Page) => (): Page =>
    kept === null ? refusal(503, "NotLeading", notLeading(parts.leader())) : answer(kept);
  const explained =
    (find: (explain: Explainer, names: readonly string[]) => Explanation | null) =>
    (url: URL): Page =>
      withKept((at) => {
        at.explain ??= parts.explain(at.snapshot);
        const names = namesIn(url);
        const found = find(at.explain, names);
        return found === null
          ? refusal(404, NOT_IN_DECISION, `the last decision knows no ${names.join("/")}`)
          : json(found);
      })();

  return {
    keep: (snapshot, plan) => {
      kept = { snapshot, plan, explain: null };
    },
    forget: () => {
      kept = null;
    },
    routes: {
      "/explain": withKept(({ snapshot, plan }) => json(summaryOf(snapshot, plan))),
      "/explain/pods/*": explained((explain, names) => explain.pod(names.join("/"))),
      "/explain/nodes/*": explained((explain, [node = ""]) => explain.node(node)),
      "/explain/pools/*": explained((explain, [policy = "", pool = ""]) => explain.pool(policy, pool)),
      "/snapshot": withKept(({ snapshot }) => ({
        contentType: "application/json",
        body: snapshotPieces(snapshot),
      })),
    },
  };
}

export function summaryOf(snapshot: Snapshot, plan: Plan): Explanation {
  return {
    kind: "summary",
    at: plan.at,
    policies: snapshot.policies.map(({ name }) => name),
    nodes: snapshot.nodes.length,
    pods: snapshot.pods.length,
    plan,
  };
}

/** The snapshot as JSON. A large one has tens of MiB: as one text it would be held three times over. */
export function* snapshotPieces(snapshot: Snapshot): Generator<string> {
  let opening = "{";
  for (const [name, value] of Object.entries(snapshot)) {
    if (value === undefined) continue;
    yield `${opening}${JSON.stringify(name)}:`;
    opening = ",\n";
    if (Array.isArray(value)) yield* listPieces(value);
    else yield JSON.stringify(value);
  }
  yield "}\n";
}

function* listPieces(items: readonly unknown[]): Generator<string> {
  if (items.length === 0) yield "[";
  for (let from = 0; from < items.length; from += ITEMS_IN_PIECE) {
    const piece = items.slice(from, from + ITEMS_IN_PIECE).map((item) => JSON.stringify(item));
    yield `${from === 0 ? "[" : ",\n"}${piece.join(",\n")}`;
  }
  yield "]";
}

/** `/explain/<what>/<names>`: a name has no slash of its own, so each part is one. */
function namesIn({ pathname }: URL): readonly string[] {
  return pathname.split("/").slice(3).map(decoded);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function notLeading(leader: string | null): string {
  return leader === null
    ? "this replica has decided nothing yet, and nobody is known to lead"
    : `this replica has decided nothing; ${leader} leads`;
}

function json(body: object, status = 200): Page {
  return { status, contentType: "application/json", body: `${JSON.stringify(body)}\n` };
}

/** In the form in which the Kubernetes API refuses, since it is asked through that. */
export function refusal(code: number, reason: string, message: string): Page {
  return json({ apiVersion: "v1", kind: "Status", status: "Failure", code, reason, message }, code);
}
