// What cases of alerts are made of. Values are in the notation of promtool's unit tests, one a minute from minute 0:
// `1+0x60` is sixty-one times 1, `_` no sample, `stale` a series' end.

/** Selector of a series → its values. */
export type Series = Readonly<Record<string, string>>;

export interface Firing {
  /** Minutes after the first sample. */
  readonly at: number;
  readonly series: Series;
  /** Beside the severity. */
  readonly labels: Readonly<Record<string, string>>;
  readonly summary: string;
}

export interface Silent {
  readonly why: string;
  readonly at: number;
  readonly series: Series;
}

export interface AlertCase {
  readonly fires: readonly Firing[];
  readonly silent: readonly Silent[];
}

export const always = (value: number): string => `${value}+0x120`;
export const minutes = (value: number, count: number): string => `${value}+0x${count - 1}`;
export const LEADER = 'gpu_autoscaler_leader{instance="a"}';
export const FOLLOWER = 'gpu_autoscaler_leader{instance="b"}';
export const PAGES = { [LEADER]: always(1), [FOLLOWER]: always(0) };
/** A gauge of the coordinator that leads, beside one that does not. */
export const led = (metric: string, values: string, labels = ""): Series => ({
  ...PAGES,
  [`${metric}{instance="a"${labels === "" ? "" : `, ${labels}`}}`]: values,
});
/** What the other one showed when it led, which it still shows. */
export const kept = (metric: string, value: number, labels = ""): Series => ({
  ...PAGES,
  [`${metric}{instance="b"${labels === "" ? "" : `, ${labels}`}}`]: always(value),
});
export const TARGET = 'instance="10.0.0.1:9402", node="gpu-7"';
export const ON_NODE = { instance: "10.0.0.1:9402", node: "gpu-7" };
