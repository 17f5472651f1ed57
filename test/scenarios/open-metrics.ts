// Whether a page is what OpenMetrics 1.0 asks for, as far as a scraper would refuse or misread it: read line by line
// by the rules of the format, and by nothing that has written the page. Prometheus' own tool reads the older format
// only.

interface Family {
  readonly name: string;
  type: string | null;
  readonly heads: Set<string>;
  readonly samples: Sample[];
}

interface Sample {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** What the names of a family's samples may add to its own. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  gauge: [""],
  unknown: [""],
  info: ["_info"],
  counter: ["_total", "_created"],
  histogram: ["_bucket", "_count", "_sum", "_created"],
};
const END = "# EOF";
const HEAD = /^# (HELP|TYPE|UNIT) ([a-zA-Z_:][\w:]*) (.*)$/u;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/u;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/uy;

/** One sentence for each thing that is wrong; none when all is well. */
export function openMetricsProblems(page: string): readonly string[] {
  if (!page.endsWith(`\n${END}\n`)) return ["the page does not end with its end mark: it may be cut off"];
  const problems: string[] = [];
  const families = new Map<string, Family>();
  let at = "";
  for (const line of page.slice(0, -END.length - 2).split("\n")) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, kind = "", name = "", rest = ""] = head;
      const family = families.get(name) ?? { name, type: null, heads: new Set(), samples: [] };
      if (name !== at && families.has(name)) problems.push(`${name}: its lines do not stand together`);
      at = name;
      families.set(name, family);
      if (family.heads.has(kind)) problems.push(`${name}: has two lines of ${kind}`);
      if (family.samples.length > 0) problems.push(`${name}: ${kind} stands behind a sample`);
      family.heads.add(kind);
      if (kind === "TYPE") family.type = rest;
      continue;
    }
    const sample = sampleOf(line);
    const family = families.get(at);
    if (sample === null) problems.push(`no line of the format: ${line}`);
    else if (family === undefined) problems.push(`${sample.name}: stands before any family`);
    else family.samples.push(sample);
  }
  return [...problems, ...[...families.values()].flatMap(familyProblems)];
}

/** Null when the line is none, or has a label twice. */
function sampleOf(line: string): Sample | null {
  const [, name, labelled, value = ""] = SAMPLE.exec(line) ?? [];
  if (name === undefined) return null;
  const labels = new Map<string, string>();
  let end = 0;
  for (LABEL.lastIndex = 0; labelled !== undefined && end < labelled.length; end = LABEL.lastIndex) {
    const [, label, text = ""] = LABEL.exec(labelled) ?? [];
    if (label === undefined || labels.has(label)) return null;
    labels.set(label, text);
  }
  const number = value === "+Inf" ? Infinity : value === "-Inf" ? -Infinity : Number(value);
  return Number.isNaN(number) && value !== "NaN" ? null : { name, labels, value: number };
}

function familyProblems({ name, type, samples }: Family): readonly string[] {
  const suffixes = SUFFIXES[type ?? ""];
  if (suffixes === undefined) return [`${name}: is of type ${type ?? "none"}`];
  const strays = samples.filter((sample) => !suffixes.some((suffix) => sample.name === name + suffix));
  const keys = samples.map((sample) => keyOf(sample));
  const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
  const wrong = type === "gauge" || type === "unknown" ? [] : samples.filter(({ value }) => !(value >= 0));
  return [
    ...strays.map((sample) => `${name}: ${sample.name} is no sample of a ${type}`),
    ...twice.map((key) => `${name}: twice ${key}`),
    ...wrong.map((sample) => `${name}: counts ${sample.value}`),
    ...(type === "histogram" ? bucketProblems(name, samples) : []),
  ];
}

/** Buckets grow up to the one without a bound, which is the count; their bounds look like floats. */
function bucketProblems(name: string, samples: readonly Sample[]): readonly string[] {
  const of = (suffix: string): readonly Sample[] => samples.filter((one) => one.name === name + suffix);
  const groups = Map.groupBy(of("_bucket"), (sample) => keyOf(sample, "le"));
  const counts = new Map(of("_count").map((sample) => [keyOf(sample), sample.value]));
  return [...groups].flatMap(([key, buckets]) => {
    const bounds = buckets.map(({ labels }) => labels.get("le") ?? "");
    const falls = buckets.some(({ value }, index) => value < (buckets[index - 1]?.value ?? 0));
    const all = buckets.at(-1);
    return [
      ...bounds.filter((bound) => !/^\+Inf$|\.|e/u.test(bound)).map((bound) => `${name}: bound ${bound}`),
      ...(falls ? [`${name}: its buckets fall`] : []),
      ...(bounds.at(-1) === "+Inf" ? [] : [`${name}: has no bucket without a bound`]),
      ...(counts.get(key.replace(/^\w+_bucket/u, `${name}_count`)) === all?.value
        ? []
        : [`${name}: its count is not that of its last bucket`]),
    ];
  });
}

function keyOf({ name, labels }: Sample, without?: string): string {
  const pairs = [...labels]
    .filter(([label]) => label !== without)
    .map(([label, value]) => `${label}=${value}`);
  return `${name}{${pairs.toSorted().join(",")}}`;
}
