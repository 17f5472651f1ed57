// What the rules of the scenario do to a call before it is answered: a code, a delay, a hang.

#include "scenario.h"

static int applies(const struct rule *rule, enum function function, int gpu) {
  int system = function == F_nvmlInit_v2 || function == F_nvmlInitWithFlags || function == F_nvmlShutdown ||
               function == F_nvmlErrorString;
  if (rule->function == ANY ? system : rule->function != (int)function) return 0;
  return rule->gpu == ANY || rule->gpu == gpu;
}

static int hangs(enum function function, int gpu) {
  int found = 0;
  for (int i = 0; i < scenario->rules && !found; i++)
    found = scenario->rule[i].kind == HANG && applies(&scenario->rule[i], function, gpu);
  return found;
}

int scenario_enter(enum function function, int gpu) {
  int code = NVML_SUCCESS, hang = 0;
  long sleep_us = 0, busy_us = 0;
  counters_add(function, gpu);
  acquire();
  for (int i = 0; i < scenario->rules; i++) {
    struct rule *rule = &scenario->rule[i];
    if (!applies(rule, function, gpu)) continue;
    long seen = rule->seen++;
    if (seen < rule->after || (rule->during >= 0 && seen >= rule->after + rule->during)) continue;
    if (rule->kind == RET && code == NVML_SUCCESS) code = (int)rule->number;
    if (rule->kind == DELAY_US) sleep_us = rule->number;
    if (rule->kind == BUSY_US) busy_us = rule->number;
    if (rule->kind == HANG) hang = 1;
  }
  release();
  while (hang) {
    wait_us(5000, 0);
    acquire();
    hang = hangs(function, gpu);
    release();
  }
  if (sleep_us > 0 || busy_us > 0) wait_us(sleep_us, busy_us);
  return code;
}
