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

/* Does the whole of `text` match? `a` holds the working sets. */
bool regex_matches(const struct regex *re, struct slice text, struct arena *a);

#endif
