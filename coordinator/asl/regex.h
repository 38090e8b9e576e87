/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions without backtracking: all ways through the pattern advance together, so a
 * match costs pattern size times text length, whatever the pattern. The part of Java's syntax that
 * means something without captures: . [] [^] \d \w \s \D \W \S \t \n \r, escaped punctuation, ( )
 * (?: ) | ^ $, * + ? {n} {n,} {n,m} and their lazy forms. The rest is refused by name when
 * compiling. Source: Thompson's construction; java.util.regex for the syntax. */
#ifndef STEPFLEET_ASL_REGEX_H
#define STEPFLEET_ASL_REGEX_H

#include "proto/base/arena.h"
#include "proto/base/slice.h"

struct regex;

/* `ignore_case` folds ASCII letters; `dot_all` lets '.' match line ends too. NULL with *why. */
const struct regex *regex_compile(struct slice pattern,
                                  bool ignore_case,
                                  bool dot_all,
                                  struct arena *a,
                                  const char **why);

/* What a match works with, kept from one to the next: a filter asks about each of many elements. */
struct regex_room {
    char *memory; /* zeroed at first, with its size; grows in the arena given */
    size_t bytes;
    size_t steps; /* states and ranges of classes that may yet be tried; 0: it was given up */
};

/* Does the whole of `text` match? False where room->steps run out. */
bool regex_matches(const struct regex *re,
                   struct slice text,
                   struct regex_room *room,
                   struct arena *a);

#endif
