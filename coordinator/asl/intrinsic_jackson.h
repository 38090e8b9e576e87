/* SPDX-License-Identifier: Apache-2.0 */
/* What AWS says of text that is no JSON: States.StringToJson shows the message of Jackson, the
 * parser it uses. Source: Jackson's ReaderBasedJsonParser; messages AWS gave. */
#ifndef STEPFLEET_ASL_INTRINSIC_JACKSON_H
#define STEPFLEET_ASL_INTRINSIC_JACKSON_H

#include "proto/base/arena.h"
#include "proto/base/slice.h"

/* "Cannot convert String to Json in States.StringToJson, caused by: ..."; empty where Jackson would
 * have nothing against the text: it looks at the first value only. */
struct slice jackson_refusal(struct slice text, struct arena *a);
/* What Jackson says alone, without the place. */
struct slice jackson_reason(struct slice text, struct arena *a);

#endif
