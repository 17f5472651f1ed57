// Who is asked: versions of driver and library, the GPUs of the machine and what each of them is.

#include "answers.h"

#include <stdio.h>
#include <string.h>

EXPORT int nvmlSystemGetDriverVersion(char *out, unsigned size) {
  char text[80];
  int code = enter_system(F_nvmlSystemGetDriverVersion);
  if (code != NVML_SUCCESS) return code;
  scenario_driver(text, sizeof text);
  return copy_text(F_nvmlSystemGetDriverVersion, text, out, size, NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE);
}

EXPORT int nvmlSystemGetNVMLVersion(char *out, unsigned size) {
  char text[80];
  int code = enter_system(F_nvmlSystemGetNVMLVersion);
  if (code != NVML_SUCCESS) return code;
  scenario_nvml_version(text, sizeof text);
  return copy_text(F_nvmlSystemGetNVMLVersion, text, out, size, NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE);
}

EXPORT int nvmlSystemGetCudaDriverVersion_v2(int *out) {
  int code = enter_system(F_nvmlSystemGetCudaDriverVersion_v2);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlSystemGetCudaDriverVersion_v2);
  *out = scenario_cuda_version();
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetCount_v2(unsigned *out) {
  int code = enter_system(F_nvmlDeviceGetCount_v2);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetCount_v2);
  *out = (unsigned)scenario_gpus();
  return NVML_SUCCESS;
}

// The call counts for the GPU that is asked for, and its rules apply, before anything else is looked at.
static int open_gpu(enum function function, int gpu, int none, void **out) {
  int code = enter_for(function, gpu);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  if (gpu == NO_GPU || gpu >= scenario_gpus()) return none;
  if (scenario_lost(gpu)) return NVML_ERROR_GPU_IS_LOST;
  *out = gpu_handle(gpu);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
  int gpu = index < MAX_GPUS ? (int)index : NO_GPU;
  return open_gpu(F_nvmlDeviceGetHandleByIndex_v2, gpu, NVML_ERROR_INVALID_ARGUMENT, out);
}

static int parse_bus_id(const char *text, unsigned *domain, unsigned *bus, unsigned *device) {
  return sscanf(text, "%x:%x:%x", domain, bus, device) == 3;
}

EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **out) {
  unsigned domain = 0, bus = 0, device = 0;
  int found = NO_GPU;
  if (bus_id == NULL) return null_pointer(F_nvmlDeviceGetHandleByPciBusId_v2);
  if (parse_bus_id(bus_id, &domain, &bus, &device)) {
    for (int gpu = 0; gpu < scenario_gpus(); gpu++) {
      char text[32];
      unsigned d = 0, b = 0, v = 0;
      scenario_text((struct subject){gpu, NO_MIG}, BUS_ID, text, sizeof text);
      if (parse_bus_id(text, &d, &b, &v) && d == domain && b == bus && v == device) found = gpu;
    }
  }
  return open_gpu(F_nvmlDeviceGetHandleByPciBusId_v2, found, NVML_ERROR_NOT_FOUND, out);
}

// Has to wake every GPU to find one, and so fails when any of them is lost.
EXPORT int nvmlDeviceGetHandleByUUID(const char *uuid, void **out) {
  struct subject found = {NO_GPU, NO_MIG};
  int lost = 0;
  if (uuid == NULL) return null_pointer(F_nvmlDeviceGetHandleByUUID);
  for (int gpu = 0; gpu < scenario_gpus(); gpu++) {
    lost |= scenario_lost(gpu);
    for (int mig = NO_MIG; mig < MAX_MIG; mig++) {
      char text[128];
      scenario_text((struct subject){gpu, mig}, UUID, text, sizeof text);
      if (strcmp(text, uuid) == 0) found = (struct subject){gpu, mig};
    }
  }
  int none = lost ? NVML_ERROR_GPU_IS_LOST : NVML_ERROR_NOT_FOUND;
  int code = open_gpu(F_nvmlDeviceGetHandleByUUID, found.gpu, none, out);
  if (code == NVML_SUCCESS && lost) code = NVML_ERROR_GPU_IS_LOST;
  if (code == NVML_SUCCESS && found.mig != NO_MIG) *out = mig_handle(found.gpu, found.mig);
  return code;
}

static int answer_text(enum function function, const void *device, enum text text, char *out, unsigned size,
                       unsigned smallest) {
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  char buffer[128];
  scenario_text(subject, text, buffer, sizeof buffer);
  if (buffer[0] == 0) return NVML_ERROR_NOT_SUPPORTED;
  return copy_text(function, buffer, out, size, smallest);
}

ANSWER_TEXT(nvmlDeviceGetName, NAME, NVML_DEVICE_NAME_V2_BUFFER_SIZE)
ANSWER_TEXT(nvmlDeviceGetUUID, UUID, NVML_DEVICE_UUID_V2_BUFFER_SIZE)
ANSWER_TEXT(nvmlDeviceGetSerial, SERIAL, NVML_DEVICE_SERIAL_BUFFER_SIZE)
ANSWER_TEXT(nvmlDeviceGetVbiosVersion, VBIOS, NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE)
ANSWER_TEXT(nvmlDeviceGetBoardPartNumber, PART_NUMBER, NVML_DEVICE_PART_NUMBER_BUFFER_SIZE)

ANSWER_WORD(nvmlDeviceGetMinorNumber, K_minor)
ANSWER_WORD(nvmlDeviceGetArchitecture, K_arch)
ANSWER_WORD(nvmlDeviceGetBrand, K_brand)
ANSWER_WORD(nvmlDeviceGetVirtualizationMode, K_virtualization)
ANSWER_WORD(nvmlDeviceGetNumaNodeId, K_numa_node)

EXPORT int nvmlDeviceGetIndex(void *device, uint32_t *out) {
  struct subject subject;
  int code = enter_gpu(F_nvmlDeviceGetIndex, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetIndex);
  *out = (uint32_t)subject.gpu;
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetPciInfo_v3(void *device, nvmlPciInfo_t *out) {
  struct subject subject;
  int code = enter_gpu(F_nvmlDeviceGetPciInfo_v3, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetPciInfo_v3);
  char text[32];
  scenario_text(subject, BUS_ID, text, sizeof text);
  memset(out, 0, sizeof *out);
  if (!parse_bus_id(text, &out->domain, &out->bus, &out->device)) return NVML_ERROR_UNKNOWN;
  out->pciDeviceId = 0x233510deu;
  out->pciSubSystemId = 0x18be10deu;
  snprintf(out->busIdLegacy, sizeof out->busIdLegacy, "%04X:%02X:%02X.0", out->domain & 0xffff, out->bus & 0xff,
           out->device & 0xff);
  snprintf(out->busId, sizeof out->busId, "%08X:%02X:%02X.0", out->domain, out->bus & 0xff, out->device & 0xff);
  if (scenario_pattern()) fill_pattern("nvmlPciInfo_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
  struct subject subject;
  double value;
  int code = enter_device(F_nvmlDeviceGetCudaComputeCapability, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (major == NULL || minor == NULL) return null_pointer(F_nvmlDeviceGetCudaComputeCapability);
  if (!scenario_value(subject, K_compute_major, &value)) return NVML_ERROR_NOT_SUPPORTED;
  *major = (int)value;
  *minor = (int)scenario_number(subject, K_compute_minor, 0);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetAddressingMode(void *device, nvmlDeviceAddressingMode_v1_t *out) {
  double value;
  int code = ask(F_nvmlDeviceGetAddressingMode, device, out, K_addressing, &value);
  if (code != NVML_SUCCESS) return code;
  code = check_stamp(F_nvmlDeviceGetAddressingMode, out->version, nvmlDeviceAddressingMode_v1, 0);
  if (code == NVML_SUCCESS) out->value = word(value);
  if (code == NVML_SUCCESS && scenario_pattern()) fill_pattern("nvmlDeviceAddressingMode_v1_t", out);
  return code;
}
