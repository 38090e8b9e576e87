/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as RocksDB's log, the first byte as the number of the last batch acknowledged: refused
 * as damaged, or whole once its torn end is cut off, when a second look finds the same and no end.
 * The log lies in a directory of its own in memory, where a sync takes no time, removed in the end.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "coordinator/store/log_check.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/stepfleet-fuzz-log-XXXXXX";
static char path[sizeof(dir) + 16];
static char torn[sizeof(path) + 8]; /* what is cut off is kept there */

static void clean(void)
{
    (void)unlink(torn);
    (void)unlink(path);
    (void)rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    assert(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof(path), "%s/000001.log", dir);
    (void)snprintf(torn, sizeof(torn), "%s.torn", path);
    return atexit(clean);
}

static void put_log(struct slice bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
    (void)close(fd);
    (void)unlink(torn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct log_found found = {0};
    struct log_found again = {0};
    struct err err = {0};
    enum err_code rc;

    if (size == 0) {
        return 0;
    }
    put_log(slice_make(data + 1, size - 1));
    rc = log_check(dir, data[0], &found, &err);
    if (rc != OK) {
        assert(rc == ERR_CORRUPT && err.code == rc && err.msg[0] != '\0');
        return 0;
    }
    assert(!found.any || found.first <= found.last);
    assert(found.cut == 0 || !found.any || found.last >= data[0]);
    assert(log_check(dir, data[0], &again, &err) == OK && again.cut == 0);
    assert(again.any == found.any && again.first == found.first && again.last == found.last);
    return 0;
}
