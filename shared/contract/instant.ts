// Instants in messages and marks, bounded where they enter: more than a Date can hold is a typing error of the
// sender, and arithmetic with it would throw far from here.

import * as z from "zod";

/** Epoch milliseconds, not before 1970 and not after the year 275,760. */
export const instantMs = z.number().min(0).max(8.64e15);
