// Which build of the programs this is: the bundler writes version and revision in. Run from the source there is neither,
// and it says so instead of guessing.

interface BuildInfo {
  /** Of package.json. */
  readonly version: string;
  /** The commit that it was built from; "unknown" where nobody told the bundler. */
  readonly revision: string;
}

/** Replaced by the bundler; not declared anywhere when the source runs. */
declare const GPUAS_BUILD: BuildInfo;

export const BUILD: BuildInfo =
  typeof GPUAS_BUILD === "undefined" ? { version: "from source", revision: "unknown" } : GPUAS_BUILD;

/** Whether the words after a program ask for its version and for nothing else. */
export function asksForVersion(argv: readonly string[]): boolean {
  return argv.length === 1 && argv[0] === "--version";
}

/** `gpu-autoscaler-agent 0.1.0 (revision 0123abc, Node v24.21.0)`, without a line's end. */
export function versionLine(program: string, build: BuildInfo = BUILD): string {
  return `${program} ${build.version} (revision ${build.revision}, Node ${process.version})`;
}
