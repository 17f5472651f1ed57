// Names of dcgm-exporter that the driver's library alone cannot serve, each with its reason: for the warning at the
// start and for the reference page. A name that is missing here and in the table of fields is simply not read.

/** Names that lists in the wild have and that NVML alone cannot serve. The first row that matches counts. */
const NOT_SERVED: readonly (readonly [RegExp, string])[] = [
  [/^DCGM_FI_DEV_VGPU_/, "what vGPU hosts and licences say is not read"],
  [
    /^DCGM_FI_DEV_PCIE_[TR]X_THROUGHPUT$/,
    "its driver call holds the GPU up for 20 ms; DCGM_FI_PROF_PCIE_TX_BYTES and RX_BYTES say it without",
  ],
  [/^DCGM_FI_DEV_NVLINK_\w+_L\d+$/, "links are read together and not one by one"],
  [
    /^DCGM_EXP_CLOCK_EVENTS_COUNT$/,
    "counts of a sliding window are not kept; gpu_autoscaler_gpu_clock_event_active says which hold now",
  ],
  [
    /^DCGM_EXP_XID_ERRORS_COUNT$/,
    "counts of a sliding window are not kept; gpu_autoscaler_gpu_xid_errors_total counts them",
  ],
  [
    /^DCGM_EXP_GPU_HEALTH_STATUS$/,
    "DCGM's own checks are not run; gpu_autoscaler_gpu_health has the agent's verdicts",
  ],
  [/^DCGM_EXP_/, "made by dcgm-exporter itself and not by the driver"],
  [/^DCGM_FI_PROF_/, "only DCGM's own profiling module has it"],
  [/^DCGM_FI_DEV_(NVSWITCH|CPU)_/, "only GPUs are read"],
  [/^DCGM_/, "the agent does not read it"],
];

export function whyNotServed(name: string): string {
  return NOT_SERVED.find(([pattern]) => pattern.test(name))?.[1] ?? "no name of DCGM begins like this";
}

/** Of dcgm-exporter's default list, what is not served. For the reference page. */
export const DCGM_NOT_SERVED: readonly { readonly name: string; readonly why: string }[] = [
  "DCGM_FI_DEV_VGPU_LICENSE_STATUS",
  "DCGM_FI_DEV_PCIE_TX_THROUGHPUT",
  "DCGM_FI_DEV_PCIE_RX_THROUGHPUT",
  "DCGM_FI_DEV_NVLINK_BANDWIDTH_L0",
  "DCGM_FI_PROF_PIPE_INT_ACTIVE",
  "DCGM_EXP_CLOCK_EVENTS_COUNT",
  "DCGM_EXP_XID_ERRORS_COUNT",
  "DCGM_EXP_GPU_HEALTH_STATUS",
  "DCGM_EXP_P2P_STATUS",
].map((name) => ({ name, why: whyNotServed(name) }));
