// What documents show and nothing here can check, each with the reason. What no document shows any more has to go from
// this list: the test asks for that too.

/** Programs that no machine for tests has, or whose answer needs an account. */
export const NOT_ASKED: Readonly<Record<string, string>> = {
  aws: "its own command line, and an account; the calls behind it are those of deploy/clouds/aws/policy.test.ts",
  gcloud: "its own command line, and an account",
  az: "its own command line, and an account",
  docker: "needs a daemon; test/e2e/images.test.ts builds and runs the images without one",
  buildah: "its own command line; test/e2e/images.test.ts runs it where it is installed",
  sh: "runs what this repository has packed into a folder outside of it",
  sed: "POSIX",
  date: "POSIX but for -d, which is GNU's",
  cp: "POSIX",
  curl: "everybody's",
  python3: "Python's own flags; deploy/examples/checkpoint has a test that runs the file",
};

interface Exception {
  readonly file: string;
  /** How the piece begins. */
  readonly begins: string;
  readonly why: string;
}

/** Blocks between fences that are neither commands nor data. */
export const NOT_CHECKED: readonly Exception[] = [
  { file: "README.md", begins: " node  ", why: "a drawing" },
  {
    file: "README.md",
    begins: "gpu-autoscaler demo:",
    why: "what the demo prints, shortened; test/e2e/demo-breaks.test.ts runs it",
  },
  {
    file: "deploy/docs/forecast.md",
    begins: "policy,gpu_type,at,gpus",
    why: "a history file; coordinator/forecast/history.test.ts reads such",
  },
];

/** Commands that could not be typed as they stand, and are not meant to be. */
export const NOT_TYPED: readonly Exception[] = [];
