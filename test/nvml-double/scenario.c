// The scenario in force, and how one takes the place of another. Its file is named by NVML_DOUBLE_SCENARIO; without
// it, it is the file `scenario` beside the library, so that several doubles can live in one process. The same holds
// for NVML_DOUBLE_COUNTERS and a file `counters` that exists. A writer replaces the scenario by rename, so no half of
// it is ever seen. It is looked at again when a call is made `recheck_ms` (50) after the last look; 0 looks at each
// call, -1 never, which also spares every call the lock. A file `revision` beside the library spares a look at each call
// the system call: its first word is another one after each change (fixture.ts).

#define _GNU_SOURCE
#include "scenario.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct scenario *scenario;
int is_static;
uint64_t started_ns;
unsigned mig_epochs[MAX_GPUS];
static const char *path;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t checked_ns;
static struct stat loaded_stat;
// Null without such a file.
static const uint32_t *revision;
static uint32_t loaded_revision;

void die(const char *file, const char *problem) {
  fprintf(stderr, "nvml double: %s %s\n", file, problem);
  abort();
}

static int same_mig(const struct scenario *a, const struct scenario *b, int gpu) {
  static const enum key keys[] = {K_mig_mode, K_slot, K_gi, K_ci};
  for (int i = 0; i <= MAX_MIG; i++) {
    const struct entity *x = a->entity[gpu][i], *y = b->entity[gpu][i];
    if ((x == NULL) != (y == NULL)) return 0;
    if (x == NULL) continue;
    if (i > 0 && strcmp(x->text[UUID], y->text[UUID]) != 0) return 0;
    for (unsigned k = 0; k < sizeof keys / sizeof keys[0]; k++)
      if (first_number(x, keys[k]) != first_number(y, keys[k])) return 0;
  }
  return 1;
}

static int drops(const struct event *event) {
  if (event->type != nvmlEventTypeXidCriticalError) return 0;
  for (int i = 0; i < scenario->dropped; i++)
    if ((uint64_t)scenario->drop[i] == event->data) return 1;
  return 0;
}

static void pump(uint64_t now) {
  for (;;) {
    struct event *next = NULL;
    for (int i = 0; i < scenario->events; i++) {
      struct event *event = &scenario->event[i];
      if (!event->fired && event->due_ns <= now && (next == NULL || event->due_ns < next->due_ns)) next = event;
    }
    if (next == NULL) return;
    next->fired = 1;
    if (!drops(next)) events_put(next);
  }
}

// What one scenario after another means for those who hold handles or wait for events.
static void replace(struct scenario *next, uint64_t now) {
  struct scenario *last = scenario;
  for (int i = 0; i < next->events; i++) next->event[i].due_ns += now;
  if (last != NULL) pump(now);
  scenario = next;
  if (next->unloaded) driver_unloaded();
  for (int gpu = 0; last != NULL && gpu < MAX_GPUS; gpu++) {
    if (last->entity[gpu][0] == NULL || next->entity[gpu][0] == NULL || same_mig(last, next, gpu)) continue;
    if (!next->reuse_mig_handles) mig_epochs[gpu]++;
    struct event event = {.due_ns = now, .gpu = gpu, .type = nvmlEventMigConfigChange, .gi = ALL_ONES, .ci = ALL_ONES};
    events_put(&event);
  }
  scenario_free(last);
}

// Called with the lock held. A file that is gone leaves the last scenario in force.
static void refresh(void) {
  uint64_t now = now_ns();
  if (scenario != NULL && now - checked_ns < (uint64_t)scenario->recheck_ms * 1000000) return;
  checked_ns = now;
  // Before the file is looked at: a change in between is then seen with the next call.
  uint32_t latest = revision == NULL ? 0 : __atomic_load_n(revision, __ATOMIC_ACQUIRE);
  if (scenario != NULL && revision != NULL && latest == loaded_revision) return;
  loaded_revision = latest;
  struct stat seen;
  if (stat(path, &seen) != 0) {
    if (scenario == NULL) die(path, "cannot be read; set NVML_DOUBLE_SCENARIO to a scenario file");
    return;
  }
  if (scenario != NULL && seen.st_ino == loaded_stat.st_ino && seen.st_size == loaded_stat.st_size &&
      seen.st_mtim.tv_sec == loaded_stat.st_mtim.tv_sec && seen.st_mtim.tv_nsec == loaded_stat.st_mtim.tv_nsec)
    return;
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    if (scenario == NULL) die(path, "cannot be opened");
    return;
  }
  // The status of the open file, not of the path: the file may have been replaced in between.
  fstat(fileno(file), &loaded_stat);
  if (started_ns == 0) started_ns = now;
  replace(scenario_parse(file, path), now);
  fclose(file);
}

// A file in the directory of this library.
static void beside(const char *name, char *out, size_t size) {
  Dl_info info;
  if (dladdr((void *)&scenario, &info) == 0 || info.dli_fname == NULL)
    die(name, "cannot be looked for: where is this library?");
  const char *slash = strrchr(info.dli_fname, '/');
  snprintf(out, size, "%.*s%s", slash == NULL ? 0 : (int)(slash + 1 - info.dli_fname), info.dli_fname, name);
}

static void revision_map(const char *file) {
  int fd = open(file, O_RDONLY);
  if (fd < 0) return;
  void *at = mmap(NULL, sizeof *revision, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die(file, "cannot be mapped");
  close(fd);
  revision = at;
}

__attribute__((constructor)) static void start(void) {
  static char scenario_file[4096], counter_file[4096], revision_file[4096];
  beside("scenario", scenario_file, sizeof scenario_file);
  beside("counters", counter_file, sizeof counter_file);
  beside("revision", revision_file, sizeof revision_file);
  path = getenv("NVML_DOUBLE_SCENARIO");
  if (path == NULL) path = scenario_file;
  const char *counter_path = getenv("NVML_DOUBLE_COUNTERS");
  if (counter_path == NULL && access(counter_file, W_OK) == 0) counter_path = counter_file;
  if (counter_path != NULL) counters_map(counter_path);
  if (path == scenario_file) revision_map(revision_file);
  refresh();
  // Decided here, before any other thread can call: from now on the scenario is only read.
  is_static = scenario->recheck_ms < 0;
}

void scenario_lock(void) {
  pthread_mutex_lock(&lock);
  refresh();
}

void scenario_unlock(void) {
  pthread_mutex_unlock(&lock);
}

void scenario_locked(void (*work)(void *), void *argument) {
  pthread_mutex_lock(&lock);
  if (!is_static) refresh();
  work(argument);
  pthread_mutex_unlock(&lock);
}

void scenario_pump(void) {
  pump(now_ns());
}

uint64_t scenario_quiet_ns(void) {
  uint64_t now = now_ns();
  uint64_t quiet = (uint64_t)scenario->recheck_ms * 1000000;
  if (is_static) quiet = 1000000000;
  else if (quiet < 2000000) quiet = 2000000;
  for (int i = 0; i < scenario->events; i++) {
    const struct event *event = &scenario->event[i];
    uint64_t left = event->fired ? quiet : event->due_ns > now ? event->due_ns - now : 0;
    if (left < quiet) quiet = left;
  }
  return quiet;
}

