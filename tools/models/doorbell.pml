/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doorbell: wake packets and control packets in the send buffer of one socket, read late.  docs/decisions/016.
 *
 * Process 1 sends: two threads that write records and wake (WAKE-4, WAKE-5), one that sends control packets.  Process 0
 * sleeps for both.  Its poller tells edges: each packet that arrives is one, read or not.  The rings, the fences and the
 * store buffers are lane.pml's matter; here memory is sequentially consistent and a record is a number.
 *
 * Names: oro_send_wake, Link.send, Link.hear, Link.readSocket, Link.arm, Link.readsSocketInTime.
 */

#ifndef ROOM
#define ROOM 3 /* packets the send buffer holds */
#endif
#ifndef UNREAD
#define UNREAD 2 /* with so many unread wake packets nobody goes to sleep: fewer than ROOM */
#endif
#ifndef AT_ONCE
#define AT_ONCE 2 /* packets read in a turn */
#endif
#ifndef RECORDS
#define RECORDS 2 /* each sending thread writes */
#endif
#ifndef CONTROLS
#define CONTROLS 2 /* control packets sent */
#endif
#ifndef SENDERS
#define SENDERS 2
#endif

#ifdef DRAINS_LATE
#define TOO_MANY false
#else
#define TOO_MANY (wakes_counted - wakes_read >= UNREAD)
#endif

mtype = { wake, control };
chan queue = [ROOM] of { mtype };
bit edge; /* something has arrived since the last wait ended */

/* Shared memory. */
byte records;          /* written */
byte epoch;            /* the sleep word: the sleeps announced so far, and ASLEEP */
bit asleep;
byte controls_counted; /* the counts in the control page of process 1 */
byte wakes_counted;

/* Private memory of process 1: the claimed epoch, and the lock around control packets (one thread sends them here). */
byte claimed;

/* Private memory of process 0. */
byte taken, controls_read, controls_seen, wakes_read;
bit more;        /* the last look has left packets */
bit socket_read; /* read to its end since the last edge, and not slept since */

/* Ghosts. */
byte finished;
bit waits;
byte owes; /* threads of process 1 on their way to wake or to send */

#define NEWS (controls_counted != controls_seen || more)

proctype Sender()
{
	byte todo = RECORDS, word, last;
	bit won;
	do
	:: todo > 0 ->
		atomic { records++; owes++ }; /* SEND, with its fence */
		todo--;
		atomic { word = (asleep -> epoch : 0); if :: word == 0 -> owes-- :: else fi }; /* WAKE-3 */
		if
		:: word > 0 ->
			last = claimed;
			atomic { /* WAKE-4 */
				if
				:: word > last && claimed == last -> claimed = word; won = 1
				:: else -> owes--
				fi
			};
			if
			:: won ->
#ifndef WAKES_COUNTED_LATE
				wakes_counted++;
#endif
				if /* WAKE-5: MSG_DONTWAIT */
				:: atomic { nfull(queue) -> queue!wake; edge = 1; owes-- };
#ifdef WAKES_COUNTED_LATE
					wakes_counted++
#endif
				:: atomic { full(queue) -> wakes_counted-- ; owes-- } /* dropped: unread packets wake it */
				fi;
				won = 0
			:: else
			fi
		:: else
		fi;
		atomic { word = 0; last = 0 }
	:: else -> break
	od;
	finished++
}

proctype Controller()
{
	byte todo = CONTROLS;
	do
	:: todo > 0 ->
#ifndef CONTROLS_COUNTED_LATE
		controls_counted++;
#endif
		if
		:: atomic { nfull(queue) -> queue!control; edge = 1; todo-- };
#ifdef CONTROLS_COUNTED_LATE
			controls_counted++
#endif
		:: full(queue) ->
#ifndef CONTROLS_COUNTED_LATE
			controls_counted--;
#endif
			nfull(queue) /* tried again later */
		fi
	:: else -> break
	od;
	finished++
}

byte announced, count;

inline read_socket()
{
	announced = controls_counted;
	count = 0;
	more = 1;
	do
	:: count < AT_ONCE ->
		if
		:: atomic { queue?wake -> wakes_read++; assert(wakes_read <= epoch) } /* one for each sleep */
		:: atomic { queue?control -> controls_read++ }
		:: atomic { empty(queue) -> socket_read = 1; more = 0; controls_seen = announced }; break
		fi;
		count++
	:: else ->
#ifdef LEFT_OVER
		more = 0; controls_seen = announced;
#endif
		break
	od;
	atomic { announced = 0; count = 0 }
}

active proctype Sleeper()
{
work:
	if
	:: records > taken -> taken++; goto work
	:: else
	fi;
	if
	:: NEWS -> read_socket(); goto work
	:: else
	fi;
	if
	:: taken == SENDERS * RECORDS && controls_read == CONTROLS -> goto done
	:: else
	fi;

	/* Link.arm */
	if
	:: TOO_MANY && !socket_read -> more = 1; goto work
	:: else
	fi;
	socket_read = 0;
	atomic { epoch++; asleep = 1; assert(epoch < 40) };
	/* SLEEP-3 */
	if
	:: records > taken || NEWS -> asleep = 0; goto work
	:: else
	fi;
	waits = 1;
	atomic { edge -> edge = 0; waits = 0 }; /* SLEEP-4 */
	/* Link.hear */
	socket_read = 0;
	if
	:: controls_counted != controls_read -> more = 1
	:: else
	fi;
	asleep = 0;
	goto work;
done:
	finished++
}

init {
	atomic {
		run Controller();
#if SENDERS > 1
		run Sender();
#endif
		run Sender()
	}
}

/* Nobody waits for a record that is there, unless an edge is to come or a thread is on its way. */
#define LOST (waits && !edge && owes == 0 && records > taken)
bit lost_wake_up;
active proctype Monitor()
{
end:
	atomic { LOST -> lost_wake_up = 1; printf("LOST\n"); assert(!lost_wake_up) }
}
