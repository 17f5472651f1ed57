// What a GPU is doing: utilisation, memory, temperature, power, clocks.

#include "answers.h"

EXPORT int nvmlDeviceGetUtilizationRates(void *device, nvmlUtilization_t *out) {
  struct subject subject;
  double busy;
  int code = enter_device(F_nvmlDeviceGetUtilizationRates, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetUtilizationRates);
  if (scenario_mig_on(subject.gpu) || !scenario_value(subject, K_util_percent, &busy)) return NVML_ERROR_NOT_SUPPORTED;
  out->gpu = word(busy);
  out->memory = word(scenario_number(subject, K_memory_util_percent, 0));
  if (scenario_pattern()) fill_pattern("nvmlUtilization_t", out);
  return NVML_SUCCESS;
}

// The period over which the driver looked goes with the number.
#define ANSWER_ENGINE(function, key) \
  EXPORT int function(void *device, uint32_t *percent, uint32_t *period_us) { \
    double value; \
    int code = ask_whole(F_##function, device, percent, key, &value); \
    if (code == NVML_SUCCESS && period_us == NULL) code = null_pointer(F_##function); \
    if (code != NVML_SUCCESS) return code; \
    *percent = word(value); \
    *period_us = 167000; \
    return NVML_SUCCESS; \
  }
ANSWER_ENGINE(nvmlDeviceGetEncoderUtilization, K_encoder_percent)
ANSWER_ENGINE(nvmlDeviceGetDecoderUtilization, K_decoder_percent)
ANSWER_ENGINE(nvmlDeviceGetJpgUtilization, K_jpeg_percent)
ANSWER_ENGINE(nvmlDeviceGetOfaUtilization, K_ofa_percent)

struct memory {
  double total, reserved, used;
};

static int ask_memory(enum function function, const void *device, const void *out, struct memory *memory) {
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  memory->reserved = scenario_number(subject, K_memory_reserved_mib, 0);
  if (!scenario_value(subject, K_memory_total_mib, &memory->total)) return NVML_ERROR_NOT_SUPPORTED;
  return scenario_value(subject, K_memory_used_mib, &memory->used) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

// Rounded once each, as the driver's numbers add up to the total whatever they are.
static uint64_t free_bytes(const struct memory *memory) {
  return memory->used < 0 ? UINT64_MAX : mib(memory->total) - mib(memory->used) - mib(memory->reserved);
}

// The older call counts what the driver keeps for itself as used.
EXPORT int nvmlDeviceGetMemoryInfo(void *device, nvmlMemory_t *out) {
  struct memory memory;
  int code = ask_memory(F_nvmlDeviceGetMemoryInfo, device, out, &memory);
  if (code != NVML_SUCCESS) return code;
  out->total = mib(memory.total);
  out->used = memory.used < 0 ? UINT64_MAX : mib(memory.used) + mib(memory.reserved);
  out->free = free_bytes(&memory);
  if (scenario_pattern()) fill_pattern("nvmlMemory_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetMemoryInfo_v2(void *device, nvmlMemory_v2_t *out) {
  struct memory memory;
  int code = ask_memory(F_nvmlDeviceGetMemoryInfo_v2, device, out, &memory);
  if (code == NVML_SUCCESS) code = check_stamp(F_nvmlDeviceGetMemoryInfo_v2, out->version, nvmlMemory_v2, 0);
  if (code != NVML_SUCCESS) return code;
  out->total = mib(memory.total);
  out->reserved = mib(memory.reserved);
  out->used = mib(memory.used);
  out->free = free_bytes(&memory);
  if (scenario_pattern()) fill_pattern("nvmlMemory_v2_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetBAR1MemoryInfo(void *device, nvmlBAR1Memory_t *out) {
  struct subject subject;
  double total;
  int code = enter_device(F_nvmlDeviceGetBAR1MemoryInfo, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetBAR1MemoryInfo);
  if (!scenario_value(subject, K_bar1_total_mib, &total)) return NVML_ERROR_NOT_SUPPORTED;
  out->bar1Total = mib(total);
  out->bar1Used = mib(scenario_number(subject, K_bar1_used_mib, 0));
  out->bar1Free = out->bar1Total - out->bar1Used;
  if (scenario_pattern()) fill_pattern("nvmlBAR1Memory_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetTemperature(void *device, int sensor, uint32_t *out) {
  double celsius;
  int code = ask(F_nvmlDeviceGetTemperature, device, out, K_temperature_c, &celsius);
  if (code == NVML_SUCCESS && sensor != NVML_TEMPERATURE_GPU) code = NVML_ERROR_INVALID_ARGUMENT;
  if (code == NVML_SUCCESS) *out = (uint32_t)(int32_t)celsius;
  return code;
}

EXPORT int nvmlDeviceGetTemperatureV(void *device, nvmlTemperature_v1_t *out) {
  double celsius;
  int code = ask(F_nvmlDeviceGetTemperatureV, device, out, K_temperature_c, &celsius);
  if (code == NVML_SUCCESS) code = check_stamp(F_nvmlDeviceGetTemperatureV, out->version, nvmlTemperature_v1, 0);
  if (code == NVML_SUCCESS && out->sensorType != NVML_TEMPERATURE_GPU) code = NVML_ERROR_INVALID_ARGUMENT;
  if (code != NVML_SUCCESS) return code;
  out->temperature = (int32_t)celsius;
  if (scenario_pattern()) fill_pattern("nvmlTemperature_v1_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetMarginTemperature(void *device, nvmlMarginTemperature_v1_t *out) {
  double celsius;
  int code = ask(F_nvmlDeviceGetMarginTemperature, device, out, K_margin_c, &celsius);
  if (code == NVML_SUCCESS)
    code = check_stamp(F_nvmlDeviceGetMarginTemperature, out->version, nvmlMarginTemperature_v1, 0);
  if (code != NVML_SUCCESS) return code;
  out->marginTemperature = (int32_t)celsius;
  if (scenario_pattern()) fill_pattern("nvmlMarginTemperature_v1_t", out);
  return NVML_SUCCESS;
}

// A getter with a selector: answers keys[selector], or that there is no such thing.
static int ask_selected(enum function function, const void *device, const void *out, const enum key *keys, int count,
                        int selector, double *value) {
  if (selector >= 0 && selector < count) return ask(function, device, out, keys[selector], value);
  int code = ask(function, device, out, keys[0], value);
  return code == NVML_SUCCESS || code == NVML_ERROR_NOT_SUPPORTED ? NVML_ERROR_INVALID_ARGUMENT : code;
}

EXPORT int nvmlDeviceGetTemperatureThreshold(void *device, int threshold, uint32_t *out) {
  static const enum key keys[] = {K_shutdown_c, K_slowdown_c, K_memory_max_c, K_gpu_max_c};
  double celsius;
  int code = ask_selected(F_nvmlDeviceGetTemperatureThreshold, device, out, keys, 4, threshold, &celsius);
  if (code == NVML_SUCCESS) *out = (uint32_t)(int32_t)celsius;
  return code;
}

EXPORT int nvmlDeviceGetClockInfo(void *device, int clock, uint32_t *out) {
  static const enum key keys[] = {K_graphics_clock_mhz, K_sm_clock_mhz, K_memory_clock_mhz, K_video_clock_mhz};
  double megahertz;
  int code = ask_selected(F_nvmlDeviceGetClockInfo, device, out, keys, 4, clock, &megahertz);
  if (code == NVML_SUCCESS) *out = word(megahertz);
  return code;
}

EXPORT int nvmlDeviceGetMaxClockInfo(void *device, int clock, uint32_t *out) {
  static const enum key keys[] = {K_graphics_clock_max_mhz, K_sm_clock_max_mhz, K_memory_clock_max_mhz,
                                  K_video_clock_max_mhz};
  double megahertz;
  int code = ask_selected(F_nvmlDeviceGetMaxClockInfo, device, out, keys, 4, clock, &megahertz);
  if (code == NVML_SUCCESS) *out = word(megahertz);
  return code;
}

ANSWER_WORD(nvmlDeviceGetPowerUsage, K_power_mw)
ANSWER_WORD(nvmlDeviceGetEnforcedPowerLimit, K_power_limit_mw)
ANSWER_WORD(nvmlDeviceGetPowerManagementLimit, K_power_limit_mw)
ANSWER_WORD(nvmlDeviceGetPowerManagementDefaultLimit, K_power_default_limit_mw)
ANSWER_LONG(nvmlDeviceGetTotalEnergyConsumption, K_energy_mj)
ANSWER_LONG(nvmlDeviceGetCurrentClocksEventReasons, K_clock_reasons)
ANSWER_LONG(nvmlDeviceGetCurrentClocksThrottleReasons, K_clock_reasons)
ANSWER_WORD(nvmlDeviceGetPerformanceState, K_pstate)
ANSWER_WORD(nvmlDeviceGetPersistenceMode, K_persistence)

EXPORT int nvmlDeviceGetPowerManagementLimitConstraints(void *device, uint32_t *min, uint32_t *max) {
  struct subject subject;
  double lowest, highest;
  int code = enter_device(F_nvmlDeviceGetPowerManagementLimitConstraints, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (min == NULL || max == NULL) return null_pointer(F_nvmlDeviceGetPowerManagementLimitConstraints);
  if (!scenario_value(subject, K_power_min_limit_mw, &lowest)) return NVML_ERROR_NOT_SUPPORTED;
  if (!scenario_value(subject, K_power_max_limit_mw, &highest)) return NVML_ERROR_NOT_SUPPORTED;
  *min = word(lowest);
  *max = word(highest);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetConfComputeMemSizeInfo(void *device, nvmlConfComputeMemSizeInfo_t *out) {
  struct subject subject;
  double kib;
  int code = enter_device(F_nvmlDeviceGetConfComputeMemSizeInfo, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetConfComputeMemSizeInfo);
  if (!scenario_value(subject, K_protected_kib, &kib)) return NVML_ERROR_NOT_SUPPORTED;
  out->protectedMemSizeKib = long_word(kib);
  out->unprotectedMemSizeKib = long_word(scenario_number(subject, K_unprotected_kib, 0));
  if (scenario_pattern()) fill_pattern("nvmlConfComputeMemSizeInfo_t", out);
  return NVML_SUCCESS;
}
