// Of the dashboard of interruptions: what became of nodes that were drained and of their pods.

import { counted, quantile } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

export const DRAINS: Dashboard["sections"][number] = {
  title: "Drains",
  panels: [
    {
      title: "How soon is a node closed after a notice?",
      look: "99 of 100: from a notice or request to cordon and taint. A second lost here is a second that pods do not have.",
      unit: "s",
      queries: [
        {
          query: quantile(0.5, "gpu_autoscaler_notice_to_cordon_seconds", "$__range"),
          legend: "half of them",
        },
        {
          query: quantile(0.99, "gpu_autoscaler_notice_to_cordon_seconds", "$__range"),
          legend: "99 of 100",
        },
      ],
    },
    {
      title: "How long does a drain take?",
      look: "Nine of ten, to the last evictable pod being gone. Compare with what the cloud gives: 120 s, 30 s, or what its event says.",
      unit: "s",
      queries: [
        {
          query: quantile(0.9, "gpu_autoscaler_drain_seconds", "$__range", ["cause"]),
          legend: "{{cause}}",
        },
      ],
    },
    {
      title: "What became of the pods?",
      look: "remaining: there at the deadline, their work is lost. forced: deleted past a budget, only on a real notice. kept: left where they are, as they or the drill ask.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (class, outcome) (${counted("gpu_autoscaler_drain_pods_total", "$__interval")})`,
          legend: "{{class}} {{outcome}}",
        },
      ],
    },
    {
      title: "Did a drain miss its deadline?",
      look: "Each one is worth a look at its pods: grace periods longer than the notice, budgets that never give way.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (cause) (${counted("gpu_autoscaler_drains_unfinished_total", "$__interval")})`,
          legend: "{{cause}}",
        },
      ],
    },
    {
      title: "Did pods save their work?",
      look: "Answers to the call to save. late and failed lost what was not saved before; no-hook asked for no call.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (result) (${counted("gpu_autoscaler_checkpoint_seconds_count", "$__interval")})`,
          legend: "{{result}}",
        },
      ],
    },
    {
      title: "How long does saving take?",
      look: "Nine of ten that saved. What comes near the notice's length does not fit a shorter one.",
      unit: "s",
      queries: [
        {
          query: quantile(0.9, 'gpu_autoscaler_checkpoint_seconds{result="saved"}', "$__range"),
          legend: "saved",
        },
      ],
    },
    {
      title: "Were lost nodes replaced?",
      look: "Moves that replace a node under notice, and agents that were told that a gang of theirs loses a node elsewhere.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (capacity_type, success) (${counted('gpu_autoscaler_scaling_actions_total{action="replace"}', "$__interval")})`,
          legend: "replaced by {{capacity_type}}, success {{success}}",
        },
        {
          query: `sum(increase(gpu_autoscaler_peers_told_total[$__rate_interval]))`,
          legend: "peers told",
        },
        {
          query: `sum by (outcome) (${counted("gpu_autoscaler_peer_words_total", "$__interval")})`,
          legend: "peers: {{outcome}}",
        },
      ],
    },
    {
      title: "Which drains were asked for, and which machines outlived their notice?",
      look: "refused: the agent's own reading was not idle. survived: the cloud took its notice back without a word, or took the machine late.",
      unit: "short",
      shown: "bars",
      interval: "1m",
      queries: [
        {
          query: `sum by (answer) (${counted("gpu_autoscaler_drain_requests_total", "$__interval")})`,
          legend: "request {{answer}}",
        },
        {
          query: `sum by (source) (${counted("gpu_autoscaler_interruptions_survived_total", "$__interval")})`,
          legend: "survived {{source}}",
        },
      ],
    },
  ],
};
