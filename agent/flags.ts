// The Node flags that the agent ships with: image, demo and benches take them from here. An agent runs on every
// GPU node, so its memory is counted by the thousand; it allocates little and can afford a small young
// generation and one thread for V8's helpers. Source maps stay off: reading the bundle's own costs 27 MiB. V8's
// last compiler stays off too: nothing here is called often enough to repay it, and its own code costs 5 MiB.

export const AGENT_NODE_FLAGS = [
  "--max-semi-space-size=1",
  "--max-old-space-size=64",
  "--v8-pool-size=1",
  "--single-threaded-gc",
  "--optimize-for-size",
  "--no-opt",
] as const;
