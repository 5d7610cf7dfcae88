/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiver's role of a client (Sources/OroIPC/Client: ClientReceiving.swift, ClientBackground.swift, RoleLock.swift): who reads when threads, tasks and the
 * background thread share one link.  Built and run by tools/model.
 *
 * Everything here is sequentially consistent, as the code's atomics are; the sleep word's own races with the peer are
 * lane.pml's.  The peer answers each request once and signals as WAKE does: one signal for each sleep.  A signal is heard
 * by the background thread (its poller has an edge of its own) and by the thread that sleeps with the role.
 *
 * Judged by the end state: every thread and task has its result, whoever sleeps.
 */

#ifndef THREADS
#define THREADS 1 /* they wait with the role, or asleep until it is passed on */
#endif
#ifndef TASKS
#define TASKS 1 /* they look once and are suspended */
#endif
#ifndef CALLS
#define CALLS 2 /* each one after the other */
#endif
#define CALLERS (THREADS + TASKS)
/* DETACHED: no task has called yet, and there is no background thread. */

mtype = { free, held, wanted };
mtype role = free;

bool armed;   /* receiving.isArmed: armed for the background thread */
bool watched; /* isWatched: the background thread looks in every turn */

bool zzz;       /* the sleep word */
bool signalled; /* this sleep was: a new epoch begins without */
bool edge;      /* the background thread's poller has news */
bool chime;     /* the poller of the thread that sleeps with the role has news */
bool job;       /* look(): submitted to the background thread */

bool asked[CALLERS], written[CALLERS], got[CALLERS];
bool known[CALLERS]; /* in the table: whoever reads finds the caller; else only the caller finds its own result */
bool suspended[CALLERS]; /* the count of them: who depends on the background thread */
#define NEEDS_WATCH (suspended[0] || suspended[CALLERS - 1] || suspended[CALLERS / 2])

bool sleeps[CALLERS]; /* in RoleLock.sleepers */
bool word[CALLERS];   /* changed since the sleeper looked */
byte finished;

#define TAKE(ok) \
	atomic { \
		if \
		:: role == free -> role = held; ok = true \
		:: else -> ok = false \
		fi \
	}

inline disarm_if_armed()
{
	if
	:: armed -> armed = false; zzz = false
	:: else
	fi
}

/* Reads everything; ends with nothing unread.  Of each result its caller is told; one whose caller is not known is late. */
inline read_all(i, self)
{
	i = 0;
	do
	:: i < CALLERS ->
		atomic {
			if
			:: written[i] && (known[i] || i == self) ->
				written[i] = false; got[i] = true; word[i] = true; suspended[i] = false
			:: written[i] && !known[i] && i != self -> written[i] = false
			:: else
			fi
		}
		i++
	:: else -> break
	od;
	i = 0
}

#define UNREAD (written[0] || written[CALLERS - 1] || written[CALLERS / 2])

/* armLink: SLEEP-2 and SLEEP-3. */
inline arm(quiet)
{
	atomic { signalled = false; zzz = true }
	if
	:: UNREAD -> zzz = false; quiet = false
	:: else -> quiet = true
	fi
}

/* RoleLock.release: one of the threads that sleep for the role is told. */
inline release(was, i)
{
	atomic { was = role; role = free }
#ifndef NO_PASS_ON
	pass_on(i)
#endif
}

inline pass_on(i)
{
	atomic {
		i = 0;
		do
		:: i < CALLERS && sleeps[i] -> word[i] = true; break
		:: i < CALLERS && !sleeps[i] -> i++
		:: else -> break
		od;
		i = 0
	}
}

/* giveUpWatchedRole */
inline give_up(ok, was, watching, i)
{
#ifdef DETACHED
	release(was, i)
#else
	do
	:: true ->
		watching = NEEDS_WATCH;
		if
		:: watching && !watched && !armed ->
			arm(ok);
			if
			:: ok -> armed = true
			:: else -> job = true
			fi
		:: else
		fi;
		release(was, i);
		if
#ifdef NO_SECOND_COUNT
		:: was != wanted -> break
#else
		:: was != wanted && (watching || !NEEDS_WATCH) -> break
#endif
		:: else
		fi;
		TAKE(ok);
		if
		:: !ok -> break
		:: else
		fi;
#ifndef ARMED_BEFORE
		disarm_if_armed()
#endif
	od
#endif
}

proctype Task(byte me)
{
	byte n, i;
	bool ok, watching;
	mtype was;

	do
	:: n < CALLS ->
		got[me] = false;
		known[me] = false;
		TAKE(ok);
		if
		:: ok ->
			/* callPolling */
			disarm_if_armed();
			asked[me] = true;
			read_all(i, me);
#ifndef SETTLE_LATE
			known[me] = true;
#endif
			give_up(ok, was, watching, i);
			known[me] = true
		:: else ->
			known[me] = true;
			asked[me] = true;
			/* pollBriefly */
			TAKE(ok);
			if
			:: ok ->
				disarm_if_armed();
				read_all(i, me);
				give_up(ok, was, watching, i)
			:: else
			fi
		fi;
		atomic {
			if
			:: got[me]
			:: else -> suspended[me] = true
			fi
		}
		/* watch() */
		if
		:: suspended[me] && !watched ->
#ifdef SPINNING
			job = true
#else
			TAKE(ok);
			if
			:: ok -> disarm_if_armed(); give_up(ok, was, watching, i)
			:: else
			fi
#endif
		:: else
		fi;
		got[me]; /* suspended until its result is delivered */
		n++
	:: else -> break
	od;
	finished++
}

proctype Thread(byte me)
{
	byte n, i;
	bool ok, watching, had_role;
	mtype was;

	do
	:: n < CALLS ->
		got[me] = false;
		known[me] = true;
		asked[me] = true;
		do
		:: got[me] -> break
		:: else ->
			TAKE(ok);
			if
			:: !ok ->
				/* RoleLock.sleep */
				word[me] = false;
				if
				:: got[me] -> skip
				:: else ->
					sleeps[me] = true;
					if
					:: role != free && !got[me] -> word[me]
					:: else
					fi;
					sleeps[me] = false
				fi
			:: else ->
				disarm_if_armed();
				do
				:: true ->
					read_all(i, me);
					if
					:: got[me] -> break
					:: else
					fi;
					arm(ok);
					if
					:: ok -> atomic { chime -> chime = false }
					:: else
					fi;
					zzz = false
				od;
				give_up(ok, was, watching, i);
				had_role = true
			fi
		od;
#ifndef NO_PASS_ON_IF_FREE
		/* passOnIfFree: the role may have been passed to this thread while its result was being delivered. */
		if
		:: !had_role && role == free -> pass_on(i)
		:: else
		fi;
#endif
		had_role = false;
		n++
	:: else -> break
	od;
	finished++
}

proctype Background()
{
	byte i;
	bool ok, watching, awake = true;
	mtype was;

	watched = true;
end:
	do
	:: atomic { edge -> edge = false }; watched = true; awake = true
	:: atomic { job -> job = false }; watched = true; awake = true
	:: awake && NEEDS_WATCH ->
		/* pollInBackground */
		TAKE(ok);
		if
		:: ok ->
			disarm_if_armed();
			read_all(i, CALLERS);
			release(was, i)
		:: else
		fi
	:: awake ->
		/* armInBackground, and then asleep */
		watched = false;
		do
		:: true ->
			TAKE(ok);
			if
			:: ok ->
				disarm_if_armed();
				watching = NEEDS_WATCH;
				ok = true;
				if
				:: watching -> arm(ok); armed = ok
				:: else
				fi;
				if
				:: ok -> awake = false
				:: else -> watched = true
				fi;
				release(was, i);
#ifdef NO_SECOND_COUNT
				break
#else
				if
				:: watching || !NEEDS_WATCH -> break
				:: else -> awake = true
				fi
#endif
			:: else
			fi;
			/* RoleLock.want */
			atomic {
				if
				:: role == free -> skip
				:: else ->
#ifndef NO_WANT
					role = wanted;
#endif
					awake = false; break
				fi
			}
		od
	od
}

active proctype Host()
{
	byte seen, i;
	bool answered;

	do
	:: finished == CALLERS -> break
	:: true ->
		atomic {
			/* one of the requests, whichever */
			if
			:: asked[0] -> asked[0] = false; written[0] = true
			:: asked[CALLERS - 1] -> asked[CALLERS - 1] = false; written[CALLERS - 1] = true
			:: asked[CALLERS / 2] -> asked[CALLERS / 2] = false; written[CALLERS / 2] = true
			:: finished == CALLERS -> break
			fi
		}
		atomic {
			if
			:: zzz && !signalled -> signalled = true; answered = true
			:: else -> answered = false
			fi
		}
		if
		:: answered -> atomic { edge = true; chime = true; answered = false }
		:: else
		fi
	od
}

init {
	byte n;

	atomic {
#ifndef DETACHED
		run Background();
#endif
		do
		:: n < THREADS -> run Thread(n); n++
		:: n >= THREADS && n < CALLERS -> run Task(n); n++
		:: else -> break
		od
	}
}
