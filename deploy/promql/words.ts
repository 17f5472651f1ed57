// The turns of phrase of our queries, each of which somebody gets wrong who writes a query anew: whose gauges count, and
// how a counter is read that appears with its first event. Text in, text out; nothing here knows a metric but `leader`.

/**
 * A gauge of the coordinator, from the replica that leads. Another one still shows what it knew when it led, and one that
 * never led shows nothing.
 */
export function leading(selector: string): string {
  return `(${selector} and on (instance) gpu_autoscaler_leader == 1)`;
}

/**
 * Series of counters that went up within `window`, also where the node has left in the meantime. A series that appears
 * with the value 1 has not increased for Prometheus; here it has gone up. The value says that, not by how much.
 */
export function grew(selector: string, window: string): string {
  return `((increase(${selector}[${window}]) > 0) or (max_over_time(${selector}[${window}]) > 0 unless ${selector} offset ${window}))`;
}

/** By how much counters that are there now went up within `window`, the first event of a series included. */
export function counted(selector: string, window: string): string {
  return `clamp_min((${selector} - ${selector} offset ${window}) or ${selector}, 0)`;
}

/** Of a histogram, by these labels. */
export function quantile(q: number, histogram: string, window: string, by: readonly string[] = []): string {
  const bucket = histogram.replace(/^\w+/, (name) => `${name}_bucket`);
  return `histogram_quantile(${q}, sum by (${["le", ...by].join(", ")}) (rate(${bucket}[${window}])))`;
}

/** Name of a job, or the same behind a namespace, as a PodMonitor gives it without a label of its own. */
export function ofJob(name: string): string {
  return `job=~"(.+/)?${name}"`;
}
