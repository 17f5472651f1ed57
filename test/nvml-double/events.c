// What the driver reports by itself. A set is told of what it was registered for before it happened; the events
// themselves come from the scenario, which hands them over in their order (events_put).

#include "answers.h"

#include <string.h>

#define MAX_SETS 64
#define QUEUE 1024

struct set {
  int open, was_open;
  // Which events of each GPU, and since when.
  uint64_t mask[MAX_GPUS], since_ns[MAX_GPUS];
  unsigned first, last;
  struct event queue[QUEUE];
};
static struct set sets[MAX_SETS];

// Called with the scenario's lock held, as is all that touches a set.
void events_put(const struct event *event) {
  for (int i = 0; i < MAX_SETS; i++) {
    struct set *set = &sets[i];
    if (!set->open || (set->mask[event->gpu] & event->type) == 0 || set->since_ns[event->gpu] > event->due_ns) continue;
    // A set that nobody reads loses its oldest events.
    if (set->last - set->first == QUEUE) set->first++;
    set->queue[set->last++ % QUEUE] = *event;
  }
}

void forget_sets(void) {
  for (int i = 0; i < MAX_SETS; i++) sets[i].open = 0;
}

struct work {
  struct set *set;
  int gpu, found;
  uint64_t mask, quiet_ns;
  struct event event;
};

static void create(void *argument) {
  static unsigned next;
  struct work *work = argument;
  for (int tried = 0; work->set == NULL && tried < MAX_SETS; tried++) {
    struct set *set = &sets[next++ % MAX_SETS];
    if (set->open) continue;
    memset(set, 0, sizeof *set);
    set->open = set->was_open = 1;
    work->set = set;
  }
}

static void add(void *argument) {
  struct work *work = argument;
  // What happened before is not for the new registration.
  scenario_pump();
  work->set->mask[work->gpu] |= work->mask;
  work->set->since_ns[work->gpu] = now_ns();
}

static void take(void *argument) {
  struct work *work = argument;
  scenario_pump();
  struct set *set = work->set;
  work->quiet_ns = scenario_quiet_ns();
  if (set->first == set->last) return;
  work->event = set->queue[set->first++ % QUEUE];
  work->found = 1;
}

static void discard(void *argument) {
  ((struct work *)argument)->set->open = 0;
}

static struct set *set_of(enum function function, void *pointer, int *code) {
  ptrdiff_t at = (char *)pointer - (char *)sets;
  *code = NVML_SUCCESS;
  if (at < 0 || at >= (ptrdiff_t)sizeof sets || at % (ptrdiff_t)sizeof sets[0] != 0) {
    *code = pointer == NULL ? null_pointer(function)
                            : breach(function, NVML_ERROR_INVALID_ARGUMENT, "the event set was never given out");
    return NULL;
  }
  struct set *set = pointer;
  if (set->open) return set;
  *code = breach(function, NVML_ERROR_INVALID_ARGUMENT,
                 set->was_open ? "the event set was freed before" : "the event set was never given out");
  return NULL;
}

EXPORT int nvmlEventSetCreate(void **out) {
  struct work work = {0};
  int code = enter_system(F_nvmlEventSetCreate);
  if (code != NVML_SUCCESS) return code;
  if (out == NULL) return null_pointer(F_nvmlEventSetCreate);
  scenario_locked(create, &work);
  if (work.set == NULL) return NVML_ERROR_MEMORY;
  *out = work.set;
  return NVML_SUCCESS;
}

ANSWER_LONG(nvmlDeviceGetSupportedEventTypes, K_event_types)

EXPORT int nvmlDeviceRegisterEvents(void *device, uint64_t mask, void *pointer) {
  struct subject subject;
  double supported;
  int code = enter_gpu(F_nvmlDeviceRegisterEvents, device, &subject);
  if (code != NVML_SUCCESS) return code;
  struct work work = {.set = set_of(F_nvmlDeviceRegisterEvents, pointer, &code), .gpu = subject.gpu, .mask = mask};
  if (work.set == NULL) return code;
  if (!scenario_value(subject, K_event_types, &supported)) return NVML_ERROR_NOT_SUPPORTED;
  if ((mask & ~long_word(supported)) != 0) return NVML_ERROR_NOT_SUPPORTED;
  scenario_locked(add, &work);
  return NVML_SUCCESS;
}

static int lost_gpu(const struct set *set) {
  for (int gpu = 0; gpu < MAX_GPUS; gpu++)
    if (set->mask[gpu] != 0 && scenario_lost(gpu)) return gpu;
  return NO_GPU;
}

EXPORT int nvmlEventSetWait_v2(void *pointer, nvmlEventData_t *out, unsigned timeout_ms) {
  int code = enter_system(F_nvmlEventSetWait_v2);
  if (code != NVML_SUCCESS) return code;
  struct work work = {.set = set_of(F_nvmlEventSetWait_v2, pointer, &code)};
  if (work.set == NULL) return code;
  if (out == NULL) return null_pointer(F_nvmlEventSetWait_v2);
  uint64_t end = now_ns() + (uint64_t)timeout_ms * 1000000;
  for (;;) {
    // A driver that is unloaded while somebody waits ends the wait.
    if (!still_initialized()) return NVML_ERROR_UNINITIALIZED;
    scenario_locked(take, &work);
    if (work.found) break;
    if (lost_gpu(work.set) != NO_GPU) return NVML_ERROR_GPU_IS_LOST;
    uint64_t now = now_ns();
    if (now >= end) return NVML_ERROR_TIMEOUT;
    uint64_t left = end - now < work.quiet_ns ? end - now : work.quiet_ns;
    wait_us((long)(left / 1000) + 1, 0);
  }
  *out = (nvmlEventData_t){gpu_handle(work.event.gpu), work.event.type, work.event.data, work.event.gi, work.event.ci};
  if (scenario_pattern()) fill_pattern("nvmlEventData_t", out);
  return NVML_SUCCESS;
}

EXPORT int nvmlEventSetFree(void *pointer) {
  int code = enter_system(F_nvmlEventSetFree);
  if (code != NVML_SUCCESS) return code;
  struct work work = {.set = set_of(F_nvmlEventSetFree, pointer, &code)};
  if (work.set != NULL) scenario_locked(discard, &work);
  return code;
}
