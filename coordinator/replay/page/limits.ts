// What a replay does not model, in sentences for whoever reads its page. Kept beside the page so that no page goes
// without it; the engine's README has the reasons.

export const NOT_MODELLED: readonly string[] = [
  "Only work that arrived in the window is played. What was under way as it began is not in it; the warm-in fills the fleet.",
  "Your work would have come at the same time under every policy. People who wait longer and ask for less, or retry, are not in it.",
  "A job runs as long as the trace says, on any GPU that it takes. Faster or slower kinds, shared GPUs and the speed of the network between nodes are not in it.",
  "Machines are to be had as the capacity trace says, whoever asks. That our own asking changes what is left for us later, or what spot costs, is not in it.",
  "Money is node time at the price list. Storage, traffic, support, taxes, discounts that are not in the list and the control plane are not in it.",
  "Start times of nodes come from the warm-up model with its spread. Quota, slow images on a bad day and faults of the provider's API are in it only where the scenario says so.",
  "The coordinator is always there and acts at once. Its restarts, a leader that changes and a slow API server are tested elsewhere and not here.",
  "Nothing of the past says that the next month will be like this one.",
];
