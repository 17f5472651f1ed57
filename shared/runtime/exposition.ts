// The two text formats in which Prometheus and those like it read metrics: its own of old, and OpenMetrics. Says how
// a family is headed, how a label and a number are written, and which format a client asks for. Knows no metric.

export type MetricsFormat = "text" | "openmetrics";

export const METRICS_CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** What stands at the end of a page: OpenMetrics can tell a whole page from one that was cut off. */
export const METRICS_END: Readonly<Record<MetricsFormat, string>> = { text: "", openmetrics: "# EOF\n" };

export interface FamilyHead {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

const COUNTER_SUFFIX = "_total";

/**
 * The two lines before the series of a family. OpenMetrics names a counter without the `_total` that its series
 * carry; a counter whose name has no such end, as others have named it, is of unknown type there, since its series
 * would have to be renamed otherwise.
 */
export function headOf(family: FamilyHead, format: MetricsFormat): string {
  const { name, type, help } = family;
  if (format === "text") return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  const named = type === "counter" && name.endsWith(COUNTER_SUFFIX);
  const shown = named ? name.slice(0, -COUNTER_SUFFIX.length) : name;
  const typed = type === "counter" && !named ? "unknown" : type;
  return `# HELP ${shown} ${escapeHelp(help).replaceAll('"', '\\"')}\n# TYPE ${shown} ${typed}\n`;
}

/** `a="1",b="2"`, in the order of the record; empty without labels. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  let text = "";
  for (const [name, value] of Object.entries(labels))
    text += `${text === "" ? "" : ","}${name}="${escapeLabel(value)}"`;
  return text;
}

export function escapeLabel(value: string): string {
  return /[\\\n"]/.test(value) ? escapeHelp(value).replaceAll('"', '\\"') : value;
}

export function numberText(value: number): string {
  return value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value);
}

/** The bound of a bucket: OpenMetrics wants it to look like a float, so that both sides write the same label. */
export function boundText(bound: number, format: MetricsFormat): string {
  const text = numberText(bound);
  return format === "openmetrics" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/**
 * The format that a client likes best by its Accept header, the older one when it does not say or likes both alike.
 * A client that takes neither gets the older one: a page in an unexpected form helps it more than none.
 */
export function formatFor(accept: string | undefined): MetricsFormat {
  let text = 0;
  let openMetrics = 0;
  for (const range of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const weight = qualityOf(parameters);
    if (type === "application/openmetrics-text" && versionIs(parameters, ["0.0.1", "1.0.0"]))
      openMetrics = Math.max(openMetrics, weight);
    if (["text/plain", "text/*", "*/*"].includes(type) && versionIs(parameters, ["0.0.4"]))
      text = Math.max(text, weight);
  }
  return openMetrics > text ? "openmetrics" : "text";
}

/** Whether a client takes gzip by its Accept-Encoding header. */
export function takesGzip(acceptEncoding: string | undefined): boolean {
  const named = (acceptEncoding ?? "").split(",").map((part) => {
    const [coding = "", ...parameters] = part.split(";").map((one) => one.trim().toLowerCase());
    return { coding, weight: qualityOf(parameters) };
  });
  const gzip =
    named.find(({ coding }) => coding === "gzip" || coding === "x-gzip") ??
    named.find(({ coding }) => coding === "*");
  return gzip !== undefined && gzip.weight > 0;
}

function qualityOf(parameters: readonly string[]): number {
  const written = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const quality = written === undefined ? 1 : Number(written);
  return quality >= 0 && quality <= 1 ? quality : 0;
}

function versionIs(parameters: readonly string[], versions: readonly string[]): boolean {
  const version = parameters.find((parameter) => parameter.startsWith("version="))?.slice("version=".length);
  return version === undefined || versions.includes(version.replaceAll('"', ""));
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
