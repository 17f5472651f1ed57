// The exported face of the double: argument checks and struct layouts as the real library has them. What is
// answered, and when, is decided by the scenario (scenario.c).

#include "double.h"

#include <stdio.h>
#include <string.h>

#ifndef BRANCH
#define BRANCH 580
#endif
#define EXPORT __attribute__((visibility("default")))
#define MIB 1048576.0

const char *const function_names[FUNCTION_COUNT] = {
#define FUNCTION(name, branch) #name,
#include "functions.def"
#undef FUNCTION
};

// A handle is the address of one of these, so that any other pointer can be told apart.
static char devices[MAX_GPUS];
static int initialized;

static int enter_system(enum function function) {
  int code = scenario_enter(function, NO_GPU);
  if (__atomic_load_n(&initialized, __ATOMIC_ACQUIRE) == 0) return UNINITIALIZED;
  return code;
}

static int enter_device(enum function function, const void *handle, int *gpu) {
  ptrdiff_t index = (const char *)handle - devices;
  int known = index >= 0 && index < MAX_GPUS;
  int code = scenario_enter(function, known ? (int)index : NO_GPU);
  if (__atomic_load_n(&initialized, __ATOMIC_ACQUIRE) == 0) return UNINITIALIZED;
  if (code != SUCCESS) return code;
  if (!known || index >= scenario_gpus()) return INVALID_ARGUMENT;
  *gpu = (int)index;
  return scenario_lost(*gpu) ? GPU_IS_LOST : SUCCESS;
}

static int copy_text(const char *text, char *out, unsigned size) {
  if (out == NULL) return INVALID_ARGUMENT;
  if (strlen(text) >= size) return INSUFFICIENT_SIZE;
  memcpy(out, text, strlen(text) + 1);
  return SUCCESS;
}

static int initialize(void) {
  int code = scenario_init_code();
  if (code != SUCCESS) return code;
  __atomic_fetch_add(&initialized, 1, __ATOMIC_ACQ_REL);
  return SUCCESS;
}

EXPORT int nvmlInit_v2(void) {
  int code = scenario_enter(F_nvmlInit_v2, NO_GPU);
  return code != SUCCESS ? code : initialize();
}

EXPORT int nvmlInitWithFlags(unsigned flags) {
  int code = scenario_enter(F_nvmlInitWithFlags, NO_GPU);
  if (code != SUCCESS) return code;
  code = initialize();
  // Flag 1 asks to succeed without GPUs.
  if (code == GPU_NOT_FOUND && (flags & 1u) != 0) {
    __atomic_fetch_add(&initialized, 1, __ATOMIC_ACQ_REL);
    return SUCCESS;
  }
  return code;
}

EXPORT int nvmlShutdown(void) {
  scenario_enter(F_nvmlShutdown, NO_GPU);
  int was = __atomic_load_n(&initialized, __ATOMIC_ACQUIRE);
  while (was > 0 && !__atomic_compare_exchange_n(&initialized, &was, was - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
  }
  return was > 0 ? SUCCESS : UNINITIALIZED;
}

EXPORT const char *nvmlErrorString(int code) {
  scenario_enter(F_nvmlErrorString, NO_GPU);
  return code == SUCCESS ? "Success" : "Error of the double";
}

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned size) {
  int code = enter_system(F_nvmlSystemGetDriverVersion);
  if (code != SUCCESS) return code;
  char driver[80];
  scenario_driver(driver, sizeof driver);
  return copy_text(driver, out, size);
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *out) {
  int code = enter_system(F_nvmlDeviceGetCount_v2);
  if (code != SUCCESS) return code;
  *out = (unsigned)scenario_gpus();
  return SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
  int code = scenario_enter(F_nvmlDeviceGetHandleByIndex_v2, index < MAX_GPUS ? (int)index : NO_GPU);
  if (__atomic_load_n(&initialized, __ATOMIC_ACQUIRE) == 0) return UNINITIALIZED;
  if (code != SUCCESS) return code;
  if (index >= (unsigned)scenario_gpus()) return INVALID_ARGUMENT;
  if (scenario_lost((int)index)) return GPU_IS_LOST;
  *out = &devices[index];
  return SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **out) {
  unsigned domain = 0, bus = 0, device = 0;
  int found = NO_GPU;
  if (sscanf(bus_id, "%x:%x:%x", &domain, &bus, &device) == 3) {
    for (int gpu = 0; gpu < scenario_gpus(); gpu++) {
      char text[32];
      unsigned d = 0, b = 0, v = 0;
      scenario_text(gpu, BUS_ID, text, sizeof text);
      if (sscanf(text, "%x:%x:%x", &d, &b, &v) == 3 && d == domain && b == bus && v == device) found = gpu;
    }
  }
  int code = scenario_enter(F_nvmlDeviceGetHandleByPciBusId_v2, found);
  if (__atomic_load_n(&initialized, __ATOMIC_ACQUIRE) == 0) return UNINITIALIZED;
  if (code != SUCCESS) return code;
  if (found == NO_GPU) return NOT_FOUND;
  if (scenario_lost(found)) return GPU_IS_LOST;
  *out = &devices[found];
  return SUCCESS;
}

static int device_text(enum function function, const void *handle, enum text text, char *out, unsigned size) {
  int gpu;
  int code = enter_device(function, handle, &gpu);
  if (code != SUCCESS) return code;
  char buffer[128];
  scenario_text(gpu, text, buffer, sizeof buffer);
  return copy_text(buffer, out, size);
}

EXPORT int nvmlDeviceGetName(void *handle, char *out, unsigned size) {
  return device_text(F_nvmlDeviceGetName, handle, NAME, out, size);
}

EXPORT int nvmlDeviceGetUUID(void *handle, char *out, unsigned size) {
  return device_text(F_nvmlDeviceGetUUID, handle, UUID, out, size);
}

EXPORT int nvmlDeviceGetPciInfo_v3(void *handle, struct pci_info *out) {
  int gpu;
  int code = enter_device(F_nvmlDeviceGetPciInfo_v3, handle, &gpu);
  if (code != SUCCESS) return code;
  char text[32];
  scenario_text(gpu, BUS_ID, text, sizeof text);
  memset(out, 0, sizeof *out);
  if (sscanf(text, "%x:%x:%x", &out->domain, &out->bus, &out->device) != 3) return INVALID_ARGUMENT;
  snprintf(out->bus_id_legacy, sizeof out->bus_id_legacy, "%04X:%02X:%02X.0", out->domain & 0xffff, out->bus & 0xff,
           out->device & 0xff);
  snprintf(out->bus_id, sizeof out->bus_id, "%08X:%02X:%02X.0", out->domain, out->bus & 0xff, out->device & 0xff);
  return SUCCESS;
}

// All ones is how the library says "not available" inside a successful answer.
static uint64_t mib(double value) {
  return value < 0 ? UINT64_MAX : (uint64_t)(value * MIB);
}

static uint32_t word(double value) {
  return value < 0 ? UINT32_MAX : (uint32_t)value;
}

static int device_memory(int gpu, double *total, double *reserved, double *used) {
  *reserved = 0;
  scenario_value(gpu, MEMORY_RESERVED_MIB, reserved);
  if (!scenario_value(gpu, MEMORY_TOTAL_MIB, total) || !scenario_value(gpu, MEMORY_USED_MIB, used)) return NOT_SUPPORTED;
  return SUCCESS;
}

// The older call counts what the driver keeps for itself as used.
EXPORT int nvmlDeviceGetMemoryInfo(void *handle, struct memory_v1 *out) {
  int gpu;
  double total, reserved, used;
  int code = enter_device(F_nvmlDeviceGetMemoryInfo, handle, &gpu);
  if (code == SUCCESS) code = device_memory(gpu, &total, &reserved, &used);
  if (code != SUCCESS) return code;
  out->total = mib(total);
  out->used = used < 0 ? mib(used) : mib(used + reserved);
  out->free = used < 0 ? mib(used) : mib(total - used - reserved);
  return SUCCESS;
}

#if BRANCH >= 515
EXPORT int nvmlDeviceGetMemoryInfo_v2(void *handle, struct memory_v2 *out) {
  int gpu;
  double total, reserved, used;
  int code = enter_device(F_nvmlDeviceGetMemoryInfo_v2, handle, &gpu);
  if (code == SUCCESS && out->version != STAMP(struct memory_v2, 2u)) code = ARGUMENT_VERSION_MISMATCH;
  if (code == SUCCESS) code = device_memory(gpu, &total, &reserved, &used);
  if (code != SUCCESS) return code;
  out->total = mib(total);
  out->reserved = mib(reserved);
  out->used = mib(used);
  out->free = used < 0 ? mib(used) : mib(total - used - reserved);
  return SUCCESS;
}
#endif

EXPORT int nvmlDeviceGetUtilizationRates(void *handle, struct utilization *out) {
  int gpu;
  double busy, memory = 0;
  int code = enter_device(F_nvmlDeviceGetUtilizationRates, handle, &gpu);
  if (code != SUCCESS) return code;
  if (!scenario_value(gpu, UTIL, &busy)) return NOT_SUPPORTED;
  scenario_value(gpu, MEMORY_UTIL, &memory);
  out->gpu = word(busy);
  out->memory = word(memory);
  return SUCCESS;
}

EXPORT int nvmlDeviceGetTemperature(void *handle, int sensor, uint32_t *out) {
  int gpu;
  double celsius;
  int code = enter_device(F_nvmlDeviceGetTemperature, handle, &gpu);
  if (code != SUCCESS) return code;
  if (sensor != 0) return INVALID_ARGUMENT;
  if (!scenario_value(gpu, TEMPERATURE_C, &celsius)) return NOT_SUPPORTED;
  *out = (uint32_t)(int32_t)celsius;
  return SUCCESS;
}

#if BRANCH >= 570
EXPORT int nvmlDeviceGetTemperatureV(void *handle, struct temperature *out) {
  int gpu;
  double celsius;
  int code = enter_device(F_nvmlDeviceGetTemperatureV, handle, &gpu);
  if (code != SUCCESS) return code;
  if (out->version != STAMP(struct temperature, 1u)) return ARGUMENT_VERSION_MISMATCH;
  if (out->sensor != 0) return INVALID_ARGUMENT;
  if (!scenario_value(gpu, TEMPERATURE_C, &celsius)) return NOT_SUPPORTED;
  out->celsius = (int32_t)celsius;
  return SUCCESS;
}
#endif

EXPORT int nvmlDeviceGetPowerUsage(void *handle, uint32_t *out) {
  int gpu;
  double milliwatts;
  int code = enter_device(F_nvmlDeviceGetPowerUsage, handle, &gpu);
  if (code != SUCCESS) return code;
  if (!scenario_value(gpu, POWER_MW, &milliwatts)) return NOT_SUPPORTED;
  *out = word(milliwatts);
  return SUCCESS;
}
