// The names of metrics and labels in a query, so that a test can ask whether they exist. Not a parser: whether the query
// is one is promtool's to say, and what is asked here is only right for one that is.

export interface QueryNames {
  /** Each selector with a metric's name, and the labels that it matches. */
  readonly metrics: readonly { readonly name: string; readonly labels: readonly string[] }[];
  /** Labels by which the query groups and joins. */
  readonly groups: readonly string[];
  /** Labels that the query makes itself. */
  readonly made: readonly string[];
}

const TOKEN =
  /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|\[[^\]]*\]|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[a-z]\w*)?|[a-zA-Z_:][\w:]*|[^\s]/g;
const LABEL_LISTS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);
const OTHER_WORDS =
  "sum avg min max count group quantile topk bottomk stddev stdvar and or unless bool offset inf nan".split(
    " ",
  );
const WORDS = new Set([...LABEL_LISTS, ...OTHER_WORDS]);
const isName = (token: string | undefined): boolean => /^[a-zA-Z_:]/.test(token ?? "");

/** @param query without Grafana's variables, see `filled`. */
export function namesIn(query: string): QueryNames {
  const tokens = query.match(TOKEN) ?? [];
  const metrics: { name: string; labels: readonly string[] }[] = [];
  const groups: string[] = [];
  const made: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? "";
    const next = tokens[at + 1];
    if (token === "{") {
      // A selector without a name before it: which metric it is, a person chooses.
      at = closing(tokens, at, "}");
    } else if (LABEL_LISTS.has(token)) {
      if (next !== "(") continue;
      const end = closing(tokens, at, ")");
      groups.push(...tokens.slice(at + 2, end).filter(isName));
      at = end;
    } else if (token === "label_replace") {
      made.push(madeLabel(tokens, at + 1));
    } else if (isName(token) && !WORDS.has(token) && next !== "(") {
      const end = next === "{" ? closing(tokens, at, "}") : at;
      metrics.push({ name: token, labels: tokens.slice(at + 2, end).filter(isName) });
      at = end;
    }
  }
  return { metrics, groups, made };
}

const FILLED: Readonly<Record<string, string>> = {
  __rate_interval: "5m",
  __interval: "1m",
  __range: "6h",
};

/** The query as Grafana would send it; of its own variables `.+` is what stands for all, unless one is chosen. */
export function filled(query: string, chosen: Readonly<Record<string, string>> = {}): string {
  return query.replace(/\$([A-Za-z_]\w*)/g, (_, name: string) => FILLED[name] ?? chosen[name] ?? ".+");
}

function closing(tokens: readonly string[], from: number, bracket: string): number {
  const at = tokens.indexOf(bracket, from);
  if (at < 0) throw new Error(`no ${bracket} after ${tokens.slice(from, from + 6).join(" ")}`);
  return at;
}

/** Second argument of label_replace: the first text that stands in its own brackets. */
function madeLabel(tokens: readonly string[], open: number): string {
  let depth = 0;
  for (const token of tokens.slice(open)) {
    if (token === "(" || token === "{") depth++;
    if (token === ")" || token === "}") depth--;
    if (depth === 1 && token.startsWith('"')) return token.slice(1, -1);
  }
  throw new Error("label_replace without the name of a label");
}
