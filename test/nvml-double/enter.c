// How a call begins: whether the library is initialized, what a handle stands for, and which rules of the library
// the caller broke. A handle is the address of a byte that nobody reads, one for each thing in each epoch, so that
// any other pointer, and any handle from before a shutdown or a change of MIG, can be told apart.

#include "double.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS 64
_Static_assert(sizeof(struct subject) == sizeof(uint64_t), "a subject is one word");

static char gpus[EPOCHS][MAX_GPUS];
static char instances[EPOCHS][EPOCHS][MAX_GPUS][MAX_MIG];
// `epoch` counts the times that the last user went; `torn` says that the driver went first.
static int initialized, torn;
static unsigned epoch;
static unsigned enumerated[MAX_GPUS];

int still_initialized(void) {
  return __atomic_load_n(&initialized, __ATOMIC_ACQUIRE) > 0;
}

static unsigned epoch_now(void) {
  return __atomic_load_n(&epoch, __ATOMIC_ACQUIRE) % EPOCHS;
}

int breach(enum function function, int code, const char *rule) {
  if (!scenario_strict()) return code;
  fprintf(stderr, "nvml double: %s: %s\n", function_names[function], rule);
  abort();
}

int null_pointer(enum function function) {
  return breach(function, NVML_ERROR_INVALID_ARGUMENT, "a pointer is NULL");
}

int check_stamp(enum function function, uint32_t given, uint32_t wanted, uint32_t also_known) {
  if (given == wanted) return NVML_SUCCESS;
  if (given == 0 || given == also_known) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  return breach(function, NVML_ERROR_ARGUMENT_VERSION_MISMATCH, "the struct's version is none that exists");
}

int copy_text(enum function function, const char *text, char *out, unsigned size, unsigned smallest) {
  if (out == NULL) return null_pointer(function);
  if (size < smallest) {
    int code = breach(function, NVML_SUCCESS, "the buffer is smaller than the header asks for");
    if (code != NVML_SUCCESS) return code;
  }
  if (strlen(text) >= size) return NVML_ERROR_INSUFFICIENT_SIZE;
  memcpy(out, text, strlen(text) + 1);
  return NVML_SUCCESS;
}

void *gpu_handle(int gpu) {
  return &gpus[epoch_now()][gpu];
}

void *mig_handle(int gpu, int mig) {
  unsigned now = scenario_mig_epoch(gpu);
  enumerated[gpu] = now;
  return &instances[epoch_now()][now % EPOCHS][gpu][mig];
}

// What a handle stands for; 0 when it is none of ours. `of` is the epoch that it comes from.
static int resolve(const void *handle, struct subject *out, unsigned *of, unsigned *mig_of) {
  ptrdiff_t at = (const char *)handle - &gpus[0][0];
  if (at >= 0 && at < (ptrdiff_t)sizeof gpus) {
    *out = (struct subject){(int)(at % MAX_GPUS), NO_MIG};
    *of = (unsigned)(at / MAX_GPUS);
    return 1;
  }
  at = (const char *)handle - &instances[0][0][0][0];
  if (at < 0 || at >= (ptrdiff_t)sizeof instances) return 0;
  *out = (struct subject){(int)(at / MAX_MIG % MAX_GPUS), (int)(at % MAX_MIG)};
  *mig_of = (unsigned)(at / MAX_MIG / MAX_GPUS % EPOCHS);
  *of = (unsigned)(at / MAX_MIG / MAX_GPUS / EPOCHS);
  return 1;
}

static int not_initialized(enum function function) {
  if (torn) return NVML_ERROR_UNINITIALIZED;
  return breach(function, NVML_ERROR_UNINITIALIZED, "called before init or after the last shutdown");
}

int enter_for(enum function function, int gpu) {
  int code = scenario_enter(function, gpu);
  return still_initialized() ? code : not_initialized(function);
}

int enter_system(enum function function) {
  return enter_for(function, NO_GPU);
}

int enter_device(enum function function, const void *handle, struct subject *out) {
  struct subject subject = {NO_GPU, NO_MIG};
  unsigned of = 0, mig_of = 0;
  int known = resolve(handle, &subject, &of, &mig_of);
  int code = enter_for(function, subject.gpu);
  if (code != NVML_SUCCESS) return code;
  if (!known) return breach(function, NVML_ERROR_INVALID_ARGUMENT, "the handle was never given out");
  if (of != epoch_now()) return breach(function, NVML_ERROR_INVALID_ARGUMENT, "the handle is from before a shutdown");
  code = scenario_gpu_code(subject.gpu);
  if (code != NVML_SUCCESS) return code;
  if (subject.mig != NO_MIG) {
    unsigned now = scenario_mig_epoch(subject.gpu);
    if (mig_of != now % EPOCHS) {
      if (enumerated[subject.gpu] != now) return NVML_ERROR_INVALID_ARGUMENT;
      return breach(function, NVML_ERROR_INVALID_ARGUMENT, "a MIG handle is used although newer ones were given out");
    }
    if (!scenario_has_mig(subject.gpu, subject.mig)) return NVML_ERROR_INVALID_ARGUMENT;
  }
  // In one piece: two halves that are read as one straight after cost more than the rest of the call.
  uint64_t whole = (uint32_t)subject.gpu | (uint64_t)(uint32_t)subject.mig << 32;
  memcpy(out, &whole, sizeof whole);
  return NVML_SUCCESS;
}

int enter_gpu(enum function function, const void *handle, struct subject *out) {
  int code = enter_device(function, handle, out);
  return code == NVML_SUCCESS && out->mig != NO_MIG ? NVML_ERROR_INVALID_ARGUMENT : code;
}

static void last_user_left(void) {
  __atomic_fetch_add(&epoch, 1, __ATOMIC_ACQ_REL);
  forget_sets();
  forget_samples();
}

void driver_unloaded(void) {
  if (__atomic_exchange_n(&initialized, 0, __ATOMIC_ACQ_REL) == 0) return;
  torn = 1;
  last_user_left();
}

static void initialize(void) {
  torn = 0;
  __atomic_fetch_add(&initialized, 1, __ATOMIC_ACQ_REL);
}

EXPORT int nvmlInit_v2(void) {
  int code = scenario_enter(F_nvmlInit_v2, NO_GPU);
  if (code == NVML_SUCCESS) code = scenario_init_code();
  if (code == NVML_SUCCESS) initialize();
  return code;
}

EXPORT int nvmlInitWithFlags(unsigned flags) {
  int code = scenario_enter(F_nvmlInitWithFlags, NO_GPU);
  if (code != NVML_SUCCESS) return code;
  code = scenario_init_code();
  if (code == NVML_ERROR_GPU_NOT_FOUND && (flags & NVML_INIT_FLAG_NO_GPUS) != 0) code = NVML_SUCCESS;
  if (code == NVML_SUCCESS) initialize();
  return code;
}

EXPORT int nvmlShutdown(void) {
  scenario_enter(F_nvmlShutdown, NO_GPU);
  int was = __atomic_load_n(&initialized, __ATOMIC_ACQUIRE);
  while (was > 0 && !__atomic_compare_exchange_n(&initialized, &was, was - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
  }
  if (was == 1) last_user_left();
  return was > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
}

EXPORT const char *nvmlErrorString(int code) {
  scenario_enter(F_nvmlErrorString, NO_GPU);
  return code == NVML_SUCCESS ? "Success" : "Error of the double";
}
