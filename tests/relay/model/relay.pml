/*
 * The protocol of the relay, small enough for spin to look at everything that can happen.
 *
 * There is one answer, two processes that produce, an upstream, a log and a store. A comment names
 * the functions that do what follows it; `test_model.py` checks that they exist. Each `atomic` is a
 * step, and between two steps of a process the others may take any number of theirs. So a process
 * that pauses needs no step of its own, and neither does a log that cannot be reached for a while:
 * the process whose entries wait in its buffer takes other steps first.
 *
 * A text is the number of its pieces, from the first one on. A time limit may pass at any moment.
 * `check.py` has the configurations and the mutants, and says what each of them has to show.
 */

/* What a configuration may set. Each number says how often that may happen. */

#ifndef PIECES
#define PIECES 2        /* the pieces of the whole answer */
#endif
#ifndef CRASHES
#define CRASHES 0       /* a process is killed, and another one is started in its place */
#endif
#ifndef PAUSES
#define PAUSES 0        /* a process does not renew its lease in time */
#endif
#ifndef CLOSINGS
#define CLOSINGS 0      /* a process gets SIGTERM */
#endif
#ifndef OUTAGES
#define OUTAGES 0       /* the store cannot be reached, or its reply is lost */
#endif
#ifndef CUTS
#define CUTS 0          /* the stream of the upstream breaks */
#endif
#ifndef MAX_ATTEMPTS
#define MAX_ATTEMPTS 9  /* how many processes a job may kill */
#endif

#ifdef BACKGROUND       /* a Response that goes on without a connection; else a chat stream */
#define IS_BACKGROUND true
#else
#define IS_BACKGROUND false
#endif

#ifdef SILENT           /* the upstream sends one piece, and then nothing more */
#define LENGTH 1
#else
#define LENGTH PIECES
#endif

/* And: STOP, the user stops the answer; LOSS, the log loses everything; NO_LOG, the process that
 * starts the answer may die before it is in the log; START_AGAIN, a browser starts an answer again
 * whose log is lost; SQL, the log is one in SQL, else it is Redis. */

mtype = { RUNNING, COMPLETED, INCOMPLETE, CANCELLED, FAILED }
mtype = { BEGIN, ASK, DELTA, MARK, RESET, LEAVE, END, DONE }

/* The store: the row of the answer. */

mtype row = RUNNING
byte row_text
byte saves              /* how often the row has been updated */

/* The log: the job, and the entries as `Progress.take` folds them. RUNNING: there is none yet. */

bool has_job
byte job_epoch          /* how often the job has been taken */
bool is_held            /* its lease runs */
bool has_log
byte last_epoch         /* that of the last entry */
byte attempts
bool is_asked
bool has_mark
byte position           /* after which piece the answer can be resumed */
byte text
mtype end_status = RUNNING
bool end_cancel         /* upstream may still work on the answer, for nothing */
mtype done_status = RUNNING
bool is_stop_asked
#ifdef LAST_ENTRY_DECIDES
mtype last_kind
#endif

/* The upstream. */

byte paid               /* how many generations have been asked for */
bool is_cancelled       /* the Response was cancelled */

/* The two processes. What a log has to write is in its buffer: epoch, kind, value, status. */

byte working[2]         /* the epoch of the producer there; 0: there is none */
bool is_fenced[2]       /* it is known there that another process has taken the job over */
bool is_lost[2]         /* it is known there that the log has lost the stream */
bool is_stopped[2]      /* `Producer.stop` was called */
bool is_closing[2]      /* `Producer.close` was called */
bool is_killed[2]
chan buffer[2] = [PIECES + 6] of { byte, mtype, byte, mtype }

/* What no process knows; only the properties need it. */

byte seen               /* how many pieces have arrived in any process */
bool is_rough           /* a crash, a pause or a slow log: a chat stream may lose pieces then */
bool is_cut             /* the answer was given up before its end */
bool is_log_lost
bool has_started        /* the process that starts the answer has done so, or has died */

byte crashes = CRASHES
byte pauses = PAUSES
byte closings = CLOSINGS
byte outages = OUTAGES
byte cuts = CUTS

/* The properties. Each is a variable, so that spin names the one that does not hold. */

bool saved_once = true       /* the row is updated once */
bool paid_once = true        /* upstream is asked once */
bool text_exact = true       /* the log has each piece once, in order */
bool fence_holds = true      /* the log has no entry after one of a later process */
bool done_true = true        /* `done` says that the message is saved only if it is */
bool same_text = true        /* what readers were told is what is saved */
bool saved_first = true      /* the job is acknowledged only if the row is saved */
bool readers_told = true     /* the job is acknowledged only if readers can see the end */
bool zombie_harmless = true  /* upstream is cancelled only if no process wants the answer */
bool kept = true             /* what has arrived is saved, unless something crashes or hangs */
bool resumed = true          /* an answer that can be resumed is resumed */
bool whole = true            /* the answer is whole, unless something gets in its way */
bool not_swept = true        /* no answer is given up that a process still reads */

inline must(property, condition) {
	property = (condition);
	assert(property)
}

/* Every answer ends, and so does its job: with a finite number of failures, and if every process
 * that can go on does so at some time. */
ltl every_job_ends { <> (has_started && row != RUNNING && !has_job) }

/* What readers have been told, and what is saved, is the same, as soon as both are there. */
inline compare() {
	must(same_text, !has_log || done_status == RUNNING || row == RUNNING ||
		(done_status == row && text == row_text))
}

/* ------------------------------------------------------------------------ the threads of a log */

#ifdef NO_FENCE
#define IS_REFUSED false
#else
#ifdef SQL
#define IS_REFUSED (e < job_epoch)      /* the fence is there from the take on */
#else
#define IS_REFUSED (e < last_epoch)     /* and here only from the `begin` on */
#endif
#endif

/* Log.append, RedisLog.append, SqlLog.append: entries are written in order, as soon as the log can
 * be reached. */
proctype writer(byte me) {
	byte e, value;
	mtype kind, status;
end:	do
	:: atomic {
		buffer[me]?e,kind,value,status ->
		if
		:: !has_log ->
			if
			:: e == working[me] -> is_lost[me] = true
			:: else
			fi
		:: has_log && IS_REFUSED ->
			if
			:: e == working[me] -> is_fenced[me] = true
			:: else
			fi
		:: else ->
			must(fence_holds, e >= last_epoch);
			last_epoch = e;
#ifdef LAST_ENTRY_DECIDES
			last_kind = kind;
#endif
			/* Progress.take */
			if
			:: kind == BEGIN -> attempts++
			:: kind == ASK -> is_asked = true
			:: kind == DELTA ->
				must(text_exact, value == text + 1);
				text = value;
				if
				:: has_mark -> position = value
				:: else
				fi
			:: kind == MARK -> has_mark = true; position = value
			:: kind == RESET -> text = value
			:: kind == LEAVE ->
				attempts--;
				if
				:: value -> is_asked = false
				:: else
				fi
			:: kind == END -> end_status = status; end_cancel = value
			:: kind == DONE ->
				must(done_true, !value || row != RUNNING);
				done_status = status;
				compare()
			fi
		fi;
		e = 0; value = 0; kind = 0; status = 0
	}
	od
}

/* Workers._renew, Log.renew, Producer.abandon, Writer.abandon: a process learns that another one
 * has taken its job over. */
inline learn(i) {
	is_fenced[i] = true;
#ifdef ABANDON_IS_STOP
	is_stopped[i] = true
#endif
}

#define IS_TAKEN_FROM(i) (has_job && working[i] && working[i] < job_epoch && !is_fenced[i])

proctype renewals() {
end:	do
	:: atomic { IS_TAKEN_FROM(0) -> learn(0) }
	:: atomic { IS_TAKEN_FROM(1) -> learn(1) }
	od
}

/* The lease of a process that has died runs out. */
proctype leases() {
end:	do
	:: atomic {
		has_job && is_held && working[0] != job_epoch && working[1] != job_epoch ->
#ifdef LEASE_FOREVER
		false;
#endif
		is_held = false
	}
	od
}

/* ------------------------------------------------------------------------------------ the relay */

/* Log.create */
inline create() {
	has_log = true; has_job = true; job_epoch = 0; is_held = false
}

/* Relay.start: Store.begin has inserted the row, then comes the log. If the process dies in
 * between, or its reply is lost, the browser starts the answer again, or is gone. */
proctype starter() {
	if
	:: atomic { create(); has_started = true }
#ifdef NO_LOG
	:: atomic { create(); has_started = true }
	:: has_started = true
#endif
	fi
#ifdef START_AGAIN
end:	atomic { is_log_lost && !has_log && row == RUNNING -> create() }
#endif
}

/* Log.on_stop, Workers.stop, Producer.stop */
inline notify() {
	atomic {
		is_stopped[0] = is_stopped[0] || working[0];
		is_stopped[1] = is_stopped[1] || working[1]
	}
}

/* Relay.stop, Log.stop */
proctype stopper() {
	has_started;
#ifdef NOTIFY_FIRST
	notify();
	is_stop_asked = has_log
#else
	is_stop_asked = has_log;
	notify()
#endif
}

/* Relay.sweep looks only at rows that are older than any answer takes. */
#ifdef SWEEP_EARLY
#define IS_OLD true
#else
#define IS_OLD (!working[0] && !working[1])
#endif

/* Workers.repeat, Relay.sweep: Sweepable.running, Log.exists, Workers.works_on; Relay._give_up */
proctype sweeper() {
end:	do
	:: atomic { has_started && row == RUNNING && !has_log && IS_OLD };
		atomic {
			if
			:: row == RUNNING ->
				must(not_swept, !working[0] && !working[1]);
				row = INCOMPLETE;
				saves++
			:: else
			fi
		}
	od
}

/* --------------------------------------------------------------------------- what may go wrong */

/* A producer is gone, with all that it knew. */
inline is_gone(i) {
	working[i] = 0; is_fenced[i] = false; is_lost[i] = false; is_stopped[i] = false;
	is_closing[i] = false
}

/* So is a log, with all that it has not written. */
inline drop(i) {
	do
	:: buffer[i]?_,_,_,_
	:: len(buffer[i]) == 0 -> break
	od
}

inline kill(i) {
	crashes--;
	is_rough = true;
	is_killed[i] = true;
	is_gone(i);
	drop(i)
}

proctype failures() {
	do
	:: atomic { crashes && working[0] -> kill(0) }
	:: atomic { crashes && working[1] -> kill(1) }
	:: atomic {
		pauses && has_job && is_held && (working[0] == job_epoch || working[1] == job_epoch) ->
		pauses--;
		is_rough = true;
		is_held = false
	}
	/* Relay.close, Workers.close, Producer.close, Writer.close */
	:: atomic { closings && working[0] && !is_closing[0] -> closings--; is_closing[0] = true }
	:: atomic { closings && working[1] && !is_closing[1] -> closings--; is_closing[1] = true }
#ifdef LOSS
	:: atomic {
		has_log && !is_log_lost ->
		is_log_lost = true;
		has_log = false; has_job = false; is_held = false; is_stop_asked = false;
		last_epoch = 0; attempts = 0; is_asked = false; has_mark = false; position = 0;
		text = 0; end_status = RUNNING; end_cancel = false; done_status = RUNNING
	}
#endif
	:: break  /* nothing more goes wrong */
	od
}

#ifdef OWN_JOB
/* A process that takes its own job, because it was frozen, hands it over in a circle. */
proctype own_job() {
end:	do
	:: atomic { has_job && !is_held && working[0] && job_epoch <= MAX_ATTEMPTS -> job_epoch++ }
	od
}
#define ATTEMPTS epoch
#else
#define ATTEMPTS my_attempts
#endif

/* --------------------------------------------------------------------------------- the producer */

/* Writer.write, Writer.check_fence, Log.append */
inline write(kind, value, status) {
	if
	:: log_is_lost
	:: !log_is_lost && is_fenced[me] -> goto fenced
	:: !log_is_lost && !is_fenced[me] && is_lost[me] -> log_is_lost = true
	:: else -> assert(nfull(buffer[me])); buffer[me]!epoch,kind,value,status
	fi
}

/* Log.drain */
#define HAS_NO_LOG (log_is_lost || is_lost[me])
#define IS_WRITTEN (HAS_NO_LOG || (!is_fenced[me] && len(buffer[me]) == 0))
#define IS_FENCED (!log_is_lost && is_fenced[me])
#define IS_LATE (!IS_WRITTEN && !IS_FENCED)

/* Writer.wait: however long it takes */
inline wait_written() {
	if
	:: atomic { IS_WRITTEN }
	:: atomic { IS_FENCED -> goto fenced }
	:: atomic { IS_LATE && is_closing[me] -> goto handed_over }
	fi
}

/* Writer.is_written: for some seconds */
inline is_written() {
	if
	:: atomic { IS_WRITTEN }
	:: atomic { IS_FENCED -> goto fenced }
	:: atomic { IS_LATE -> is_rough = true }
	fi
}

/* Progress.of */
#ifdef LATER_ENTRIES_READ
#define IS_OVERTAKEN false
#else
#define IS_OVERTAKEN (last_epoch > epoch)
#endif

inline read_log(others) {
	if
	:: has_log && IS_OVERTAKEN -> goto fenced
	:: has_log && !IS_OVERTAKEN ->
		has_head = true; my_attempts = attempts + others; i_asked = is_asked;
		is_marked = has_mark; my_position = position; my_text = text;
		my_end = end_status; my_cancel = end_cancel; my_done = done_status
	:: else
	fi
}

/* Producer._take: after its first delta an answer in the background can be resumed */
inline mark() {
	if
	:: IS_BACKGROUND && !is_marked -> is_marked = true; write(MARK, my_position, RUNNING)
	:: else
	fi
}

/* Producer._correct */
inline correct(value) {
	if
	:: my_text != value -> my_text = value; write(RESET, value, RUNNING)
	:: else
	fi
}

/* Producer._tell */
inline done(is_saved) {
	my_done = my_end;
	write(DONE, is_saved, my_done)
}

inline tell() {
	if
	:: my_done == RUNNING ->
#ifndef ROW_NOT_READ
		if
		:: row != my_end || row_text != my_text -> correct(row_text); my_end = row
		:: else
		fi;
#endif
		done(true)
	:: else
	fi
}

/* Producer._save_and_tell: readers are told at once of a message that cannot be saved yet. */
#ifdef TELL_EARLY
#define IS_CERTAIN true
#else
#define IS_CERTAIN (my_attempts <= 1)
#endif

inline tell_early() {
	if
	:: IS_CERTAIN && my_done == RUNNING -> done(false)
	:: else
	fi
}

/* Upstream.cancel */
inline cancel() {
	must(zombie_harmless, is_stop_asked || is_cut || is_log_lost || attempts > MAX_ATTEMPTS);
	is_cancelled = true
}

/* What is of no use from the end on makes no difference between states. */
inline forget() {
	has_head = false; i_asked = false; is_unsent = false; is_marked = false;
	is_reading = false; is_whole = false; my_position = 0
}

proctype producer(byte me) {
	byte epoch, my_attempts, my_position, my_text;
	bool log_is_lost, has_head, i_asked, is_unsent, is_marked, is_reading, is_whole, my_cancel;
	mtype my_end, my_done;

idle:	atomic {
		forget();
		epoch = 0; my_attempts = 0; my_text = 0; log_is_lost = false; my_cancel = false;
		my_end = 0; my_done = 0
	}

	/* Workers._take_some, Log.take, Workers._start, Workers._add, Workers._register. Both processes
	 * are alike, so it is number 0 that takes the job first. */
end:	atomic {
		has_job && !is_held && (me == 0 || job_epoch) ->
		job_epoch++;
		is_held = true;
		epoch = job_epoch;
		working[me] = epoch;
		my_end = RUNNING; my_done = RUNNING
	}

	/* Workers._run, Producer.run */
	{
		/* Producer._begin: the fence first, and then what the log has. */
#ifdef READ_FIRST
		atomic { read_log(1) };
#endif
		atomic { write(BEGIN, 0, RUNNING) };
#ifndef BEGIN_UNDRAINED
		wait_written();
#endif
		/* Log.read */
		atomic {
			if
			:: is_lost[me] -> log_is_lost = true
			:: !is_lost[me] && is_closing[me] -> goto handed_over
			:: !is_lost[me] ->
#ifndef READ_FIRST
				read_log(0)
#endif
			fi;
			if
			:: my_end != RUNNING -> forget(); goto save
			:: else
			fi
		};

		/* Producer._find_end, Producer._stored_end, Store.message */
		atomic {
			if
			:: epoch > 1 && row != RUNNING ->
				is_whole = true;
				correct(row_text);
				my_end = row;
				goto ended
			:: epoch > 1 && is_closing[me] -> goto handed_over
			:: epoch == 1 || row == RUNNING
			fi
		};

		/* Producer._read_rest, Producer._is_stop_asked, Log.is_stopped */
		atomic {
			if
			:: !has_head -> my_end = INCOMPLETE; goto ended
			:: has_head && (is_stop_asked || is_stopped[me]) ->
#ifdef ABANDON_IS_STOP
				if
				:: is_marked -> cancel()
				:: else
				fi;
#endif
				my_end = CANCELLED;
				goto ended
			:: has_head && is_closing[me] -> goto handed_over
			:: else
			fi;
			if
			:: ATTEMPTS > MAX_ATTEMPTS -> my_end = FAILED; goto ended
#ifndef ASK_AGAIN
			:: ATTEMPTS <= MAX_ATTEMPTS && i_asked && !is_marked ->
				my_end = INCOMPLETE;
				goto ended
#endif
			:: else
			fi
		};

		/* Producer._open */
		if
		/* Upstream.resume */
		:: atomic { is_marked -> is_reading = true }
		/* Store.history */
		:: atomic { !is_marked && is_closing[me] -> goto handed_over }
		:: atomic { !is_marked -> is_unsent = true; write(ASK, 0, RUNNING) };
#ifndef ASK_UNDRAINED
			wait_written();
#endif
			atomic {
				if
#ifndef ASK_WITHOUT_LOG
				:: HAS_NO_LOG -> my_end = INCOMPLETE; goto ended
#endif
				:: !HAS_NO_LOG && is_closing[me] -> goto handed_over
				:: else -> is_unsent = false
				fi
			}
		fi;

		/* Producer._read */
		do
		:: atomic { IS_FENCED -> goto fenced }
		:: atomic { !IS_FENCED && is_stopped[me] -> my_end = CANCELLED; goto ended }
		/* Producer._interrupted */
		:: atomic {
			!is_stopped[me] && is_closing[me] ->
			if
			:: is_marked -> goto handed_over
			:: !is_marked -> is_cut = true; my_end = INCOMPLETE; goto ended
			fi
		}
		/* Upstream.ask: the request goes out with the first `next()` */
		:: atomic {
			!is_reading && !is_stopped[me] && !is_closing[me] ->
			is_reading = true;
			paid++;
			must(paid_once, paid <= 1)
		}
		/* Producer._take */
		:: atomic {
			is_reading && !is_cancelled && !is_stopped[me] && !is_closing[me] &&
				my_position < LENGTH ->
			my_position++;
			my_text++;
			if
			:: my_position > seen -> seen = my_position
			:: else
			fi;
#ifdef MARK_FIRST
			mark();
#endif
			write(DELTA, my_position, RUNNING);
#ifndef MARK_FIRST
			mark()
#endif
		}
		:: atomic {
			is_reading && my_position == PIECES ->
			is_whole = true;
			my_end = COMPLETED;
			goto ended
		}
		:: atomic {
			is_reading && is_cancelled ->
			is_whole = true;
			my_end = CANCELLED;
			goto ended
		}
		:: atomic {
			is_reading && cuts ->
			cuts--;
			is_cut = true;
			my_end = INCOMPLETE;
			goto ended
		}
		od;

		/* Producer._end */
ended:		atomic {
			my_cancel = is_marked && !is_whole;
			forget();
			write(END, my_cancel, my_end)
		};
		is_written();

		/* Producer._save_and_tell */
save:
#ifdef DONE_FIRST
		atomic { tell() };
#endif
#ifdef ACKNOWLEDGE_FIRST
		atomic { must(saved_first, row != RUNNING); has_job = false; is_held = false };
#endif
		do
		/* Producer._save, Store.finish */
		:: atomic {
			if
#ifdef SAVE_UNGUARDED
			:: true ->
#else
			:: row == RUNNING ->
#endif
				row = my_end;
				row_text = my_text;
				saves++;
				must(saved_once, saves <= 1);
				must(kept, row_text >= seen || is_rough || is_log_lost);
				must(resumed, row == COMPLETED || !has_mark || is_stop_asked || is_cut ||
					attempts > MAX_ATTEMPTS);
				must(whole, (row == COMPLETED && row_text == PIECES) || is_stop_asked ||
					is_cut || is_rough || is_log_lost)
			:: else
			fi;
			compare();
			/* Store.message: the row is there, and the process may learn that or not */
			if
			:: break
			:: outages -> outages--; tell_early()
			fi
		}
		/* Writer.until_available */
		:: atomic { outages -> outages--; tell_early() }
		:: atomic { is_closing[me] -> goto handed_over }
		od;
		atomic { tell() };

		/* Producer._finish */
#ifndef DONE_UNDRAINED
		wait_written();
#endif
		atomic {
			if
			:: my_cancel -> cancel()
			:: else
			fi
		};
		/* Log.finish, Workers._remove */
		atomic {
			if
			:: is_closing[me] -> goto handed_over
			:: true
			fi;
			must(saved_first, row != RUNNING);
			if
			:: HAS_NO_LOG  /* so there is no job either */
			:: !HAS_NO_LOG ->
#ifdef LAST_ENTRY_DECIDES
				must(readers_told, !has_log || last_kind == DONE);
#else
				must(readers_told, !has_log || done_status != RUNNING);
#endif
				has_job = false;
				is_held = false
			fi;
			is_gone(me);
			goto idle
		};

		/* Producer.run: what the process has written is in the log before the next one comes */
handed_over:
#ifdef ASK_KEPT
		atomic { write(LEAVE, false, RUNNING) };
#else
		atomic { write(LEAVE, is_unsent, RUNNING) };
#endif
#ifndef HAND_OVER_UNFLUSHED
		is_written();
#endif
		/* Workers._hand_over, Log.hand_over */
		atomic {
			if
			:: has_job && job_epoch == epoch -> is_held = false
			:: else
			fi
		};
		/* Log.close: the process ends, and another one is started in its place */
		atomic { drop(me); is_gone(me); goto idle };

fenced:		atomic { is_gone(me); goto idle }
	} unless {
		atomic { is_killed[me] -> is_killed[me] = false; goto idle }
	}
}

init {
	atomic {
		run starter();
		run writer(0);
		run writer(1);
		run renewals();
		run leases();
#ifndef NO_SWEEPER
		run sweeper();
#endif
		run failures();
		run producer(0);
		run producer(1);
#ifdef STOP
		run stopper();
#endif
#ifdef OWN_JOB
		run own_job();
#endif
	}
}
