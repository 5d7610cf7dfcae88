/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commit words of a ring whose records have different sizes.
 *
 * lane.pml has slots of one size, where a commit word only ever meets older commit words.  Here a record takes one to
 * three units, so that a later record's first word may fall on a place where an earlier one left payload, an old
 * commit word, or padding that nobody wrote.  The question is whether a reader can take such a word for a record.
 * Everything is sequentially consistent: the order of stores is lane.pml's business.
 *
 * Each unit has the word that would be the commit word if a record began there, and the word that would be its length.
 */

#ifndef UNITS
#define UNITS 4
#endif
#ifndef TOTAL
#define TOTAL 16 /* positions written before the writer stops */
#endif
#define LONGEST 3

#if defined(STALE_COMMIT) /* the place in the ring */
#define STAMP(pos) (1 + (pos) % UNITS)
#elif defined(NARROW_COMMIT) /* the position, cut to a few bits */
#define STAMP(pos) (1 + (pos) % (2 * UNITS))
#else
#define STAMP(pos) (1 + (pos))
#endif

byte first[UNITS], second[UNITS];
byte written, taken; /* positions; the writer sees taken at once */

chan sent = [UNITS] of { byte }; /* ghost: the sizes of the records in the ring, in order */

/*
 * The word of a payload unit: untouched padding, or whatever the sender's caller put there.  A caller may know every
 * commit word of the past (a payload may be a copy of one); it cannot know one to come, for each is mixed with a key
 * private to the link.  NO_KEY takes the key away.
 */
proctype Writer()
{
	byte size, i;

	do
	:: written + LONGEST > TOTAL -> break
	:: else ->
		select(size : 1 .. LONGEST);
		written + size - taken <= UNITS; /* wait for room */
		i = 1;
		do
		:: i < size ->
			if
			:: true /* padding */
			:: first[(written + i) % UNITS] = 0
			:: first[(written + i) % UNITS] = STAMP(written)
			:: written >= UNITS -> first[(written + i) % UNITS] = STAMP(written + i - UNITS)
#ifdef NO_KEY
			:: first[(written + i) % UNITS] = STAMP(written + i + UNITS)
#endif
			fi;
			if
			:: true
			:: second[(written + i) % UNITS] = LONGEST
			fi;
			i++
		:: else -> break
		od;
#ifdef SIZE_LATE
		atomic { first[written % UNITS] = STAMP(written); sent!size };
		second[written % UNITS] = size;
#else
		second[written % UNITS] = size;
		atomic { first[written % UNITS] = STAMP(written); sent!size };
#endif
		atomic { written = written + size; size = 0; i = 0 }
	od
}

proctype Reader()
{
	byte size, expected;

end:
	do
	:: first[taken % UNITS] == STAMP(taken) ->
		atomic {
			size = second[taken % UNITS];
			assert(nempty(sent)); /* (c): nothing is read that was not sent */
			sent?expected;
			assert(size == expected); /* (c): and its size is what was written */
			expected = 0
		};
		atomic { taken = taken + size; size = 0 }
	od
}

proctype Delivered()
{
end:
	atomic { timeout -> assert(taken == written && empty(sent)) }
}

init {
	atomic { run Writer(); run Reader(); run Delivered() }
}
