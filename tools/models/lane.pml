/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lane, its sleeping and its waking.  docs/model.md says what is modelled, what is not, and which C function each
 * step stands for; tools/model runs every configuration and every seeded bug.
 *
 * Reading order: the memory (one array, one store buffer for each thread), the steps (WAKE, SEND, RECV, PUB, SLEEP:
 * the names the SYNC: comments of the C code use), the threads made of those steps, the topologies.
 *
 * Rules every line keeps:
 *   - One Promela step touches shared memory at most once.  What shares an atomic or d_step with it is private.
 *   - A shared word has one writing thread, which remembers what it wrote in private variables and never loads it
 *     back.  So no load ever needs forwarding from the thread's own store buffer, and the buffer is a plain queue.
 *   - Nothing repeats without progress: every run is finite, and a run that ends with a thread short of its end is a
 *     deadlock.  Spin reports it as an invalid end state.
 */

/* ---- configuration: every name can be set with -D ------------------------------------------------------------- */

#ifndef SLOTS
#define SLOTS 2 /* records a ring holds */
#endif
#ifndef N0
#define N0 3 /* records sent into ring 0 */
#endif
#ifndef N1
#define N1 N0 /* and into ring 1 */
#endif
#ifndef BATCH
#define BATCH 2 /* a reader publishes when it holds this many consumed records back */
#endif
#ifndef DEPTH
#define DEPTH 3 /* entries of a store buffer */
#endif
#ifndef TIMER
#define TIMER 0 /* how often a wait may end for a reason of its own: a deadline, a socket, another link */
#endif
/* STAY_ARMED: a link on which nothing was found stays armed when something else has ended the wait. */
/* SPIN0, SPIN1: process 0, process 1 spins and never sleeps. */
#ifdef ALWAYS_FENCED /* no membarrier() on this machine: FENCE stands from the start and is never cleared */
#define STARTS_FENCED 1
#else
#define STARTS_FENCED 0
#endif
#ifdef BULKY /* every second record is as large as the ring: its writer waits until the ring is empty */
#define SIZE(pos) ((pos) % 2 -> SLOTS : 1)
#else
#define SIZE(pos) 1
#endif

/*
 * Topologies.  Thread t writes ring t and no other; process p has one sleep word, written by one thread.
 *
 *   STREAM   thread 0 of process 0 sends to thread 1 of process 1
 *   PAIR     both send N to each other, whenever they can
 *   REPLY    thread 0 sends N requests, thread 1 answers each
 *   SENDERS  threads 0 and 1 of process 0 send, each on its own ring, to thread 2 of process 1
 *   MIXED    thread 0 of process 0 sends N and receives N.  In process 1 thread 2 reads (and publishes) while thread 1
 *            sends: two threads that both owe process 0 its wake-ups, one for room and one for data
 */
#if defined(SENDERS) || defined(MIXED)
#define THREADED /* some process has two threads that signal */
#define THREADS 3
#else
#define THREADS 2
#endif
#define RINGS 2

/* ---- shared memory -------------------------------------------------------------------------------------------- */

#define PAYLOAD_AT(ring, pos) ((ring) * 2 * SLOTS + 2 * ((pos) % SLOTS))
#define COMMIT_AT(ring, pos) (PAYLOAD_AT(ring, pos) + 1)
#define CONSUMED_AT(ring) (RINGS * 2 * SLOTS + (ring))
#define SLEEP_AT(proc) (RINGS * 2 * SLOTS + RINGS + (proc))
#define WORDS (RINGS * 2 * SLOTS + RINGS + 2)

byte mem[WORDS];

/* The sleep word: epoch << 3 | FENCE | ROOM | ASLEEP. */
#define ASLEEP 1 /* ORO_SLEEP_ZZZ */
#define ROOM 2
#define FENCE 4
#define EPOCH(word) ((word) >> 3)
#ifdef EPOCH_WRAPS /* cut to one bit, compared for equality */
#define EPOCH_DIFFERS
#define IN_WORD(epoch) (((epoch) & 1) << 3)
#else
#define IN_WORD(epoch) ((epoch) << 3)
#endif

#define PAYLOAD(pos) (100 + (pos))
#ifdef STALE_COMMIT
#define STAMP(pos) (1 + (pos) % SLOTS)
#else
#define STAMP(pos) (1 + (pos)) /* 0: the slot was never written */
#endif

#define plain 0
#define release 1

/* A store waits in its thread's buffer until it reaches memory: location, value, plain or release. */
chan buffer[THREADS] = [DEPTH] of { byte, byte, bit };

#define store(order, at, value) buffer[T]!at, value, order
#define load(at) mem[at]
#define full_fence() empty(buffer[T])

byte at, value; /* scratch of StoreBuffer, always 0 between steps */

/* For the eyes of whoever reads a trace. */
mtype = { payload, commit_word, consumed, sleep_word };
#define KIND(at) \
	(at < CONSUMED_AT(0) -> (at % 2 -> commit_word : payload) : (at < SLEEP_AT(0) -> consumed : sleep_word))

#define arrive() \
	mem[at] = value; printf("MEMORY   thread %d's %e is %d\n", t, KIND(at), value); at = 0; value = 0
#define overtake(where) d_step { buffer[t]??eval(where), value, plain -> at = where; arrive() }

/*
 * The store buffer of thread t.
 *
 * x86 (TSO): the oldest store reaches memory next.
 * PSO: a plain store may overtake everything but an older store to its own location; a release store waits until
 * all older stores are in memory, and nothing keeps a later plain store from overtaking it.
 */
proctype StoreBuffer(byte t)
{
end:
	do
#ifdef PSO
	:: d_step { buffer[t]?[_, _, release] -> buffer[t]?at, value, release; arrive() }
	:: overtake(PAYLOAD_AT(t, 0))
#if SLOTS > 1
	:: overtake(PAYLOAD_AT(t, 1))
#endif
#if SLOTS > 2
	:: overtake(PAYLOAD_AT(t, 2))
	:: overtake(PAYLOAD_AT(t, 3))
#endif
#ifdef PLAIN_COMMIT
	:: overtake(COMMIT_AT(t, 0))
	:: overtake(COMMIT_AT(t, 1))
#endif
	:: overtake(SLEEP_AT(0))
	:: overtake(SLEEP_AT(1))
#else
	:: d_step { buffer[t]?at, value, _ -> arrive() }
#endif
	od
}

/* ---- private memory of a process, and the kernel -------------------------------------------------------------- */

byte claimed[2]; /* per process: the newest epoch of its peer that one of its threads has claimed to signal */
byte eventfd[2]; /* the counter a sleeper waits for; SLEEP-4 takes it whole */

/*
 * Ghosts: what the properties need to know and the protocol does not.
 *   written[t]      records thread t has put into ring t
 *   taken[ring]     records its reader has taken out
 *   owes[t]         thread t has stored something its peer may wait for, and its wake check is not over
 *   waits[p]        the sleeper of process p has looked again, found nothing, and stands in SLEEP-4
 *   waits_data[p]   and wants data
 *   waits_room[p]   and wants room
 *   signals[p]      a bit for every epoch of process p that was signalled
 */
byte written[THREADS], taken[RINGS];
bit owes[THREADS], waits[2], waits_data[2], waits_room[2];
int signals[2];
bit lost_wake_up;
byte finished; /* threads that have sent and received all they should */

/* Probes: states that must be reachable, or the model proves nothing.  tools/model demands that the assertion fails. */
bit probe_reached;
#define probe(state) probe_reached = (state); assert(!probe_reached)

/* ---- WAKE: oro_wake_wanted, and the signal -------------------------------------------------------------------- */

/*
 * After a commit (for_room = 0) or a publication (for_room = 1), whose store may still be in the buffer.  Without
 * FENCE in the word there is nothing to do: no word says ASLEEP and not FENCE.
 */
inline oro_wake_wanted(for_room)
{
	atomic { /* WAKE-1 */
		word = load(SLEEP_AT(1 - P));
		owes[T] = (word & FENCE) != 0;
		printf("WAKE-1   thread %d sees epoch %d, bits %d\n", T, EPOCH(word), word & 7)
	};
	if
	:: word & FENCE ->
#if !defined(NO_FENCE) && !defined(NO_WRITER_FENCE)
		atomic { full_fence() -> printf("WAKE-2   thread %d fence\n", T) }; /* WAKE-2 */
#endif
#ifndef NO_RELOAD
		atomic { /* WAKE-3 */
			word = load(SLEEP_AT(1 - P));
			printf("WAKE-3   thread %d sees epoch %d, bits %d\n", T, EPOCH(word), word & 7)
		};
#endif
		if
		:: (word & ASLEEP) && (!for_room || (word & ROOM)) -> claim_and_signal()
		:: else -> owes[T] = 0
		fi
	:: else
	fi;
	word = 0
}

#ifdef EPOCH_DIFFERS
#define NEWER(epoch, than) ((epoch) != (than))
#else
#define NEWER(epoch, than) ((epoch) > (than))
#endif

inline write_eventfd()
{
#ifndef EPOCH_WRAPS
	assert((signals[1 - P] & (1 << EPOCH(word))) == 0); /* (b): one signal for each sleep */
#endif
	signals[1 - P] = signals[1 - P] | (1 << EPOCH(word));
	eventfd[1 - P]++;
	owes[T] = 0;
#ifdef PROBE_LATE_SIGNAL
	probe(EPOCH(load(SLEEP_AT(1 - P))) > EPOCH(word) && waits[1 - P]);
#endif
	printf("WAKE-5   thread %d signals process %d for epoch %d\n", T, 1 - P, EPOCH(word))
}

#ifdef THREADED
inline claim_and_signal()
{
	atomic { last = claimed[P]; owes[T] = NEWER(EPOCH(word), last) }; /* WAKE-4: the load */
	if
	:: NEWER(EPOCH(word), last) ->
		atomic { /* WAKE-4: the compare-and-swap, tried once */
			if
#ifdef NO_CAS
			:: true -> claimed[P] = EPOCH(word); won = 1
#else
			:: claimed[P] == last -> claimed[P] = EPOCH(word); won = 1
#endif
			:: else -> owes[T] = 0 /* another thread claimed after our load: its signal comes after our store */
			fi
		};
		if
		:: won -> atomic { write_eventfd(); won = 0 } /* WAKE-5 */
		:: else
		fi
	:: else
	fi;
	last = 0
}
#else
inline claim_and_signal()
{
	atomic { /* WAKE-4, WAKE-5: with one thread nothing can come between them that matters */
		if
#ifdef SIGNAL_TWICE
		:: true
#else
		:: NEWER(EPOCH(word), claimed[P])
#endif
			-> claimed[P] = EPOCH(word); write_eventfd()
		:: else -> owes[T] = 0
		fi
	}
}
#endif

/* ---- SEND: oro_writer_commit, oro_writer_flush ---------------------------------------------------------------- */

/* seen: the consumed count this writer last loaded */
#ifdef ROOM_IGNORED
#define HAS_ROOM true
#else
#define HAS_ROOM (wrote + SIZE(wrote) - seen <= SLOTS)
#endif

#define STORE_PAYLOAD store(plain, PAYLOAD_AT(T, wrote), PAYLOAD(wrote))
#ifdef PLAIN_COMMIT
#define STORE_COMMIT store(plain, COMMIT_AT(T, wrote), STAMP(wrote))
#else
#define STORE_COMMIT store(release, COMMIT_AT(T, wrote), STAMP(wrote))
#endif
#ifdef COMMIT_FIRST
#define SEND_1 STORE_COMMIT
#define SEND_2 STORE_PAYLOAD
#else
#define SEND_1 STORE_PAYLOAD
#define SEND_2 STORE_COMMIT
#endif

inline oro_writer_commit()
{
	atomic { /* SEND-1: the payload */
		SEND_1;
		assert(written[T] - taken[T] < SLOTS); /* (d): judged by what the reader has really taken */
		written[T]++;
		owes[T] = 1;
		printf("SEND-1   thread %d position %d\n", T, wrote)
	};
#ifdef HOLD
	if
	:: wrote != held -> atomic { SEND_2; printf("SEND-2   thread %d position %d\n", T, wrote) }
	:: else
	fi;
#else
	atomic { /* SEND-2: the commit word, last */
		SEND_2;
		printf("SEND-2   thread %d position %d\n", T, wrote)
	};
#endif
	wrote++;
	todo--
}

/*
 * One wake check for a run of commits is enough if nothing but further commits comes before it.  With HOLD the run's
 * first commit word is kept back until its end, so that the reader sees the run at once (SEND-3, oro_writer_flush).
 */
#ifdef HOLD
inline send_some()
{
	if
	:: !holding -> held = wrote; holding = 1
	:: else
	fi;
	do
	:: oro_writer_commit();
		if
		:: todo > 0 && HAS_ROOM
		:: true -> break
		fi
	od;
#ifdef WAKE_BEFORE_FLUSH
	oro_wake_wanted(0);
#endif
	if
#ifdef KEEP_HELD
	:: todo > 0 -> owes[T] = 0
	:: todo == 0 ->
#else
	:: true ->
#endif
		atomic { /* SEND-3 */
			store(release, COMMIT_AT(T, held), STAMP(held));
			printf("SEND-3   thread %d position %d\n", T, held)
		};
		atomic { holding = 0; held = 0 };
#ifndef WAKE_BEFORE_FLUSH
		oro_wake_wanted(0)
#endif
	fi
}
#else
inline send_some()
{
	do
	:: oro_writer_commit();
		if
		:: todo > 0 && HAS_ROOM
		:: true -> break
		fi
	od;
	oro_wake_wanted(0)
}
#endif

/* ---- RECV and PUB: oro_reader_peek, oro_reader_publish, oro_sleep_go_fenceless -------------------------------- */

#define COMMITTED(ring, pos) (load(COMMIT_AT(ring, pos)) == STAMP(pos))
#define TOOK took[ring - first] /* records taken from a ring: the next position to read */
#define GAVE gave[ring - first] /* records published as consumed */

inline oro_reader_publish()
{
	atomic { /* PUB-1 */
		store(release, CONSUMED_AT(ring), TOOK);
		owes[T] = 1;
		printf("PUB-1    thread %d ring %d consumed %d\n", T, ring, TOOK)
	};
	GAVE = TOOK;
#ifdef NO_ROOM_CHECK
	owes[T] = 0
#else
	oro_wake_wanted(1) /* PUB-2 */
#endif
}

/* RECV-1 has seen the commit word. */
inline take()
{
#ifdef PUBLISH_EARLY
	store(release, CONSUMED_AT(ring), TOOK + 1);
#endif
	atomic { /* RECV-2 */
		assert(TOOK < written[ring]); /* (c): nothing is read that was not sent */
		assert(load(PAYLOAD_AT(ring, TOOK)) == PAYLOAD(TOOK)); /* (c): in order, once, whole */
		taken[ring]++;
		printf("RECV-2   thread %d ring %d position %d\n", T, ring, TOOK)
	};
	TOOK++;
#ifdef STAY_ARMED
	if
	:: armed -> oro_sleep_disarm(); armed = 0
	:: else
	fi;
#endif
#ifdef REPLY
	if
	:: T == 1 -> todo++
	:: else
	fi;
#endif
	if
	:: TOOK - GAVE >= BATCH -> oro_reader_publish()
	:: else
	fi;
#ifndef ALWAYS_FENCED
	if
	:: fenced -> atomic { /* RECV-3: data keeps coming; the peer need not fence */
			store(plain, SLEEP_AT(P), IN_WORD(epoch));
			printf("RECV-3   thread %d clears FENCE\n", T)
		};
		fenced = 0
	:: true
	fi
#endif
}

/* ---- SLEEP: oro_sleep_want_fence, oro_membarrier, oro_sleep_arm, oro_sleep_disarm ----------------------------- */

/*
 * membarrier() runs a full barrier on every CPU that runs a thread of the other process: for each of those threads
 * there is a moment during the call when its buffer is empty, and not the same moment for all.
 */
inline membarrier()
{
#if defined(SENDERS)
	if
	:: empty(buffer[0]) -> empty(buffer[1])
	:: empty(buffer[1]) -> empty(buffer[0])
	fi
#elif defined(MIXED)
	if
	:: T == 2 -> empty(buffer[0])
	:: T != 2 ->
		if
		:: empty(buffer[1]) -> empty(buffer[2])
		:: empty(buffer[2]) -> empty(buffer[1])
		fi
	fi
#else
	empty(buffer[1 - T])
#endif
}

inline oro_sleep_arm(bits)
{
	if
	:: !fenced ->
		atomic { /* SLEEP-1: the flag */
			store(plain, SLEEP_AT(P), IN_WORD(epoch) | FENCE);
			printf("SLEEP-1  thread %d sets FENCE\n", T)
		};
		fenced = 1;
#ifndef NO_MEMBARRIER
		full_fence(); /* SLEEP-1: the barrier, on this CPU and on the peer's */
		membarrier();
#ifdef PROBE_SECOND_BARRIER
		probe(epoch > 0);
#endif
#endif
	:: else
	fi;
	epoch++;
	assert(epoch < 32); /* it fits the model's sleep word */
	atomic { /* SLEEP-2 */
		store(plain, SLEEP_AT(P), IN_WORD(epoch) | FENCE | ASLEEP | (bits));
		printf("SLEEP-2  thread %d arms epoch %d, room %d\n", T, epoch, (bits) != 0)
	};
#if !defined(NO_FENCE) && !defined(NO_SLEEPER_FENCE)
	full_fence()
#endif
}

inline oro_sleep_disarm()
{
	atomic { /* SLEEP-5 */
#ifdef FENCE_FORGOTTEN
		store(plain, SLEEP_AT(P), IN_WORD(epoch));
#else
		store(plain, SLEEP_AT(P), IN_WORD(epoch) | FENCE);
#endif
		printf("SLEEP-5  thread %d awake after epoch %d\n", T, epoch)
	}
}

/* ---- threads -------------------------------------------------------------------------------------------------- */

#if defined(NO_DRAIN) /* who waits for room does not read: a deadlock when both do it */
#define WANTS_DATA (todo == 0)
#elif defined(ONE_DRAINS) /* process 1 does not, process 0 does */
#define WANTS_DATA (P == 0 || todo == 0)
#else
#define WANTS_DATA true
#endif

#ifdef SENDERS
#define DONE (took[0] + took[1] == expect)
#else
#define DONE (wrote == quota && took[0] == expect)
#endif

/* What a spinning thread polls for. */
#define SOMETHING_TO_DO \
	(COMMITTED(first, took[0]) || (todo > 0 && wrote + SIZE(wrote) - load(CONSUMED_AT(T)) <= SLOTS))

/*
 * A thread that receives, and sends as well when it has something to send (todo) or to answer (REPLY).  It reads the
 * rings first to last_in; it is done when it has taken `expect` records and sent `quota` of its own.
 */
proctype Peer(byte T; byte P; byte todo; byte quota; byte expect; byte first; byte last_in)
{
	byte wrote, seen, word, ring, epoch;
	bit fenced = STARTS_FENCED;
#ifdef HOLD
	byte held;
	bit holding;
#endif
#ifdef SENDERS
	byte took[2], gave[2];
#else
	byte took[1], gave[1];
#endif
#ifdef THREADED
	byte last;
	bit won;
#endif
#if TIMER > 0
	byte timer = TIMER;
#endif
#ifdef STAY_ARMED
	bit armed, armed_room;
#endif

work: /* whether to send or to look first is anybody's choice */
	if
	:: todo > 0 && HAS_ROOM -> send_some(); goto work
	:: true
	fi;

	if
	:: WANTS_DATA ->
		ring = first;
		do
		:: ring <= last_in ->
			if
			:: COMMITTED(ring, TOOK) -> take(); ring = 0; goto work /* RECV-1 */
			:: else -> ring++
			fi
		:: else -> ring = 0; break
		od
	:: else
	fi;
	if
	:: todo > 0 && !HAS_ROOM -> seen = load(CONSUMED_AT(T))
	:: else
	fi;
	if
	:: todo > 0 && HAS_ROOM -> send_some(); goto work
	:: else
	fi;
	if
	:: DONE -> goto done
	:: else
	fi;

	/* Nothing to do.  Consumption held back could be what the peer waits for: publish before idling. */
#ifndef NO_IDLE_PUBLISH
	ring = first;
	do
	:: ring <= last_in ->
		if
		:: GAVE != TOOK -> oro_reader_publish()
		:: else
		fi;
		ring++
	:: else -> ring = 0; break
	od;
#endif

#ifdef SPIN0
	if
	:: P == 0 -> SOMETHING_TO_DO -> goto work
	:: else
	fi;
#endif
#ifdef SPIN1
	if
	:: P == 1 -> SOMETHING_TO_DO -> goto work
	:: else
	fi;
#endif

#ifdef STAY_ARMED
	if
	:: armed && armed_room == (todo > 0)
	:: else -> armed = 0; armed_room = (todo > 0); oro_sleep_arm((todo > 0 -> ROOM : 0))
	fi;
#else
	oro_sleep_arm((todo > 0 -> ROOM : 0));
#endif

	/* SLEEP-3: look again, at every ring and at the room */
#ifndef NO_RECHECK
	if
	:: WANTS_DATA ->
		ring = first;
		do
		:: ring <= last_in ->
			if
			:: COMMITTED(ring, TOOK) -> goto disarm
			:: else -> ring++
			fi
		:: else -> ring = 0; break
		od
	:: else
	fi;
#ifndef NO_ROOM_RECHECK
	if
	:: todo > 0 -> seen = load(CONSUMED_AT(T))
	:: else
	fi;
	if
	:: todo > 0 && HAS_ROOM -> goto disarm
	:: else
	fi;
#endif
#endif
#ifdef CLEAR_LATE
	eventfd[P] = 0;
#endif

	/* SLEEP-4 */
	atomic {
		waits[P] = 1;
		waits_data[P] = WANTS_DATA;
		waits_room[P] = (todo > 0);
		printf("SLEEP-4  thread %d waits\n", T)
	};
#ifdef PROBE_BOTH_FULL
	probe(waits_room[P] && written[0] - taken[0] == SLOTS && written[1] - taken[1] == SLOTS);
#endif
	if
	:: atomic { eventfd[P] > 0 -> eventfd[P] = 0; waits[P] = 0; waits_data[P] = 0; waits_room[P] = 0 };
#ifdef PROBE_WOKEN_FOR_ROOM
		probe(todo > 0 && expect > 0 && taken[first] == written[first]);
#endif
#if TIMER > 0
	:: timer > 0 -> atomic { waits[P] = 0; waits_data[P] = 0; waits_room[P] = 0; printf("SLEEP-4  thread %d timer\n", T) };
		timer--;
#ifdef STAY_ARMED
		armed = 1;
		goto work
#endif
#endif
	fi;

disarm:
	ring = 0;
#ifdef STAY_ARMED
	armed = 0;
#endif
	oro_sleep_disarm();
	goto work;

done:
	finished++
}

/* A thread that only sends.  It polls for room: its process has one sleep word, and it is another thread's. */
proctype Sender(byte T; byte P; byte todo)
{
	byte wrote, seen, word;
#ifdef HOLD
	byte held;
	bit holding;
#endif
#ifdef THREADED
	byte last;
	bit won;
#endif
	do
	:: todo == 0 -> break
	:: todo > 0 && HAS_ROOM -> send_some()
	:: todo > 0 && !HAS_ROOM -> atomic { load(CONSUMED_AT(T)) != seen -> seen = load(CONSUMED_AT(T)) }
	od;
	finished++
}

/* ---- (a): no lost wake-up ------------------------------------------------------------------------------------- */

/*
 * Nobody stands in SLEEP-4 for something that is already in memory, unless the counter is up or a thread of the other
 * process is still on its way to raise it.  Judged in every state, so that no later message can hide a loss.
 */
#if defined(SENDERS)
#define OWED_TO_0 owes[2]
#define OWED_TO_1 (owes[0] || owes[1])
#define DATA_FOR_0 false
#define DATA_FOR_1 (COMMITTED(0, taken[0]) || COMMITTED(1, taken[1]))
#else
#ifdef MIXED
#define OWED_TO_0 (owes[1] || owes[2])
#else
#define OWED_TO_0 owes[1]
#endif
#define OWED_TO_1 owes[0]
#define DATA_FOR_0 COMMITTED(1, taken[1])
#define DATA_FOR_1 COMMITTED(0, taken[0])
#endif
#define ROOM_FOR(p) (waits_room[p] && written[p] + SIZE(written[p]) - load(CONSUMED_AT(p)) <= SLOTS)
#define LOST(p) (waits[p] && eventfd[p] == 0 && !OWED_TO_##p && ((waits_data[p] && DATA_FOR_##p) || ROOM_FOR(p)))

proctype Monitor()
{
end:
	atomic { LOST(0) || LOST(1) -> lost_wake_up = 1; printf("LOST\n"); assert(!lost_wake_up) }
}

#ifdef DELIVERY
ltl delivery { <> (finished == 2) } /* (e), for the topologies of two threads */
#endif

/* ---- topologies ----------------------------------------------------------------------------------------------- */

init {
	atomic {
#ifdef ALWAYS_FENCED
		mem[SLEEP_AT(0)] = FENCE;
		mem[SLEEP_AT(1)] = FENCE;
#endif
		run StoreBuffer(0);
		run StoreBuffer(1);
#if THREADS > 2
		run StoreBuffer(2);
#endif
#ifndef NO_MONITOR
		run Monitor();
#endif
#if defined(STREAM)
		run Peer(0, 0, N0, N0, 0, 1, 1);
		run Peer(1, 1, 0, 0, N0, 0, 0)
#elif defined(PAIR)
		run Peer(0, 0, N0, N0, N1, 1, 1);
		run Peer(1, 1, N1, N1, N0, 0, 0)
#elif defined(REPLY)
		run Peer(0, 0, N0, N0, N0, 1, 1);
		run Peer(1, 1, 0, N0, N0, 0, 0)
#elif defined(SENDERS)
		run Sender(0, 0, N0);
		run Sender(1, 0, N1);
		run Peer(2, 1, 0, 0, N0 + N1, 0, 1)
#elif defined(MIXED)
		run Peer(0, 0, N0, N0, N1, 1, 1);
		run Sender(1, 1, N1);
		run Peer(2, 1, 0, 0, N0, 0, 0)
#endif
	}
}
