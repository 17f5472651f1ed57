// The GPU's own counters: two samples and what happened between them. The double keeps no counters: a metric is what
// the scenario says, unless the samples are so close that the real library says 0 without an error.

#include "answers.h"

#define MAX_SAMPLES 1024
#define SHORTEST_NS 100000000ull

struct sample {
  int allocated, was_allocated;
  struct subject subject;
  uint64_t taken_ns;
};
static struct sample samples[MAX_SAMPLES];

void forget_samples(void) {
  for (int i = 0; i < MAX_SAMPLES; i++) samples[i].allocated = 0;
}

// Freed samples are not given out again while others are left, so that their use is noticed.
static struct sample *sample_of(enum function function, void *pointer, int *code) {
  ptrdiff_t at = (char *)pointer - (char *)samples;
  *code = NVML_SUCCESS;
  if (at < 0 || at >= (ptrdiff_t)sizeof samples || at % (ptrdiff_t)sizeof samples[0] != 0) {
    *code = pointer == NULL ? null_pointer(function)
                            : breach(function, NVML_ERROR_INVALID_ARGUMENT, "the sample was never given out");
    return NULL;
  }
  struct sample *sample = pointer;
  if (sample->allocated) return sample;
  *code = breach(function, NVML_ERROR_INVALID_ARGUMENT,
                 sample->was_allocated ? "the sample was freed before" : "the sample was never given out");
  return NULL;
}

EXPORT int nvmlGpmQueryDeviceSupport(void *device, nvmlGpmSupport_t *out) {
  struct subject subject;
  int code = enter_gpu(F_nvmlGpmQueryDeviceSupport, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlGpmQueryDeviceSupport);
  code = check_stamp(F_nvmlGpmQueryDeviceSupport, out->version, NVML_GPM_SUPPORT_VERSION, 0);
  if (code != NVML_SUCCESS) return code;
  int has = scenario_has_gpm(subject);
  for (int mig = 0; mig < MAX_MIG; mig++) has |= scenario_has_gpm((struct subject){subject.gpu, mig});
  out->isSupportedDevice = (uint32_t)has;
  if (scenario_pattern()) fill_pattern("nvmlGpmSupport_t", out);
  return NVML_SUCCESS;
}

static void allocate(void *argument) {
  static unsigned next;
  struct sample **out = argument;
  for (int tried = 0; *out == NULL && tried < MAX_SAMPLES; tried++) {
    struct sample *sample = &samples[next++ % MAX_SAMPLES];
    if (sample->allocated) continue;
    *sample = (struct sample){1, 1, {NO_GPU, NO_MIG}, 0};
    *out = sample;
  }
}

EXPORT int nvmlGpmSampleAlloc(struct sample **out) {
  struct sample *sample = NULL;
  int code = enter_system(F_nvmlGpmSampleAlloc);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlGpmSampleAlloc);
  scenario_locked(allocate, &sample);
  if (sample == NULL) return NVML_ERROR_MEMORY;
  *out = sample;
  return NVML_SUCCESS;
}

EXPORT int nvmlGpmSampleFree(struct sample *pointer) {
  int code = enter_system(F_nvmlGpmSampleFree);
  if (code != NVML_SUCCESS) return code;
  struct sample *sample = sample_of(F_nvmlGpmSampleFree, pointer, &code);
  if (sample != NULL) sample->allocated = 0;
  return code;
}

static int take(enum function function, struct subject subject, struct sample *pointer) {
  int code;
  struct sample *sample = sample_of(function, pointer, &code);
  if (sample == NULL) return code;
  if (!scenario_has_gpm(subject)) return NVML_ERROR_NOT_SUPPORTED;
  sample->subject = subject;
  sample->taken_ns = now_ns();
  return NVML_SUCCESS;
}

EXPORT int nvmlGpmSampleGet(void *device, struct sample *sample) {
  struct subject subject;
  int code = enter_device(F_nvmlGpmSampleGet, device, &subject);
  return code == NVML_SUCCESS ? take(F_nvmlGpmSampleGet, subject, sample) : code;
}

EXPORT int nvmlGpmMigSampleGet(void *device, unsigned gi, struct sample *sample) {
  struct subject subject;
  int code = enter_gpu(F_nvmlGpmMigSampleGet, device, &subject);
  if (code != NVML_SUCCESS) return code;
  subject.mig = scenario_mig_on(subject.gpu) ? scenario_mig_with_gi(subject.gpu, gi) : NO_MIG;
  if (subject.mig == NO_MIG) return NVML_ERROR_INVALID_ARGUMENT;
  return take(F_nvmlGpmMigSampleGet, subject, sample);
}

static uint32_t last_metric(void) {
  return BRANCH >= 575 ? 210 : 98;
}

EXPORT int nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *out) {
  int code = enter_system(F_nvmlGpmMetricsGet);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlGpmMetricsGet);
  code = check_stamp(F_nvmlGpmMetricsGet, out->version, NVML_GPM_METRICS_GET_VERSION, 0);
  if (code != NVML_SUCCESS) return code;
  struct sample *first = sample_of(F_nvmlGpmMetricsGet, out->sample1, &code);
  struct sample *second = first == NULL ? NULL : sample_of(F_nvmlGpmMetricsGet, out->sample2, &code);
  if (second == NULL) return code;
  struct subject subject = first->subject;
  int same = subject.gpu == second->subject.gpu && subject.mig == second->subject.mig;
  if (subject.gpu == NO_GPU || !same || out->numMetrics == 0 || out->numMetrics > last_metric())
    return NVML_ERROR_INVALID_ARGUMENT;
  if (first->taken_ns > second->taken_ns) return NVML_ERROR_INVALID_ARGUMENT;
  int close = second->taken_ns - first->taken_ns < SHORTEST_NS;
  for (uint32_t i = 0; i < out->numMetrics; i++) {
    nvmlGpmMetric_t *metric = &out->metrics[i];
    double value = 0;
    int own = 0, known = scenario_gpm(subject, metric->metricId, &value, &own);
    metric->nvmlReturn = known ? own : NVML_ERROR_NOT_SUPPORTED;
    metric->value = known && own == NVML_SUCCESS && !close ? value : 0;
    metric->metricInfo.shortName = metric->metricInfo.longName = metric->metricInfo.unit = "double";
    if (scenario_pattern()) fill_pattern("nvmlGpmMetric_t", metric);
  }
  return NVML_SUCCESS;
}
