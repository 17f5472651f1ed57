// Clocks and waits.

#define _GNU_SOURCE
#include "double.h"

#include <time.h>

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

uint64_t epoch_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void wait_us(long sleep_us, long busy_us) {
  if (sleep_us > 0) {
    struct timespec t = {sleep_us / 1000000, sleep_us % 1000000 * 1000};
    nanosleep(&t, NULL);
  }
  if (busy_us > 0)
    for (uint64_t end = now_ns() + (uint64_t)busy_us * 1000; now_ns() < end;) {
    }
}
