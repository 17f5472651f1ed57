// Pool by pool: what sizes it, why it moved or held, how long its machines take, and what its provider says.

import { counted, leading, quantile } from "../promql/words.ts";
import type { Dashboard } from "./panel.ts";

const CHOSEN = 'policy=~"$policy", pool=~"$pool"';

export const POOLS: Dashboard = {
  name: "pools",
  about: "Each node pool, for whoever asks why one does not grow or shrink. Needs the coordinator's page.",
  variables: [
    { kind: "label", name: "policy", of: "gpu_autoscaler_pool_info", label: "policy" },
    { kind: "label", name: "pool", of: 'gpu_autoscaler_pool_info{policy=~"$policy"}', label: "pool" },
  ],
  sections: [
    {
      title: "Size",
      panels: [
        {
          title: "What sizes each pool, and how is it paid?",
          look: "back_end none: no group is named, and the pool only holds. simulated buys nothing.",
          unit: "short",
          shown: "table",
          queries: [{ query: leading(`gpu_autoscaler_pool_info{${CHOSEN}}`), legend: "" }],
        },
        {
          title: "How many nodes does a pool have, and how many should it?",
          look: "ready, draining, booting, sick and leaving together are its nodes that are there. Asked for stays above them while machines boot; sick ones that stay are machines that somebody pays for and nobody can use.",
          unit: "short",
          queries: [
            {
              query: `sum by (policy, pool, state) (${leading(`gpu_autoscaler_pool_nodes{${CHOSEN}}`)})`,
              legend: "{{policy}}/{{pool}} {{state}}",
            },
            {
              query: `sum by (policy, pool) (${leading(`gpu_autoscaler_pool_desired_nodes{${CHOSEN}}`)})`,
              legend: "{{policy}}/{{pool}} asked for",
            },
          ],
        },
        {
          title: "What do the conditions of each policy say?",
          look: "The status that holds of each condition. Active False: nothing is done. NoGroup True, GroupsMatch False or Valid False each need a person; kubectl describe asp NAME has the sentence.",
          unit: "short",
          shown: "table",
          queries: [
            {
              query: `sum by (policy, type, status) (${leading('gpu_autoscaler_policy_condition{policy=~"$policy"}')} == 1)`,
              legend: "",
            },
          ],
        },
        {
          title: "How many nodes of a pool are on their way?",
          look: "Asked for, not here yet and still counted on. What stays here for minutes is booting; what vanishes without a node was given up.",
          unit: "short",
          queries: [
            {
              query: `sum by (policy, pool) (${leading(`gpu_autoscaler_inflight_nodes{${CHOSEN}}`)})`,
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
      ],
    },
    {
      title: "Decisions",
      panels: [
        {
          title: "Why did a pool change?",
          look: "Moves that were decided, by their first reason. The reference of reasons says what each means.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (pool, action, reason) (${counted(`gpu_autoscaler_decision_total{action!="hold", ${CHOSEN}}`, "$__interval")})`,
              legend: "{{pool}}: {{action}}, {{reason}}",
            },
          ],
        },
        {
          title: "Why did a pool stay as it is?",
          look: "Holds of each cycle by their first reason. nothing-to-do is rest; cooldown, at-maximum, no-capacity, price-unknown and the like say what is in the way.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (pool, reason) (${counted(`gpu_autoscaler_decision_total{action="hold", ${CHOSEN}}`, "$__interval")})`,
              legend: "{{pool}}: {{reason}}",
            },
          ],
        },
        {
          title: "How long until a pool may grow or shrink again?",
          look: "Cooldowns that run down to zero. Minima and replacements do not wait for them.",
          unit: "s",
          queries: [
            {
              query: `max by (policy, pool) (${leading(`gpu_autoscaler_scale_up_cooldown_remaining_seconds{${CHOSEN}}`)})`,
              legend: "{{policy}}/{{pool}} up",
            },
            {
              query: `max by (policy, pool) (${leading(`gpu_autoscaler_scale_down_cooldown_remaining_seconds{${CHOSEN}}`)})`,
              legend: "{{policy}}/{{pool}} down",
            },
          ],
        },
      ],
    },
    {
      title: "Launches",
      panels: [
        {
          title: "How long from a decision to the first pod on the machine?",
          look: "Nine of ten machines took at most this. Set pendingPodTimeoutSeconds and schedules with it in mind.",
          unit: "s",
          queries: [
            {
              query: quantile(
                0.9,
                `gpu_autoscaler_launch_stage_duration_seconds{stage="total", ${CHOSEN}}`,
                "$__range",
                ["policy", "pool"],
              ),
              legend: "{{policy}}/{{pool}}",
            },
          ],
        },
        {
          title: "Which stage of a launch takes the time?",
          look: "Nine of ten machines, each stage from the one before. accepted and launched are the provider's, registered and ready the image's and the driver's.",
          unit: "s",
          queries: [
            {
              query: quantile(
                0.9,
                `gpu_autoscaler_launch_stage_duration_seconds{stage!="total", ${CHOSEN}}`,
                "$__range",
                ["pool", "stage"],
              ),
              legend: "{{pool}}: {{stage}}",
            },
          ],
        },
        {
          title: "What can a policy not have at the moment?",
          look: "Offerings that failed and rest. A single node is tried again after a while; what succeeds is used again.",
          unit: "short",
          queries: [
            {
              query: `sum by (policy, kind) (${leading('gpu_autoscaler_offerings_paused{policy=~"$policy"}')})`,
              legend: "{{policy}}: {{kind}}",
            },
          ],
        },
      ],
    },
    {
      title: "Providers",
      panels: [
        {
          title: "How do calls to providers end?",
          look: "Anything but ok. not-sent: the call had no turn in its time, so the account is asked more than it allows.",
          unit: "short",
          shown: "bars",
          interval: "1m",
          queries: [
            {
              query: `sum by (account, call, result) (${counted('gpu_autoscaler_provider_calls_total{result!="ok"}', "$__interval")})`,
              legend: "{{account}} {{call}}: {{result}}",
            },
          ],
        },
        {
          title: "How long does a provider take to answer?",
          look: "99 of 100 calls, the wait for their turn left out. A call has a deadline that is shorter than what is left of the lease.",
          unit: "s",
          queries: [
            {
              query: quantile(0.99, "gpu_autoscaler_provider_call_duration_seconds", "$__rate_interval", [
                "account",
                "call",
              ]),
              legend: "{{account}} {{call}}",
            },
          ],
        },
        {
          title: "Does an account rest, and how old is what is known of its groups?",
          look: "A rest is the provider's wish for fewer calls. An age that keeps growing: sizes are decided on what was true then.",
          unit: "s",
          queries: [
            {
              query: `max by (account) (${leading("gpu_autoscaler_provider_backoff_seconds")})`,
              legend: "{{account}} rests",
            },
            {
              query: `max by (account) (${leading("gpu_autoscaler_provider_groups_age_seconds")})`,
              legend: "{{account}} was read",
            },
          ],
        },
      ],
    },
  ],
};
