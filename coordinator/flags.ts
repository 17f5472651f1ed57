// The flags that the coordinator's process is started with, in one place for the image, the demo and the tests.

/**
 * Heap bound well above what 500 nodes need. No source maps at run time: Node holds the parsed map of the whole
 * bundle, which took 143 MiB of resident memory instead of 81. The map lies beside the bundle for whoever reads
 * a stack trace. The young generation is bounded, since left alone it grows to 100 MiB under a fleet's reports:
 * 500 nodes and 5,000 pods take 183 MiB at most instead of 281 (`npm run bench -- coordinator`).
 */
export const COORDINATOR_NODE_FLAGS: readonly string[] = [
  "--max-old-space-size=512",
  "--max-semi-space-size=8",
];
