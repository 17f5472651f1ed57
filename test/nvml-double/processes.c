// Who works on a GPU: lists of processes, their share of it, and the driver's ring of samples.

#include "answers.h"

#include <string.h>

#define MAX_PROCESSES 1024
// How often the driver takes a sample, and how many it keeps.
#define SAMPLE_US 200000ull
#define SAMPLES 71

static uint64_t bytes_of(const struct process *process) {
  return process->memory_mib < 0 ? UINT64_MAX : mib(process->memory_mib);
}

// How many there are, or that the caller has too little room: it is then told how many there were a moment ago.
static int fit(struct subject subject, uint32_t *count, int there) {
  if ((uint32_t)there <= *count) return NVML_SUCCESS;
  int coming = (int)scenario_number(subject, K_process_growth, 0);
  *count = (uint32_t)(coming < there ? there - coming : 0);
  return NVML_ERROR_INSUFFICIENT_SIZE;
}

// Branch 535 began with entries of 32 bytes under a name that promises 24.
#if BRANCH == 535
typedef nvmlProcessDetail_v1_t entry;
#define ENTRY "nvmlProcessDetail_v1_t"
#else
typedef nvmlProcessInfo_t entry;
#define ENTRY "nvmlProcessInfo_t"
#endif

static int list(enum function function, const void *device, enum process_kind kind, uint32_t *count, entry *out) {
  static _Thread_local struct process processes[MAX_PROCESSES];
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (count == NULL || (out == NULL && *count > 0)) return null_pointer(function);
  int there = scenario_processes(subject, kind, processes, MAX_PROCESSES);
  code = fit(subject, count, there);
  if (code != NVML_SUCCESS) return code;
  for (int i = 0; i < there; i++) {
    out[i] = (entry){.pid = processes[i].pid,
                     .usedGpuMemory = bytes_of(&processes[i]),
                     .gpuInstanceId = processes[i].gi,
                     .computeInstanceId = processes[i].ci};
    if (scenario_pattern()) fill_pattern(ENTRY, &out[i]);
  }
  *count = (uint32_t)there;
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetComputeRunningProcesses_v3(void *device, uint32_t *count, entry *out) {
  return list(F_nvmlDeviceGetComputeRunningProcesses_v3, device, COMPUTE, count, out);
}

EXPORT int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, uint32_t *count, entry *out) {
  return list(F_nvmlDeviceGetGraphicsRunningProcesses_v3, device, GRAPHICS, count, out);
}

EXPORT int nvmlDeviceGetMPSComputeRunningProcesses_v3(void *device, uint32_t *count, entry *out) {
  return list(F_nvmlDeviceGetMPSComputeRunningProcesses_v3, device, MPS, count, out);
}

// Hopper and newer.
EXPORT int nvmlDeviceGetRunningProcessDetailList(void *device, nvmlProcessDetailList_v1_t *out) {
  static _Thread_local struct process processes[MAX_PROCESSES];
  static const enum process_kind kinds[] = {COMPUTE, GRAPHICS, MPS, ALL_KINDS};
  const enum function function = F_nvmlDeviceGetRunningProcessDetailList;
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL || (out->procArray == NULL && out->numProcArrayEntries > 0)) return null_pointer(function);
  code = check_stamp(function, out->version, nvmlProcessDetailList_v1, 0);
  if (code != NVML_SUCCESS) return code;
  if (out->mode > NVML_PROCESS_MODE_ALL) return NVML_ERROR_INVALID_ARGUMENT;
  if (scenario_number((struct subject){subject.gpu, NO_MIG}, K_arch, 0) < 9) return NVML_ERROR_NOT_SUPPORTED;
  int there = scenario_processes(subject, kinds[out->mode], processes, MAX_PROCESSES);
  code = fit(subject, &out->numProcArrayEntries, there);
  if (code != NVML_SUCCESS) return code;
  for (int i = 0; i < there; i++) {
    out->procArray[i] = (nvmlProcessDetail_v1_t){processes[i].pid, bytes_of(&processes[i]), processes[i].gi,
                                                 processes[i].ci, 0};
    if (scenario_pattern()) fill_pattern("nvmlProcessDetail_v1_t", &out->procArray[i]);
  }
  out->numProcArrayEntries = (uint32_t)there;
  return NVML_SUCCESS;
}

// The newest sample of each process, unless the caller has it already.
EXPORT int nvmlDeviceGetProcessUtilization(void *device, nvmlProcessUtilizationSample_t *out, uint32_t *count,
                                           uint64_t last_seen) {
  static _Thread_local struct process processes[MAX_PROCESSES];
  const enum function function = F_nvmlDeviceGetProcessUtilization;
  struct subject subject;
  int code = enter_gpu(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (count == NULL) return null_pointer(function);
  if (scenario_mig_on(subject.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  uint64_t taken = epoch_us() / SAMPLE_US * SAMPLE_US;
  int there = scenario_processes(subject, ALL_KINDS, processes, MAX_PROCESSES);
  if (there == 0 || taken <= last_seen) return NVML_ERROR_NOT_FOUND;
  if (out == NULL || *count < (uint32_t)there) {
    *count = (uint32_t)there;
    return NVML_ERROR_INSUFFICIENT_SIZE;
  }
  for (int i = 0; i < there; i++) {
    out[i] = (nvmlProcessUtilizationSample_t){processes[i].pid, taken, processes[i].sm, processes[i].memory,
                                              processes[i].encoder, processes[i].decoder};
    if (scenario_pattern()) fill_pattern("nvmlProcessUtilizationSample_t", &out[i]);
  }
  *count = (uint32_t)there;
  return NVML_SUCCESS;
}

// Without a buffer, only how many samples there can be. Every sample has the number of this moment.
EXPORT int nvmlDeviceGetSamples(void *device, int type, uint64_t last_seen, int *value_type, uint32_t *count,
                                nvmlSample_t *out) {
  static const enum key keys[] = {K_power_mw,        K_util_percent, K_memory_util_percent, K_encoder_percent,
                                  K_decoder_percent, K_sm_clock_mhz, K_memory_clock_mhz,    K_power_mw,
                                  K_jpeg_percent,    K_ofa_percent};
  struct subject subject;
  double value;
  int code = enter_gpu(F_nvmlDeviceGetSamples, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (value_type == NULL || count == NULL) return null_pointer(F_nvmlDeviceGetSamples);
  if (type < 0 || type >= (int)(sizeof keys / sizeof keys[0])) return NVML_ERROR_INVALID_ARGUMENT;
  if (scenario_mig_on(subject.gpu) || !scenario_value(subject, keys[type], &value)) return NVML_ERROR_NOT_SUPPORTED;
  *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
  if (out == NULL) {
    *count = SAMPLES;
    return NVML_SUCCESS;
  }
  uint64_t newest = epoch_us() / SAMPLE_US * SAMPLE_US, oldest = newest - (SAMPLES - 1) * SAMPLE_US;
  if (oldest <= last_seen) oldest = last_seen / SAMPLE_US * SAMPLE_US + SAMPLE_US;
  if (oldest > newest) return NVML_ERROR_NOT_FOUND;
  uint32_t there = (uint32_t)((newest - oldest) / SAMPLE_US + 1);
  if (*count < there) {
    *count = there;
    return NVML_ERROR_INSUFFICIENT_SIZE;
  }
  for (uint32_t i = 0; i < there; i++) {
    out[i].timeStamp = oldest + i * SAMPLE_US;
    out[i].sampleValue.ullVal = word(value);
    if (scenario_pattern()) fill_pattern("nvmlSample_t", &out[i]);
  }
  *count = there;
  return NVML_SUCCESS;
}
