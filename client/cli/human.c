/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/human.h"

#include <time.h>

static bool local(int64_t ms, struct tm *out)
{
    time_t seconds = (time_t)(ms / 1000);

    return localtime_r(&seconds, out) != NULL;
}

struct slice human_time(int64_t ms, int64_t now_ms, struct arena *a)
{
    struct tm t;
    struct tm now;

    if (ms == 0 || !local(ms, &t) || !local(now_ms, &now)) {
        return SLICE("");
    }
    if (t.tm_year == now.tm_year && t.tm_yday == now.tm_yday) {
        return arena_printf(a, "%02d:%02d:%02d", t.tm_hour, t.tm_min, t.tm_sec);
    }
    return arena_printf(a, "%d-%02d-%02d %02d:%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
                        t.tm_hour, t.tm_min);
}

struct slice human_span(int64_t ms, struct arena *a)
{
    long long s = ms > 0 ? ms / 1000 : 0;

    if (s < 60) {
        return arena_printf(a, "%lld.%llds", s, ms > 0 ? (long long)(ms % 1000 / 100) : 0);
    }
    if (s < 3600) {
        return arena_printf(a, "%lldm %02llds", s / 60, s % 60);
    }
    if (s < 86400) {
        return arena_printf(a, "%lldh %02lldm", s / 3600, s / 60 % 60);
    }
    return arena_printf(a, "%lldd %02lldh", s / 86400, s / 3600 % 24);
}

struct slice human_bytes(uint64_t bytes, struct arena *a)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    uint64_t unit = 1024;
    size_t i = 0;

    if (bytes < 1024) {
        return arena_printf(a, "%llu B", (unsigned long long)bytes);
    }
    while (i + 1 < sizeof(units) / sizeof(units[0]) && bytes / unit >= 1024) {
        unit *= 1024;
        i++;
    }
    return arena_printf(a, "%llu.%llu %s", (unsigned long long)(bytes / unit),
                        (unsigned long long)(bytes % unit * 10 / unit), units[i]);
}

enum style human_status_style(struct slice status)
{
    if (slice_eq_str(status, "SUCCEEDED") || slice_eq_str(status, "done")) {
        return STYLE_GOOD;
    }
    if (slice_eq_str(status, "FAILED") || slice_eq_str(status, "TIMED_OUT") ||
        slice_eq_str(status, "ABORTED") || slice_eq_str(status, "TIMEOUT") ||
        slice_eq_str(status, "STOPPED") || slice_eq_str(status, "ERROR") ||
        slice_eq_str(status, "failed") || slice_eq_str(status, "aborted")) {
        return STYLE_BAD;
    }
    return status.len != 0 ? STYLE_BUSY : STYLE_PLAIN;
}

const char *human_style(enum style style)
{
    switch (style) {
    case STYLE_PLAIN: return "";
    case STYLE_TITLE: return "\033[1m";
    case STYLE_GOOD: return "\033[32m";
    case STYLE_BUSY: return "\033[33m";
    case STYLE_BAD: return "\033[31m";
    }
    return "";
}
