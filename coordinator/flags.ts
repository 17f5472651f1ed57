// The flags that the coordinator's process is started with, in one place for the image, the demo and the tests.

/** Heap bound well above what 500 nodes need, and stack traces that name the sources of the bundle. */
export const COORDINATOR_NODE_FLAGS: readonly string[] = ["--max-old-space-size=512", "--enable-source-maps"];
