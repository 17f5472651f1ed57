// How a GPU is cut into MIG instances. Every getter takes an instance's handle too; this is what only they have.

#include "answers.h"

#include <stdio.h>
#include <string.h>

static double max_devices(struct subject gpu) {
  return scenario_number(gpu, K_mig_max_devices, 7);
}

EXPORT int nvmlDeviceGetMigMode(void *device, uint32_t *current, uint32_t *pending) {
  struct subject subject;
  double mode;
  int code = enter_gpu(F_nvmlDeviceGetMigMode, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (current == NULL || pending == NULL) return null_pointer(F_nvmlDeviceGetMigMode);
  if (!scenario_value(subject, K_mig_mode, &mode)) return NVML_ERROR_NOT_SUPPORTED;
  *current = word(mode);
  *pending = word(scenario_number(subject, K_mig_pending_mode, mode));
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetMaxMigDeviceCount(void *device, uint32_t *out) {
  struct subject subject;
  double mode;
  int code = enter_gpu(F_nvmlDeviceGetMaxMigDeviceCount, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetMaxMigDeviceCount);
  if (!scenario_value(subject, K_mig_mode, &mode)) return NVML_ERROR_NOT_SUPPORTED;
  *out = word(max_devices(subject));
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned slot, void **out) {
  struct subject subject;
  double mode;
  int code = enter_gpu(F_nvmlDeviceGetMigDeviceHandleByIndex, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetMigDeviceHandleByIndex);
  if (!scenario_value(subject, K_mig_mode, &mode)) return NVML_ERROR_NOT_SUPPORTED;
  if (slot >= max_devices(subject)) return NVML_ERROR_INVALID_ARGUMENT;
  int mig = mode == NVML_DEVICE_MIG_ENABLE ? scenario_mig_in_slot(subject.gpu, (int)slot) : NO_MIG;
  if (mig == NO_MIG) return NVML_ERROR_NOT_FOUND;
  *out = mig_handle(subject.gpu, mig);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceIsMigDeviceHandle(void *device, uint32_t *out) {
  struct subject subject;
  int code = enter_device(F_nvmlDeviceIsMigDeviceHandle, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceIsMigDeviceHandle);
  *out = subject.mig != NO_MIG;
  return NVML_SUCCESS;
}

static int answer_id(enum function function, const void *device, enum key key, uint32_t *out) {
  struct subject subject;
  double id;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  if (subject.mig == NO_MIG) return NVML_ERROR_INVALID_ARGUMENT;
  if (!scenario_value(subject, key, &id)) return NVML_ERROR_NOT_SUPPORTED;
  *out = word(id);
  return NVML_SUCCESS;
}

EXPORT int nvmlDeviceGetGpuInstanceId(void *device, uint32_t *out) {
  return answer_id(F_nvmlDeviceGetGpuInstanceId, device, K_gi, out);
}

EXPORT int nvmlDeviceGetComputeInstanceId(void *device, uint32_t *out) {
  return answer_id(F_nvmlDeviceGetComputeInstanceId, device, K_ci, out);
}

EXPORT int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *device, void **out) {
  struct subject subject;
  int code = enter_device(F_nvmlDeviceGetDeviceHandleFromMigDeviceHandle, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetDeviceHandleFromMigDeviceHandle);
  if (subject.mig == NO_MIG) return NVML_ERROR_INVALID_ARGUMENT;
  *out = gpu_handle(subject.gpu);
  return NVML_SUCCESS;
}

static uint32_t count_of(struct subject subject, enum key key) {
  return word(scenario_number(subject, key, 0));
}

EXPORT int nvmlDeviceGetAttributes_v2(void *device, nvmlDeviceAttributes_t *out) {
  struct subject subject;
  double memory;
  int code = enter_device(F_nvmlDeviceGetAttributes_v2, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetAttributes_v2);
  if (subject.mig == NO_MIG || !scenario_value(subject, K_memory_total_mib, &memory)) return NVML_ERROR_NOT_SUPPORTED;
  out->multiprocessorCount = count_of(subject, K_multiprocessors);
  out->sharedCopyEngineCount = count_of(subject, K_copy_engines);
  out->sharedDecoderCount = count_of(subject, K_decoders);
  out->sharedEncoderCount = count_of(subject, K_encoders);
  out->sharedJpegCount = count_of(subject, K_jpegs);
  out->sharedOfaCount = count_of(subject, K_ofas);
  out->gpuInstanceSliceCount = count_of(subject, K_gpu_slices);
  out->computeInstanceSliceCount = count_of(subject, K_compute_slices);
  out->memorySizeMB = long_word(memory);
  if (scenario_pattern()) fill_pattern("nvmlDeviceAttributes_t", out);
  return NVML_SUCCESS;
}

// Profiles 0 to 6 are those by size; the double knows the ones that an instance of the GPU has.
static int mig_of_profile(struct subject gpu, unsigned profile) {
  static const double slices[] = {1, 2, 3, 4, 7, 8, 6};
  for (int mig = 0; profile < 7 && mig < MAX_MIG; mig++)
    if (scenario_number((struct subject){gpu.gpu, mig}, K_gpu_slices, 0) == slices[profile]) return mig;
  return NO_MIG;
}

// One buffer for both versions, of one size; they differ by a member in the middle and one at the end.
EXPORT int nvmlDeviceGetGpuInstanceProfileInfoV(void *device, unsigned profile, void *out) {
  struct subject subject;
  int code = enter_gpu(F_nvmlDeviceGetGpuInstanceProfileInfoV, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlDeviceGetGpuInstanceProfileInfoV);
  uint32_t version;
  memcpy(&version, out, sizeof version);
  int third = BRANCH >= 535 && version == nvmlGpuInstanceProfileInfo_v3;
  if (!third)
    code = check_stamp(F_nvmlDeviceGetGpuInstanceProfileInfoV, version, nvmlGpuInstanceProfileInfo_v2,
                       nvmlGpuInstanceProfileInfo_v3);
  if (code != NVML_SUCCESS) return code;
  struct subject mig = {subject.gpu, mig_of_profile(subject, profile)};
  if (mig.mig == NO_MIG) return NVML_ERROR_NOT_SUPPORTED;
  uint32_t slices = count_of(mig, K_gpu_slices), instances = slices == 0 ? 0 : 7 / slices;
  uint64_t memory = long_word(scenario_number(mig, K_memory_total_mib, 0));
  char name[128];
  scenario_text(mig, PROFILE_NAME, name, sizeof name);
#define FILL(info) \
  info.id = profile, info.sliceCount = slices, info.instanceCount = instances; \
  info.multiprocessorCount = count_of(mig, K_multiprocessors), info.copyEngineCount = count_of(mig, K_copy_engines); \
  info.decoderCount = count_of(mig, K_decoders), info.encoderCount = count_of(mig, K_encoders); \
  info.jpegCount = count_of(mig, K_jpegs), info.ofaCount = count_of(mig, K_ofas), info.memorySizeMB = memory; \
  snprintf(info.name, sizeof info.name, "%.95s", name); \
  memcpy(out, &info, sizeof info)
  if (third) {
    nvmlGpuInstanceProfileInfo_v3_t info = {.version = version};
    FILL(info);
  } else {
    nvmlGpuInstanceProfileInfo_v2_t info = {.version = version};
    FILL(info);
  }
  if (scenario_pattern())
    fill_pattern(third ? "nvmlGpuInstanceProfileInfo_v3_t" : "nvmlGpuInstanceProfileInfo_v2_t", out);
  return NVML_SUCCESS;
}
