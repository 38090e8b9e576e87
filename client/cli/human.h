/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as people read them: local times, spans, sizes; and the colours of states. */
#ifndef STEPFLEET_CLI_HUMAN_H
#define STEPFLEET_CLI_HUMAN_H

#include "proto/base/arena.h"

enum style { STYLE_PLAIN, STYLE_TITLE, STYLE_GOOD, STYLE_BUSY, STYLE_BAD };

/* "14:03:22" on the day of now_ms, else "2026-11-23 14:03"; local time; "" for 0. */
struct slice human_time(int64_t ms, int64_t now_ms, struct arena *a);
/* "0.4s", "12.3s", "3m 05s", "2h 03m", "4d 02h". */
struct slice human_span(int64_t ms, struct arena *a);
/* "17 B", "1.2 KiB", "3.4 GiB". */
struct slice human_bytes(uint64_t bytes, struct arena *a);
/* "RUNNING", "SUCCEEDED", ... */
enum style human_status_style(struct slice status);
/* The escape that begins a style; "" for STYLE_PLAIN. Ended by HUMAN_STYLE_END. */
const char *human_style(enum style style);
#define HUMAN_STYLE_END "\033[0m"

#endif
