// How often each function was called, and for which GPU, in a file that stays mapped so that others can look.

#define _GNU_SOURCE
#include "scenario.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

// One row for each function in the counter file; test/nvml-double/counters.ts reads it.
struct counter {
  char name[48];
  uint64_t calls, by_gpu[MAX_GPUS];
};

static struct counter *counters;

const char *const function_names[FUNCTION_COUNT] = {
#define FUNCTION(name, branch) #name,
#include "functions.def"
#undef FUNCTION
};

void counters_map(const char *file) {
  int fd = open(file, O_RDWR | O_CREAT, 0644);
  size_t size = sizeof(struct counter) * FUNCTION_COUNT;
  if (fd < 0 || ftruncate(fd, (off_t)size) != 0) die(file, "cannot be opened for counters");
  void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) die(file, "cannot be mapped for counters");
  close(fd);
  counters = at;
  for (int i = 0; i < FUNCTION_COUNT; i++) snprintf(counters[i].name, sizeof counters[i].name, "%s", function_names[i]);
}

void counters_add(enum function function, int gpu) {
  if (counters == NULL) return;
  __atomic_fetch_add(&counters[function].calls, 1, __ATOMIC_RELAXED);
  if (gpu >= 0) __atomic_fetch_add(&counters[function].by_gpu[gpu], 1, __ATOMIC_RELAXED);
}
