/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks on their way back: what oro_release_ring.h, Arena.swift and Loans.swift do.
 *
 * The sender takes a free block, writes it, and takes a loan of it, whose number goes into a frame: it is lent when that
 * is about to be seen, or taken back when the frame is not sent after all.  Threads of the receiver read the
 * block and write the loan into the next slot of the returns, one after the other behind a private lock.  A slot is its
 * own commit word: the lap of its number, and the loan.  A sender without a free block or a free loan collects what was
 * given back, and if that is nothing it sleeps until a return wakes it.
 *
 * With GUESSES the receiver also gives back a number that it has not read, once, whenever it likes: what is no loan of
 * its own ends the link, and the sender never finds a loan of its own gone.
 *
 * Everything is sequentially consistent: sleeping and waking with store buffers is lane.pml's business.
 */

#define FREE  0
#define TAKEN 1 /* its number stands in a frame that is not committed */
#define LENT  2

#ifndef SLOTS
#define SLOTS 2 /* of the returns, and so loans at once */
#endif
#ifndef BLOCKS
#define BLOCKS 2
#endif
#ifndef TOTAL
#define TOTAL 9 /* blocks lent before the sender stops */
#endif
#ifndef THREADS
#define THREADS 2
#endif
#define LAPS 4 /* the lap is cut to a few bits, as in the code */

#ifdef NO_LAP
#define LAP(number) 1
#else
#define LAP(number) (((number) / SLOTS + 1) % LAPS)
#endif
#ifdef OVERLEND
#define MOST (SLOTS + 1)
#else
#define MOST SLOTS
#endif

/* The returns: memory of the receiver's. */
byte lap[SLOTS], loan[SLOTS];
byte next;   /* number of the next return; behind the receiver's lock */
bool locked; /* that lock */

/* The sender's private books. */
byte stage[MOST];
byte block[MOST]; /* of a loan that is not free */
bool taken[BLOCKS];
byte returned;

/* The sender's word, and the bell. */
bool asleep;
byte bell;

chan frames = [MOST] of { byte, byte }; /* loan and block */

/* The link is over: the receiver gave back what was not lent. */
bool over;

/* Ghosts. */
byte readers[BLOCKS];
byte lent;

#ifdef TAKEN_RETURNED
#define VALID(index) (stage[index] != FREE)
#else
#define VALID(index) (stage[index] == LENT)
#endif

inline collect() {
	do
	:: !over && lap[returned % SLOTS] == LAP(returned) ->
		atomic {
			index = loan[returned % SLOTS];
#ifdef GUESSES
			if
			:: VALID(index) ->
				stage[index] = FREE;
				taken[block[index]] = false;
				returned++
			:: else -> over = true
			fi
#else
			assert(stage[index] == LENT); /* what comes back was lent */
			stage[index] = FREE;
			taken[block[index]] = false;
			returned++
#endif
		}
	:: else -> break
	od
}

/* A free block and a free loan, if there are any. */
inline look() {
	found = false;
	index = 0;
	do
	:: index < MOST && stage[index] != FREE -> index++
	:: else -> break
	od;
	one = 0;
	do
	:: one < BLOCKS && taken[one] -> one++
	:: else -> break
	od;
	found = index < MOST && one < BLOCKS
}

proctype Sender()
{
	byte index, one, mine;
	bool found;

	do
	:: lent == TOTAL || over -> break
	:: else ->
		collect();
		atomic { look() };
		if
		:: found ->
#ifdef GUESSES
			atomic { taken[one] = true; block[index] = one; stage[index] = TAKEN; mine = index };
			/* Another thread of the sender's looks for a block meanwhile. */
			collect();
			if
			:: over
			:: !over ->
				atomic { assert(stage[mine] == TAKEN); stage[mine] = LENT; lent++ };
				frames!mine, block[mine]
			:: !over ->
				/* There was no room for the frame. */
				atomic { assert(stage[mine] == TAKEN); stage[mine] = FREE; taken[block[mine]] = false }
			fi
#else
			assert(readers[one] == 0); /* nobody reads a block that is written */
			atomic { taken[one] = true; block[index] = one; stage[index] = LENT; lent++ };
			frames!index, one
#endif
		:: else ->
			asleep = true;
#ifndef NO_RETURN_CHECK
			if
			:: lap[returned % SLOTS] == LAP(returned) -> asleep = false
			:: else ->
#ifdef GUESSES
				/* Who gives back what it has not read may write over what it had: that stalls its own link. */
end_stalled:
#endif
				atomic { bell > 0 -> bell = 0 };
				asleep = false
			fi
#else
			atomic { bell > 0 -> bell = 0 };
			asleep = false
#endif
		fi
	od;
	/* All of it comes back. */
	do
	:: returned >= TOTAL || over -> break
	:: else -> collect()
	od
}

inline give() {
#ifndef NO_LOCK
	atomic { !locked -> locked = true };
#endif
	number = next;
	atomic { lap[number % SLOTS] = LAP(number); loan[number % SLOTS] = index };
	next = number + 1;
#ifndef NO_LOCK
	locked = false;
#endif
#ifndef NO_RETURN_WAKE
	if
	:: asleep -> bell = 1
	:: else
	fi
#endif
}

proctype Reader()
{
	byte index, one, number;

end:
	do
	:: atomic { frames?index, one -> readers[one]++ };
#ifdef GIVE_EARLY
		give();
		atomic { readers[one]--; one = 0 };
#else
		atomic { readers[one]--; one = 0 };
		give();
#endif
		atomic { index = 0; number = 0 }
	od
}

#ifdef GUESSES
proctype Guesser()
{
	byte index, number;

	do
	:: index < MOST - 1 -> index++
	:: break
	od;
	give()
}
#endif

init {
	byte thread;
	atomic {
		run Sender();
#ifdef GUESSES
		run Guesser();
#endif
		do
		:: thread < THREADS -> run Reader(); thread++
		:: else -> break
		od
	}
}
