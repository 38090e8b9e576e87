/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of this machine. */
#ifndef STEPFLEET_HOST_CLOCK_H
#define STEPFLEET_HOST_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_wall_ms(void); /* since 1970; may jump */
int64_t clock_mono_ms(void); /* never jumps; stands still in suspend */
int64_t clock_mono_us(void);
int64_t clock_boot_ms(void); /* never jumps; goes on in suspend */
/* Unpredictable bytes from the kernel; ends the program where there are none. */
void clock_random(void *out, size_t bytes);
uint64_t clock_random_u64(void);

#endif
