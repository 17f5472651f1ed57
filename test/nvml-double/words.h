// The words of a scenario's line: where we are, how a word becomes a number or a value, and memory that goes with the
// scenario.

#ifndef NVML_DOUBLE_WORDS_H
#define NVML_DOUBLE_WORDS_H

#include "scenario.h"

struct place {
  struct scenario *into;
  const char *path;
  int line;
  char *save;
};

// Ends the process and says where in the scenario, and why.
__attribute__((noreturn, format(printf, 2, 3))) void die_at(const struct place *at, const char *format, ...);
// Zeroed, and freed with the scenario.
void *own(struct scenario *scenario, size_t size);
// Room for one more item behind `count` of them: twice as much whenever the count is a power of two.
void *grown(struct scenario *scenario, void *list, int count, size_t item);
#define APPEND(scenario, list, count) \
  (list = grown(scenario, list, count, sizeof *(list)), memset(&(list)[count], 0, sizeof *(list)), &(list)[(count)++])

char *next_word(struct place *at);
long whole(struct place *at, const char *text);
double real(struct place *at, const char *text);
int word_index(const char *text, const char *const words[], int count);
// `text` is the first word of the value, the rest is still to be split.
struct value parse_value(struct place *at, char *text);

#endif
