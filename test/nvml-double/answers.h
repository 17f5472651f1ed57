// The shapes that most getters have, so that each is one line: FUNCTION answers KEY of the device it is asked for.

#ifndef NVML_DOUBLE_ANSWERS_H
#define NVML_DOUBLE_ANSWERS_H

#include "double.h"

// The number of this key, or why there is none.
static inline int ask(enum function function, const void *device, const void *out, enum key key, double *value) {
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  return scenario_value(subject, key, value) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

// As `ask`, for what a GPU does not say while it is cut into MIG instances.
static inline int ask_whole(enum function function, const void *device, const void *out, enum key key, double *value) {
  struct subject subject;
  int code = enter_device(function, device, &subject);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(function);
  if (scenario_mig_on(subject.gpu)) return NVML_ERROR_NOT_SUPPORTED;
  return scenario_value(subject, key, value) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

#define ANSWER_WORD(function, key) \
  EXPORT int function(void *device, uint32_t *out) { \
    double value; \
    int code = ask(F_##function, device, out, key, &value); \
    if (code == NVML_SUCCESS) *out = word(value); \
    return code; \
  }

#define ANSWER_LONG(function, key) \
  EXPORT int function(void *device, uint64_t *out) { \
    double value; \
    int code = ask(F_##function, device, out, key, &value); \
    if (code == NVML_SUCCESS) *out = long_word(value); \
    return code; \
  }

#define ANSWER_TEXT(function, text, smallest) \
  EXPORT int function(void *device, char *out, unsigned size) { \
    return answer_text(F_##function, device, text, out, size, smallest); \
  }

#endif
