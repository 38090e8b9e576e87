#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pure rooms may call nothing that is not on this list: no clock, socket, file, locale, thread or heap.

usage: purity.py BUILD-DIRECTORY [JUNIT-FILE]
Reads the undefined symbols of each archive with nm; those that another pure archive defines are fine."""
import pathlib
import subprocess
import sys
from xml.sax.saxutils import quoteattr

PURE = {
    "base": "proto/libbase.a",
    "stage": "proto/libstage.a",
    "job_definition": "proto/libjob_definition.a",
    "asl": "coordinator/libasl.a",
    "engine": "coordinator/libengine.a",
    "fleet": "coordinator/libfleet.a",
    "job": "coordinator/libjob.a",
    "permit": "coordinator/libpermit.a",
    "trigger": "coordinator/libtrigger.a",
    "items": "worker/libitems.a",
    "worker_frame": "worker/libworker_frame.a",
}
# Memory and text moved about, arithmetic, formatting of integers and text; a failed assertion.
ALLOWED = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen", "strcmp", "strncmp",
    "strchr", "vsnprintf", "snprintf", "__vsnprintf_chk", "__snprintf_chk", "__memcpy_chk",
    "__assert_fail", "__stack_chk_fail", "floor", "ceil", "frexp", "ldexp", "pow", "fmod", "llround", "trunc",
    "_GLOBAL_OFFSET_TABLE_",
}
# The heap's one door: arena.c; and it ends the program where memory runs out.
HEAP = {"malloc", "calloc", "realloc", "free", "abort", "fprintf", "stderr", "__fprintf_chk"}
HEAP_OBJECTS = {"arena.c.o"}
SANITIZER = ("__asan_", "__ubsan_", "__tsan_", "__sanitizer_")


def symbols(archive):
    """(undefined by object, defined) of an archive."""
    text = subprocess.run(["nm", "-A", archive], check=True, capture_output=True, text=True).stdout
    undefined, defined = {}, set()
    for line in text.splitlines():
        place, _, rest = line.partition(".o:")
        fields = rest.split()
        member = place.rsplit(":", 1)[-1] + ".o"
        if len(fields) == 2 and fields[0] in "Uw":
            undefined.setdefault(member, set()).add(fields[1])
        elif len(fields) == 3:
            defined.add(fields[2])
    return undefined, defined


def main():
    build = pathlib.Path(sys.argv[1])
    tables = {room: symbols(build / path) for room, path in PURE.items()}
    defined = set().union(*(t[1] for t in tables.values()))
    cases = []
    for room, (undefined, _) in tables.items():
        bad = []
        for member, names in sorted(undefined.items()):
            allowed = ALLOWED | (HEAP if room == "base" and member in HEAP_OBJECTS else set())
            bad += [f"{member} calls {n}" for n in sorted(names)
                    if n not in allowed and n not in defined and not n.startswith(SANITIZER)]
        cases.append((room, bad))
        print(f"purity of {room}: {'FAILED' if bad else 'ok'}")
        for line in bad:
            print(f"  {line}")
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as out:
            out.write("<testsuite name='purity'>")
            for room, bad in cases:
                out.write(f"<testcase name={quoteattr(room)}>")
                out.write(f"<failure message={quoteattr('; '.join(bad))}/>" if bad else "")
                out.write("</testcase>")
            out.write("</testsuite>")
    return 1 if any(bad for _, bad in cases) else 0


sys.exit(main())
