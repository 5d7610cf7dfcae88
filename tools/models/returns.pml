/*
 * Blocks on their way back: what oro_returns.h and Arena.swift do.
 *
 * The sender takes a free block, writes it, and lends it: a loan, told in a frame.  Threads of the receiver read the
 * block and write the loan into the next slot of the returns, one after the other behind a private lock.  A slot is its
 * own commit word: the lap of its number, and the loan.  A sender without a free block or a free loan collects what was
 * given back, and if that is nothing it sleeps until a return wakes it.
 *
 * Everything is sequentially consistent: sleeping and waking with store buffers is lane.pml's business.
 */

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
bool out[MOST];
byte block[MOST]; /* of a loan that is out */
bool taken[BLOCKS];
byte returned;

/* The sender's word, and the bell. */
bool asleep;
byte bell;

chan frames = [MOST] of { byte, byte }; /* loan and block */

/* Ghosts. */
byte readers[BLOCKS];
byte lent;

inline collect() {
	do
	:: lap[returned % SLOTS] == LAP(returned) ->
		atomic {
			index = loan[returned % SLOTS];
			assert(out[index]); /* what comes back was lent */
			out[index] = false;
			taken[block[index]] = false;
			returned++
		}
	:: else -> break
	od
}

/* A free block and a free loan, if there are any. */
inline look() {
	found = false;
	index = 0;
	do
	:: index < MOST && out[index] -> index++
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
	byte index, one;
	bool found;

	do
	:: lent == TOTAL -> break
	:: else ->
		collect();
		atomic { look() };
		if
		:: found ->
			assert(readers[one] == 0); /* nobody reads a block that is written */
			atomic { taken[one] = true; block[index] = one; out[index] = true; lent++ };
			frames!index, one
		:: else ->
			asleep = true;
#ifndef NO_RETURN_CHECK
			if
			:: lap[returned % SLOTS] == LAP(returned) -> asleep = false
			:: else -> atomic { bell > 0 -> bell = 0 }; asleep = false
			fi
#else
			atomic { bell > 0 -> bell = 0 };
			asleep = false
#endif
		fi
	od;
	/* All of it comes back. */
	do
	:: returned == TOTAL -> break
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

init {
	byte thread;
	atomic {
		run Sender();
		do
		:: thread < THREADS -> run Reader(); thread++
		:: else -> break
		od
	}
}
