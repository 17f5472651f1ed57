// Fills the members of a struct, for a caller who wants to see whether it reads each where it stands: the number of
// a member follows from its name (FNV-1a of "struct.member", cut to its size), so that members which are taken for
// each other show, which neither sizes nor sums can do. Versions stay as they are: the caller wrote them.

#include "double.h"

#include <string.h>

struct member {
  const char *type, *name;
  size_t at, size;
};
#define MEMBER(type, name) {#type, #name, offsetof(type, name), sizeof(((type *)0)->name)}

static const struct member members[] = {
  MEMBER(nvmlUtilization_t, gpu),
  MEMBER(nvmlUtilization_t, memory),
  MEMBER(nvmlMemory_t, total),
  MEMBER(nvmlMemory_t, free),
  MEMBER(nvmlMemory_t, used),
  MEMBER(nvmlMemory_v2_t, total),
  MEMBER(nvmlMemory_v2_t, reserved),
  MEMBER(nvmlMemory_v2_t, free),
  MEMBER(nvmlMemory_v2_t, used),
  MEMBER(nvmlBAR1Memory_t, bar1Total),
  MEMBER(nvmlBAR1Memory_t, bar1Free),
  MEMBER(nvmlBAR1Memory_t, bar1Used),
  MEMBER(nvmlConfComputeMemSizeInfo_t, protectedMemSizeKib),
  MEMBER(nvmlConfComputeMemSizeInfo_t, unprotectedMemSizeKib),
  MEMBER(nvmlPciInfo_t, domain),
  MEMBER(nvmlPciInfo_t, bus),
  MEMBER(nvmlPciInfo_t, device),
  MEMBER(nvmlPciInfo_t, pciDeviceId),
  MEMBER(nvmlPciInfo_t, pciSubSystemId),
  MEMBER(nvmlTemperature_v1_t, temperature),
  MEMBER(nvmlMarginTemperature_v1_t, marginTemperature),
  MEMBER(nvmlDeviceAddressingMode_v1_t, value),
  MEMBER(nvmlRowRemapperHistogramValues_t, max),
  MEMBER(nvmlRowRemapperHistogramValues_t, high),
  MEMBER(nvmlRowRemapperHistogramValues_t, partial),
  MEMBER(nvmlRowRemapperHistogramValues_t, low),
  MEMBER(nvmlRowRemapperHistogramValues_t, none),
  MEMBER(nvmlViolationTime_t, referenceTime),
  MEMBER(nvmlViolationTime_t, violationTime),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncParity),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncSecDed),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateCor),
  MEMBER(nvmlEccSramErrorStatus_v1_t, volatileUncParity),
  MEMBER(nvmlEccSramErrorStatus_v1_t, volatileUncSecDed),
  MEMBER(nvmlEccSramErrorStatus_v1_t, volatileCor),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncBucketL2),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncBucketSm),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncBucketPcie),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncBucketMcu),
  MEMBER(nvmlEccSramErrorStatus_v1_t, aggregateUncBucketOther),
  MEMBER(nvmlEccSramErrorStatus_v1_t, bThresholdExceeded),
  MEMBER(nvmlGpuFabricInfo_v2_t, status),
  MEMBER(nvmlGpuFabricInfo_v2_t, cliqueId),
  MEMBER(nvmlGpuFabricInfo_v2_t, state),
  MEMBER(nvmlGpuFabricInfo_v2_t, healthMask),
  MEMBER(nvmlGpuFabricInfo_v3_t, status),
  MEMBER(nvmlGpuFabricInfo_v3_t, cliqueId),
  MEMBER(nvmlGpuFabricInfo_v3_t, state),
  MEMBER(nvmlGpuFabricInfo_v3_t, healthMask),
  MEMBER(nvmlGpuFabricInfo_v3_t, healthSummary),
  MEMBER(nvmlFieldValue_t, timestamp),
  MEMBER(nvmlFieldValue_t, latencyUsec),
  MEMBER(nvmlFieldValue_t, valueType),
  MEMBER(nvmlFieldValue_t, nvmlReturn),
  MEMBER(nvmlFieldValue_t, value),
  MEMBER(nvmlSample_t, timeStamp),
  MEMBER(nvmlSample_t, sampleValue),
  MEMBER(nvmlDeviceAttributes_t, multiprocessorCount),
  MEMBER(nvmlDeviceAttributes_t, sharedCopyEngineCount),
  MEMBER(nvmlDeviceAttributes_t, sharedDecoderCount),
  MEMBER(nvmlDeviceAttributes_t, sharedEncoderCount),
  MEMBER(nvmlDeviceAttributes_t, sharedJpegCount),
  MEMBER(nvmlDeviceAttributes_t, sharedOfaCount),
  MEMBER(nvmlDeviceAttributes_t, gpuInstanceSliceCount),
  MEMBER(nvmlDeviceAttributes_t, computeInstanceSliceCount),
  MEMBER(nvmlDeviceAttributes_t, memorySizeMB),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, id),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, isP2pSupported),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, sliceCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, instanceCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, multiprocessorCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, copyEngineCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, decoderCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, encoderCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, jpegCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, ofaCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v2_t, memorySizeMB),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, id),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, sliceCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, instanceCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, multiprocessorCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, copyEngineCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, decoderCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, encoderCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, jpegCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, ofaCount),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, memorySizeMB),
  MEMBER(nvmlGpuInstanceProfileInfo_v3_t, capabilities),
  MEMBER(nvmlProcessInfo_t, pid),
  MEMBER(nvmlProcessInfo_t, usedGpuMemory),
  MEMBER(nvmlProcessInfo_t, gpuInstanceId),
  MEMBER(nvmlProcessInfo_t, computeInstanceId),
  MEMBER(nvmlProcessDetail_v1_t, pid),
  MEMBER(nvmlProcessDetail_v1_t, usedGpuMemory),
  MEMBER(nvmlProcessDetail_v1_t, gpuInstanceId),
  MEMBER(nvmlProcessDetail_v1_t, computeInstanceId),
  MEMBER(nvmlProcessDetail_v1_t, usedGpuCcProtectedMemory),
  MEMBER(nvmlProcessUtilizationSample_t, pid),
  MEMBER(nvmlProcessUtilizationSample_t, timeStamp),
  MEMBER(nvmlProcessUtilizationSample_t, smUtil),
  MEMBER(nvmlProcessUtilizationSample_t, memUtil),
  MEMBER(nvmlProcessUtilizationSample_t, encUtil),
  MEMBER(nvmlProcessUtilizationSample_t, decUtil),
  MEMBER(nvmlEventData_t, eventType),
  MEMBER(nvmlEventData_t, eventData),
  MEMBER(nvmlEventData_t, gpuInstanceId),
  MEMBER(nvmlEventData_t, computeInstanceId),
  MEMBER(nvmlGpmSupport_t, isSupportedDevice),
  MEMBER(nvmlGpmMetric_t, nvmlReturn),
  MEMBER(nvmlGpmMetric_t, value),
};

static uint64_t hash(uint64_t from, const char *text) {
  for (; *text != 0; text++) from = (from ^ (uint8_t)*text) * 0x100000001b3ull;
  return from;
}

void fill_pattern(const char *type, void *out) {
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    const struct member *member = &members[i];
    if (strcmp(member->type, type) != 0) continue;
    uint64_t number = hash(hash(hash(0xcbf29ce484222325ull, type), "."), member->name);
    memcpy((char *)out + member->at, &number, member->size);
  }
}
