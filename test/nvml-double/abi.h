// The binary face of the library that the double stands in for: its numbers and the layouts of its structs, under
// the names that the library itself uses, written from their published sizes and offsets. abi.test.ts compares
// the agent's tables with what a compiler makes of this file, so nothing here may be derived from those tables.

#ifndef NVML_DOUBLE_ABI_H
#define NVML_DOUBLE_ABI_H

#include <stdint.h>

enum {
  NVML_SUCCESS = 0,
  NVML_ERROR_UNINITIALIZED = 1,
  NVML_ERROR_INVALID_ARGUMENT = 2,
  NVML_ERROR_NOT_SUPPORTED = 3,
  NVML_ERROR_NO_PERMISSION = 4,
  NVML_ERROR_ALREADY_INITIALIZED = 5,
  NVML_ERROR_NOT_FOUND = 6,
  NVML_ERROR_INSUFFICIENT_SIZE = 7,
  NVML_ERROR_INSUFFICIENT_POWER = 8,
  NVML_ERROR_DRIVER_NOT_LOADED = 9,
  NVML_ERROR_TIMEOUT = 10,
  NVML_ERROR_IRQ_ISSUE = 11,
  NVML_ERROR_LIBRARY_NOT_FOUND = 12,
  NVML_ERROR_FUNCTION_NOT_FOUND = 13,
  NVML_ERROR_CORRUPTED_INFOROM = 14,
  NVML_ERROR_GPU_IS_LOST = 15,
  NVML_ERROR_RESET_REQUIRED = 16,
  NVML_ERROR_OPERATING_SYSTEM = 17,
  NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18,
  NVML_ERROR_IN_USE = 19,
  NVML_ERROR_MEMORY = 20,
  NVML_ERROR_NO_DATA = 21,
  NVML_ERROR_VGPU_ECC_NOT_SUPPORTED = 22,
  NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
  NVML_ERROR_FREQ_NOT_SUPPORTED = 24,
  NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
  NVML_ERROR_DEPRECATED = 26,
  NVML_ERROR_NOT_READY = 27,
  NVML_ERROR_GPU_NOT_FOUND = 28,
  NVML_ERROR_INVALID_STATE = 29,
  NVML_ERROR_RESET_TYPE_NOT_SUPPORTED = 30,
  NVML_ERROR_UNKNOWN = 999,
};

enum {
  NVML_INIT_FLAG_NO_GPUS = 1,
  NVML_INIT_FLAG_NO_ATTACH = 2,
  NVML_INIT_FLAG_FORCE_INIT = 4,
  NVML_DEVICE_UUID_V2_BUFFER_SIZE = 96,
  NVML_DEVICE_NAME_V2_BUFFER_SIZE = 96,
  NVML_DEVICE_SERIAL_BUFFER_SIZE = 30,
  NVML_DEVICE_VBIOS_VERSION_BUFFER_SIZE = 32,
  NVML_DEVICE_PART_NUMBER_BUFFER_SIZE = 80,
  NVML_DEVICE_PCI_BUS_ID_BUFFER_SIZE = 32,
  NVML_DEVICE_PCI_BUS_ID_BUFFER_V2_SIZE = 16,
  NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE = 80,
  NVML_SYSTEM_NVML_VERSION_BUFFER_SIZE = 80,
  NVML_TEMPERATURE_GPU = 0,
  NVML_TEMPERATURE_THRESHOLD_SHUTDOWN = 0,
  NVML_TEMPERATURE_THRESHOLD_SLOWDOWN = 1,
  NVML_TEMPERATURE_THRESHOLD_MEM_MAX = 2,
  NVML_TEMPERATURE_THRESHOLD_GPU_MAX = 3,
  NVML_CLOCK_GRAPHICS = 0,
  NVML_CLOCK_SM = 1,
  NVML_CLOCK_MEM = 2,
  NVML_CLOCK_VIDEO = 3,
  NVML_MEMORY_ERROR_TYPE_CORRECTED = 0,
  NVML_MEMORY_ERROR_TYPE_UNCORRECTED = 1,
  NVML_VOLATILE_ECC = 0,
  NVML_AGGREGATE_ECC = 1,
  NVML_PCIE_UTIL_TX_BYTES = 0,
  NVML_PCIE_UTIL_RX_BYTES = 1,
  NVML_NVLINK_ERROR_DL_REPLAY = 0,
  NVML_NVLINK_ERROR_DL_RECOVERY = 1,
  NVML_NVLINK_ERROR_DL_CRC_FLIT = 2,
  NVML_NVLINK_ERROR_DL_CRC_DATA = 3,
  NVML_PERF_POLICY_POWER = 0,
  NVML_PERF_POLICY_THERMAL = 1,
  NVML_PERF_POLICY_SYNC_BOOST = 2,
  NVML_PERF_POLICY_BOARD_LIMIT = 3,
  NVML_PERF_POLICY_LOW_UTILIZATION = 4,
  NVML_PERF_POLICY_RELIABILITY = 5,
  NVML_PERF_POLICY_TOTAL_APP_CLOCKS = 10,
  NVML_PERF_POLICY_TOTAL_BASE_CLOCKS = 11,
  NVML_VALUE_TYPE_DOUBLE = 0,
  NVML_VALUE_TYPE_UNSIGNED_INT = 1,
  NVML_VALUE_TYPE_UNSIGNED_LONG = 2,
  NVML_VALUE_TYPE_UNSIGNED_LONG_LONG = 3,
  NVML_VALUE_TYPE_SIGNED_LONG_LONG = 4,
  NVML_VALUE_TYPE_SIGNED_INT = 5,
  NVML_VALUE_TYPE_UNSIGNED_SHORT = 6,
  NVML_PROCESS_MODE_COMPUTE = 0,
  NVML_PROCESS_MODE_GRAPHICS = 1,
  NVML_PROCESS_MODE_MPS = 2,
  NVML_PROCESS_MODE_ALL = 3,
  NVML_DEVICE_MIG_DISABLE = 0,
  NVML_DEVICE_MIG_ENABLE = 1,
  NVML_FEATURE_DISABLED = 0,
  NVML_FEATURE_ENABLED = 1,
  NVML_PSTATE_0 = 0,
  NVML_PSTATE_15 = 15,
  NVML_PSTATE_UNKNOWN = 32,
  NVML_GPU_FABRIC_STATE_NOT_SUPPORTED = 0,
  NVML_GPU_FABRIC_STATE_NOT_STARTED = 1,
  NVML_GPU_FABRIC_STATE_IN_PROGRESS = 2,
  NVML_GPU_FABRIC_STATE_COMPLETED = 3,
  NVML_GPU_FABRIC_HEALTH_SUMMARY_NOT_SUPPORTED = 0,
  NVML_GPU_FABRIC_HEALTH_SUMMARY_HEALTHY = 1,
  NVML_GPU_FABRIC_HEALTH_SUMMARY_UNHEALTHY = 2,
  NVML_GPU_FABRIC_HEALTH_SUMMARY_LIMITED_CAPACITY = 3,
  NVML_NVLINK_MAX_LINKS = 36,
  NVML_GPM_METRICS_GET_VERSION = 1,
  NVML_GPM_SUPPORT_VERSION = 1,
};

enum {
  nvmlEventTypeSingleBitEccError = 0x1,
  nvmlEventTypeDoubleBitEccError = 0x2,
  nvmlEventTypePState = 0x4,
  nvmlEventTypeXidCriticalError = 0x8,
  nvmlEventTypeClock = 0x10,
  nvmlEventTypePowerSourceChange = 0x80,
  nvmlEventMigConfigChange = 0x100,
  nvmlEventTypeSingleBitEccErrorStorm = 0x200,
  nvmlEventTypeDramRetirementEvent = 0x400,
  nvmlEventTypeDramRetirementFailure = 0x800,
  nvmlEventTypeNonFatalPoisonError = 0x1000,
  nvmlEventTypeFatalPoisonError = 0x2000,
  nvmlEventTypeGpuUnavailableError = 0x4000,
  nvmlEventTypeGpuRecoveryAction = 0x8000,
};

typedef struct { uint32_t gpu, memory; } nvmlUtilization_t;
typedef struct { uint64_t total, free, used; } nvmlMemory_t;
typedef struct { uint32_t version; uint64_t total, reserved, free, used; } nvmlMemory_v2_t;
typedef struct { uint64_t bar1Total, bar1Free, bar1Used; } nvmlBAR1Memory_t;
typedef struct { uint64_t protectedMemSizeKib, unprotectedMemSizeKib; } nvmlConfComputeMemSizeInfo_t;
typedef struct {
  char busIdLegacy[16];
  uint32_t domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32];
} nvmlPciInfo_t;
typedef struct { uint32_t version; int32_t sensorType, temperature; } nvmlTemperature_v1_t;
typedef struct { uint32_t version; int32_t marginTemperature; } nvmlMarginTemperature_v1_t;
typedef struct { uint32_t version, value; } nvmlDeviceAddressingMode_v1_t;
typedef struct { uint32_t max, high, partial, low, none; } nvmlRowRemapperHistogramValues_t;
typedef struct { uint64_t referenceTime, violationTime; } nvmlViolationTime_t;

typedef struct {
  uint32_t version;
  uint64_t aggregateUncParity, aggregateUncSecDed, aggregateCor;
  uint64_t volatileUncParity, volatileUncSecDed, volatileCor;
  uint64_t aggregateUncBucketL2, aggregateUncBucketSm, aggregateUncBucketPcie, aggregateUncBucketMcu;
  uint64_t aggregateUncBucketOther;
  uint32_t bThresholdExceeded;
} nvmlEccSramErrorStatus_v1_t;

typedef struct {
  uint32_t version;
  uint8_t clusterUuid[16];
  int32_t status;
  uint32_t cliqueId;
  uint8_t state;
  uint32_t healthMask;
} nvmlGpuFabricInfo_v2_t;
typedef struct {
  uint32_t version;
  uint8_t clusterUuid[16];
  int32_t status;
  uint32_t cliqueId;
  uint8_t state;
  uint32_t healthMask;
  uint8_t healthSummary;
} nvmlGpuFabricInfo_v3_t;

typedef union {
  double dVal;
  uint32_t uiVal;
  uint64_t ulVal, ullVal;
  int64_t sllVal;
  int32_t siVal;
  uint16_t usVal;
} nvmlValue_t;
typedef struct {
  uint32_t fieldId, scopeId;
  int64_t timestamp, latencyUsec;
  int32_t valueType, nvmlReturn;
  nvmlValue_t value;
} nvmlFieldValue_t;
typedef struct { uint64_t timeStamp; nvmlValue_t sampleValue; } nvmlSample_t;

typedef struct {
  uint32_t multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount;
  uint32_t sharedOfaCount, gpuInstanceSliceCount, computeInstanceSliceCount;
  uint64_t memorySizeMB;
} nvmlDeviceAttributes_t;
typedef struct {
  uint32_t version, id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount, copyEngineCount;
  uint32_t decoderCount, encoderCount, jpegCount, ofaCount;
  uint64_t memorySizeMB;
  char name[96];
} nvmlGpuInstanceProfileInfo_v2_t;
typedef struct {
  uint32_t version, id, sliceCount, instanceCount, multiprocessorCount, copyEngineCount, decoderCount;
  uint32_t encoderCount, jpegCount, ofaCount;
  uint64_t memorySizeMB;
  char name[96];
  uint32_t capabilities;
} nvmlGpuInstanceProfileInfo_v3_t;

typedef struct {
  uint32_t pid;
  uint64_t usedGpuMemory;
  uint32_t gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_t;
// Also what the drivers 535.43 to 535.86 return from the _v3 calls, where everybody expects the one above.
typedef struct {
  uint32_t pid;
  uint64_t usedGpuMemory;
  uint32_t gpuInstanceId, computeInstanceId;
  uint64_t usedGpuCcProtectedMemory;
} nvmlProcessDetail_v1_t;
typedef struct {
  uint32_t version, mode, numProcArrayEntries;
  nvmlProcessDetail_v1_t *procArray;
} nvmlProcessDetailList_v1_t;
typedef struct {
  uint32_t pid;
  uint64_t timeStamp;
  uint32_t smUtil, memUtil, encUtil, decUtil;
} nvmlProcessUtilizationSample_t;

typedef struct {
  void *device;
  uint64_t eventType, eventData;
  uint32_t gpuInstanceId, computeInstanceId;
} nvmlEventData_t;

typedef struct { uint32_t version, isSupportedDevice; } nvmlGpmSupport_t;
typedef struct {
  uint32_t metricId;
  int32_t nvmlReturn;
  double value;
  struct { char *shortName, *longName, *unit; } metricInfo;
} nvmlGpmMetric_t;
typedef struct {
  uint32_t version, numMetrics;
  void *sample1, *sample2;
  // As many as numMetrics says; the struct of each header has room for all that the header knows.
  nvmlGpmMetric_t metrics[];
} nvmlGpmMetricsGet_t;

// A versioned struct carries its own size and version in its first word.
#define NVML_STRUCT_VERSION(type, version) ((uint32_t)(sizeof(type) | ((version) << 24)))
#define nvmlMemory_v2 NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2u)
#define nvmlTemperature_v1 NVML_STRUCT_VERSION(nvmlTemperature_v1_t, 1u)
#define nvmlMarginTemperature_v1 NVML_STRUCT_VERSION(nvmlMarginTemperature_v1_t, 1u)
#define nvmlDeviceAddressingMode_v1 NVML_STRUCT_VERSION(nvmlDeviceAddressingMode_v1_t, 1u)
#define nvmlEccSramErrorStatus_v1 NVML_STRUCT_VERSION(nvmlEccSramErrorStatus_v1_t, 1u)
#define nvmlGpuFabricInfo_v2 NVML_STRUCT_VERSION(nvmlGpuFabricInfo_v2_t, 2u)
#define nvmlGpuFabricInfo_v3 NVML_STRUCT_VERSION(nvmlGpuFabricInfo_v3_t, 3u)
#define nvmlGpuInstanceProfileInfo_v2 NVML_STRUCT_VERSION(nvmlGpuInstanceProfileInfo_v2_t, 2u)
#define nvmlGpuInstanceProfileInfo_v3 NVML_STRUCT_VERSION(nvmlGpuInstanceProfileInfo_v3_t, 3u)
#define nvmlProcessDetailList_v1 NVML_STRUCT_VERSION(nvmlProcessDetailList_v1_t, 1u)

#endif
