/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as a tree of bounded size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "client/cli/frames.h"

enum { MOST = 20 };

static struct stepfleet_frame frame(uint32_t id, uint32_t parent)
{
    return (struct stepfleet_frame){.id = id, .parent = parent};
}

static void assert_line(const struct frame_line *line, uint32_t id, unsigned depth)
{
    assert_int_equal(line->frame->id, id);
    assert_int_equal(line->depth, depth);
}

static void test_frames__children_stand_below_their_state(void **state)
{
    /* 0 { 1 { 3 4 } 2 { 5 } }, in the order they were made */
    const struct stepfleet_frame frames[] = {frame(0, 0), frame(1, 1), frame(2, 1),
                                             frame(3, 2), frame(4, 2), frame(5, 3)};
    struct frame_line lines[MOST];
    struct arena a = {0};

    (void)state;
    assert_int_equal(frames_tree(frames, 6, MOST, &a, lines), 6);
    assert_line(&lines[0], 0, 0);
    assert_line(&lines[1], 1, 1);
    assert_line(&lines[2], 3, 2);
    assert_line(&lines[3], 4, 2);
    assert_line(&lines[4], 2, 1);
    assert_line(&lines[5], 5, 2);
    arena_fini(&a);
}

/* A wide Map in one branch leaves its neighbours and its own upper levels their lines, though they
 * were made after it. */
static void test_frames__upper_levels_go_first(void **state)
{
    struct stepfleet_frame frames[100] = {frame(0, 0), frame(1, 1), frame(2, 2)};
    struct frame_line lines[MOST];
    struct arena a = {0};

    (void)state;
    for (uint32_t i = 3; i < 98; i++) {
        frames[i] = frame(i, 3); /* of 2, which is of 1 */
    }
    frames[98] = frame(98, 2); /* of 1 */
    frames[99] = frame(99, 1);
    assert_int_equal(frames_tree(frames, 100, MOST, &a, lines), MOST);
    assert_line(&lines[0], 0, 0);
    assert_line(&lines[1], 1, 1);
    assert_line(&lines[2], 2, 2);
    assert_line(&lines[3], 3, 3);
    assert_line(&lines[MOST - 3], 17, 3);
    assert_line(&lines[MOST - 2], 98, 2);
    assert_line(&lines[MOST - 1], 99, 1);
    arena_fini(&a);
}

static void test_frames__have_their_most(void **state)
{
    struct stepfleet_frame frames[MOST + 1];
    struct frame_line lines[MOST + 1];
    struct arena a = {0};

    (void)state;
    for (uint32_t i = 0; i <= MOST; i++) {
        frames[i] = frame(i, 0);
    }
    assert_int_equal(frames_tree(frames, MOST + 1, MOST, &a, lines), MOST);
    assert_int_equal(frames_tree(frames, MOST, MOST, &a, lines), MOST);
    assert_int_equal(frames_tree(frames, MOST - 1, MOST, &a, lines), MOST - 1);
    assert_int_equal(frames_tree(frames, 0, MOST, &a, lines), 0);
    arena_fini(&a);
}

/* Only some frames are told: one whose own is not among them stands at the top; a circle ends. */
static void test_frames__bears_what_does_not_fit_together(void **state)
{
    const struct stepfleet_frame orphan[] = {frame(7, 4)};
    const struct stepfleet_frame circle[] = {frame(1, 3), frame(2, 2), frame(5, 0)};
    const struct stepfleet_frame self[] = {frame(1, 2)};
    struct frame_line lines[MOST];
    struct arena a = {0};

    (void)state;
    assert_int_equal(frames_tree(orphan, 1, MOST, &a, lines), 1);
    assert_line(&lines[0], 7, 0);
    assert_int_equal(frames_tree(circle, 3, MOST, &a, lines), 1);
    assert_line(&lines[0], 5, 0);
    assert_int_equal(frames_tree(self, 1, MOST, &a, lines), 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames__children_stand_below_their_state),
        cmocka_unit_test(test_frames__upper_levels_go_first),
        cmocka_unit_test(test_frames__have_their_most),
        cmocka_unit_test(test_frames__bears_what_does_not_fit_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
