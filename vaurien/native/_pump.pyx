# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Moves bytes from socket to socket without the interpreter, as long as nothing has to be decided.

There are two kinds of streams for which that holds. What arrives at one that nobody looks at goes on as it is. What
arrives at one of a link whose messages are all ordinary, and pass, is framed and counted: that is a `Passage`.

A link of which both streams are of one of these kinds need not have an object at all, from the moment when its client
is accepted until it is closed: it is a *bare* link. It is adopted, which is to say that it gets an object, as soon as
there is something to decide, or somebody wants to see it.

Each pump has an epoll descriptor of its own, which one watcher of the event loop watches. A socket is registered when
its stream begins to read, and stays so: a stream that stops for a while only says so, and is taken out at the first
event that nobody wants. What the pump has to know of a stream is a plain structure of C, a *lane*, so that most of the
work is done while other threads may run.
"""

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_FromStringAndSize
from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdint cimport INT64_MAX, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy
from posix.unistd cimport close as close_descriptor

from vaurien.native._framing cimport Course, Framer, HOST_ROOM, UNSURE, begin, end, find_framer, put_host

import sys

cdef extern from '<sys/epoll.h>' nogil:
    ctypedef union epoll_data_t:
        uint64_t u64
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int EPOLLIN, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int operation, int descriptor, epoll_event *event)
    int epoll_wait(int epoll, epoll_event *events, int most, int timeout)

cdef extern from '<sys/socket.h>' nogil:
    int MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL, MSG_PEEK
    ssize_t recv(int descriptor, void *data, size_t size, int flags)
    ssize_t send(int descriptor, const void *data, size_t size, int flags)
    int SHUT_WR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, SO_KEEPALIVE
    ctypedef unsigned int socklen_t
    struct sockaddr:
        unsigned short sa_family
    int accept4(int descriptor, sockaddr *address, socklen_t *size, int flags)
    int connect(int descriptor, const sockaddr *address, socklen_t size)
    int setsockopt(int descriptor, int level, int name, const void *value, socklen_t size)
    int shutdown(int descriptor, int how)
    int socket(int family, int kind, int protocol)

cdef extern from '<netinet/in.h>' nogil:
    int IPPROTO_TCP

cdef extern from '<netinet/tcp.h>' nogil:
    int TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_NODELAY

cdef extern from '<time.h>' nogil:
    int CLOCK_MONOTONIC
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *time)

cdef extern from '<Python.h>':
    object PyErr_SetFromErrno(object type)

#: `READ` of libev.
cdef int READ = 1

#: So many events are dealt with, or clients accepted, before alarms and whatever else is due: some tenths of a
#: millisecond.
cdef enum:
    EVENTS = 64
    CLIENTS = 32

cdef enum:
    # So many messages of one chunk are framed. More are for the protocol object, which takes turns with others.
    MESSAGES = 256
    # A host that ends later than that is left to the protocol object.
    HOST_END = 4096


cdef enum Outcome:
    """What an event needs the interpreter for."""
    CALL_BACK
    SOURCE_ENDED
    SOURCE_BROKEN
    SINK_BROKEN
    SINK_FULL
    ENDED_BEHIND
    BROKEN_BEHIND
    LARGE
    NOT_ORDINARY


cdef struct Talk:
    # What has passed of a link since its passage began, and what may pass.
    const Framer *framer
    Course course
    # So many requests pass for certain; and, unless it is NULL, only those that are in this set.
    int64_t quiet
    void *passing
    # Whether none may pass, because somebody wants to know of them.
    const bint *is_open
    # Who is told of those that pass, and of their replies; NULL: nobody. Else all of them are whole in their chunk.
    void *recorder
    int64_t requests
    int64_t replies
    # How many of the last bytes upstream belong to a request that is open.
    size_t open


cdef struct Bare


cdef struct Lane:
    # What the pump knows of a stream. The descriptors are -1 where there is no plain socket.
    int source
    int sink
    # Whether whatever goes on goes to the sink at once, and whether somebody looks at it before.
    bint direct
    bint tapped
    # Where its chunks are framed, if they are, and which way they go; and the bytes that have passed so.
    Talk *talk
    bint is_upstream
    size_t passed
    # After so many chunks that were not framed the stream is asked about a passage; 0: never.
    int due
    # Whether the stream wants to read, and whether the descriptor is registered.
    bint wanted
    bint registered
    int bulk
    long long received
    long long chunks
    long long often_last
    # The slot that it has while it is watched.
    uint32_t slot
    # The bare link that it is of; NULL: it is of a stream. And whether its source has ended, and its sink was told.
    Bare *bare
    bint ended


cdef struct Bare:
    # A link that has no object. It has the sockets, which are those of its lanes.
    Lane up
    Lane down
    long long number
    double began
    # Where its messages are framed, which lies behind it; NULL: they are opaque. And `Beginning.users` of how it began.
    Talk *talk
    uint32_t *users


cdef struct Slot:
    # A lane that is watched; NULL: the slot is free. Each lane that comes has another generation, because events of one
    # that has gone may be left.
    Lane *lane
    uint32_t generation


cdef class Flow:
    """The numbers of a stream, which the pump counts on, and whether it may."""

    cdef Lane lane

    def __cinit__(self, *args, **options):
        self.lane.source = self.lane.sink = -1

    @property
    def received(self):
        return self.lane.received

    @received.setter
    def received(self, long long value):
        self.lane.received = value

    @property
    def chunks(self):
        return self.lane.chunks

    @chunks.setter
    def chunks(self, long long value):
        self.lane.chunks = value

    @property
    def often_last(self):
        return self.lane.often_last

    @often_last.setter
    def often_last(self, long long value):
        self.lane.often_last = value

    @property
    def bulk(self):
        return self.lane.bulk

    @bulk.setter
    def bulk(self, int value):
        self.lane.bulk = value

    @property
    def direct(self):
        return self.lane.direct

    @direct.setter
    def direct(self, bint value):
        self.lane.direct = value

    @property
    def tapped(self):
        return self.lane.tapped

    @tapped.setter
    def tapped(self, bint value):
        self.lane.tapped = value

    @property
    def due(self):
        return self.lane.due

    @due.setter
    def due(self, int value):
        self.lane.due = value

    @property
    def passed(self):
        return self.lane.passed


cdef class Gate:
    """Whether somebody wants to know of requests: then the pump lets none of those pass that it was given to."""

    cdef bint open

    @property
    def is_open(self):
        return self.open

    @is_open.setter
    def is_open(self, bint value):
        self.open = value


cdef class Beginning:
    """How bare links begin whose messages are framed."""

    cdef Talk talk
    cdef Gate gate
    cdef object count_quiet, passing, terms
    cdef bint asks
    # How many links that have begun so are bare.
    cdef uint32_t users


def make_beginning(protocol, Gate gate not None, count_quiet, passing, terms):
    """Return how links begin whose protocol objects would begin as *protocol* is; None: not with ordinary messages.

    Requests pass while the *gate* is not open, as for `begin_passage`: as many as *count_quiet* returns for the number
    of the link, however many if it is None. *terms* are what a protocol object has to be made with later.
    """
    cdef const Framer *framer = find_framer(type(protocol))
    cdef Beginning beginning = Beginning.__new__(Beginning)
    if framer is NULL or not begin(&beginning.talk.course, protocol):
        return None
    beginning.talk.framer = framer
    beginning.talk.quiet = INT64_MAX
    beginning.talk.is_open = &gate.open
    beginning.talk.passing = NULL if passing is None else <void *>passing
    beginning.gate, beginning.count_quiet, beginning.passing, beginning.terms = gate, count_quiet, passing, terms
    beginning.asks = count_quiet is not None
    return beginning


cdef int64_t find_quiet(Beginning beginning, long long number) noexcept with gil:
    """Return how many requests of the link of that *number* pass: none if that cannot be said."""
    return beginning.count_quiet(number)


cdef class Totals:
    """What has come over bare links that are closed: exchanges, bytes upstream and those sent on, bytes downstream."""

    cdef readonly long long exchanges, upstream, upstream_sent, downstream


cdef class Passage:
    """Frames what passes of one link, from `begin_passage`, or from its beginning, to `end`."""

    cdef Talk talk
    cdef Flow up, down
    cdef object passing, recorder
    cdef Gate gate
    # Of one that has begun with a bare link: what had passed by then, and what its protocol object is to be made with.
    cdef size_t up_before, down_before
    cdef readonly object terms

    @property
    def requests(self):
        return self.talk.requests

    def attach(self, Flow up not None, Flow down not None):
        """Frame what passes over these streams from now on."""
        self.up, self.down = up, down
        up.lane.passed, down.lane.passed = self.up_before, self.down_before
        up.lane.talk = down.lane.talk = &self.talk
        up.lane.is_upstream, down.lane.is_upstream = True, False

    def end(self, protocol):
        """Have *protocol* be where the link is; return what has passed: three counts, and three sizes.

        Requests, replies, and requests without a whole reply; all bytes upstream, those at their end that belong to an
        open request, and all downstream.
        """
        cdef size_t up = self.up.lane.passed, down = self.down.lane.passed
        self.up.lane.talk = self.down.lane.talk = NULL
        self.up.lane.passed = self.down.lane.passed = 0
        self.up = self.down = None
        end(&self.talk.course, protocol, up, down)
        return self.talk.requests, self.talk.replies, self.talk.course.outstanding, up, self.talk.open, down


def begin_passage(protocol, Flow up not None, Flow down not None, Gate gate not None, quiet, passing, recorder):
    """Return the passage of a link whose *protocol* knows its messages; None: they are not ordinary now.

    Requests pass while the *gate* is not open: *quiet* of them, however many if that is None; and, unless it is None,
    only those in the set *passing*, whose bytes are alike. Unless it is None, *recorder* is told of each request and
    reply, soon after it has passed.
    """
    cdef const Framer *framer = find_framer(type(protocol))
    cdef Passage passage
    if framer is NULL or up.lane.source < 0 or up.lane.sink < 0 or down.lane.source < 0 or down.lane.sink < 0:
        return None
    passage = Passage.__new__(Passage)
    if not begin(&passage.talk.course, protocol):
        return None
    passage.talk.framer = framer
    passage.talk.quiet = INT64_MAX if quiet is None else quiet
    passage.gate = gate
    passage.talk.is_open = &gate.open
    passage.passing, passage.recorder = passing, recorder
    passage.talk.passing = NULL if passing is None else <void *>passing
    passage.talk.recorder = NULL if recorder is None else <void *>recorder
    passage.attach(up, down)
    return passage


cdef class Reader:
    """Watches the source of a stream, as a watcher of the event loop does: `start`, `stop`, `close`."""

    cdef Pump pump
    cdef Flow flow
    cdef object callback

    @property
    def active(self):
        """Whether the stream reads, or is called back."""
        return self.flow is not None and self.flow.lane.wanted

    def start(self, callback not None):
        """Read for the stream as far as possible; else call back whenever there is something to read."""
        if self.flow is None:
            return
        self.callback = callback
        self.flow.lane.wanted = True
        if self.pump.epoll >= 0 and not self.flow.lane.registered and not self.pump.register(&self.flow.lane):
            PyErr_SetFromErrno(OSError)

    def stop(self):
        """Read no more, and call back no more."""
        if self.flow is not None:
            self.flow.lane.wanted = False

    def close(self):
        """Stop for good. This has to come before the socket is closed."""
        if self.flow is None:
            return
        self.pump.readers[self.flow.lane.slot] = None
        self.pump.drop(&self.flow.lane)
        self.flow.lane.source = self.flow.lane.sink = -1
        self.pump = self.flow = self.callback = None


cdef class Pump:
    """Serves the streams of one event loop."""

    cdef int epoll
    cdef object loop, watcher
    # What is received into, which all streams of the event loop share.
    cdef object buffer
    cdef char *data
    cdef Py_ssize_t size
    # Where in it the chunk begins that came last.
    cdef char *chunk
    cdef Py_ssize_t large
    cdef Slot *slots
    # The slots that are free, the one that is taken next at the end; and how many there are, and in all.
    cdef uint32_t *free_slots
    cdef uint32_t free_count, slot_count
    # Keeps each reader alive that has a slot.
    cdef list readers
    # How many bare links there are, where their numbers go when they are closed, and who adopts them.
    cdef readonly uint32_t bare_count
    cdef Totals totals
    cdef object adopter
    # What bare links have begun with, as long as there are any.
    cdef list beginnings
    # What recorders are to be told before anything else that Python does: a method of theirs, a message, and when it
    # came.
    cdef list untold
    cdef epoll_event events[EVENTS]
    # What has become of the chunk that needs the interpreter.
    cdef Outcome outcome
    cdef ssize_t count, sent
    # Where the messages of the chunk end.
    cdef size_t ends[MESSAGES]

    def __cinit__(self, loop, buffer, Py_ssize_t large):
        cdef Py_buffer view
        self.epoll = -1
        self.buffer = buffer
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        self.data, self.size = <char *>view.buf, view.len
        PyBuffer_Release(&view)  # *buffer* itself keeps the memory where it is
        self.loop = loop
        self.large = large
        self.readers, self.beginnings, self.untold = [], [], []
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        if self.epoll < 0:
            PyErr_SetFromErrno(OSError)
        self.watcher = loop.io(self.epoll, READ)
        self.watcher.start(self.on_ready)

    def __dealloc__(self):
        if self.epoll >= 0:
            close_descriptor(self.epoll)
        free(self.slots)
        free(self.free_slots)

    def close(self):
        """Serve no more, and close the bare links that are left."""
        if self.epoll >= 0:
            self.watcher.stop()
            self.watcher.close()
            self.watcher = None
            self.close_all_bare()
            self.adopter = None
            self.leave_to_parent()

    def leave_to_parent(self):
        """Close this process's copies of the descriptors, for it is a child of a fork."""
        if self.epoll >= 0:
            close_descriptor(self.epoll)
            self.epoll = -1
        self.close_all_bare()

    def fileno(self):
        """Return the descriptor."""
        return self.epoll

    # Lanes

    def watch(self, Flow flow not None, int source, int sink):
        """Return a `Reader` for *flow*. *sink* is the descriptor that plain bytes go to; -1: there are none."""
        cdef Reader reader = Reader.__new__(Reader)
        self.reserve(1)
        self.take_slot(&flow.lane)
        self.readers[flow.lane.slot] = reader
        flow.lane.source = source
        flow.lane.sink = sink
        flow.lane.wanted = flow.lane.registered = False
        reader.pump = self
        reader.flow = flow
        return reader

    cdef reserve(self, uint32_t count):
        """Have at least that many free slots."""
        cdef uint32_t before = self.slot_count, after = before, slot
        cdef Slot *slots
        cdef uint32_t *free_slots
        if self.free_count >= count:
            return
        while after - before + self.free_count < count:
            after = 2 * after or 2 * CLIENTS
        slots = <Slot *>realloc(self.slots, after * sizeof(Slot))
        if slots is NULL:
            raise MemoryError
        self.slots = slots
        free_slots = <uint32_t *>realloc(self.free_slots, after * sizeof(uint32_t))
        if free_slots is NULL:
            raise MemoryError
        self.free_slots = free_slots
        self.readers.extend([None] * (after - before))
        for slot in range(before, after):
            self.slots[slot].lane = NULL
            self.slots[slot].generation = 0
            self.free_slots[self.free_count + after - 1 - slot] = slot
        self.free_count += after - before
        self.slot_count = after

    cdef void take_slot(self, Lane *lane) noexcept nogil:
        self.free_count -= 1
        lane.slot = self.free_slots[self.free_count]
        self.slots[lane.slot].lane = lane

    cdef bint register(self, Lane *lane) noexcept nogil:
        cdef epoll_event event
        event.events = EPOLLIN
        event.data.u64 = <uint64_t>self.slots[lane.slot].generation << 32 | lane.slot
        lane.registered = epoll_ctl(self.epoll, EPOLL_CTL_ADD, lane.source, &event) == 0
        return lane.registered

    cdef void unregister(self, Lane *lane) noexcept nogil:
        # A descriptor that others have a copy of, such as a child of a fork, stays registered when it is closed.
        cdef epoll_event event
        if lane.registered and self.epoll >= 0:
            epoll_ctl(self.epoll, EPOLL_CTL_DEL, lane.source, &event)
        lane.registered = False

    cdef void drop(self, Lane *lane) noexcept nogil:
        self.unregister(lane)
        self.slots[lane.slot].lane = NULL
        self.slots[lane.slot].generation += 1
        self.free_slots[self.free_count] = lane.slot
        self.free_count += 1

    # Bare links

    def accept(
        self,
        int listener,
        bytes address,
        int keepalive,
        int limit,
        long long number,
        Beginning beginning,
        Totals totals not None,
        adopter,
    ):
        """Accept clients and connect each of them at once: they have bare links, the first of which has that *number*.

        *address* is the backend's, as the kernel has it. Nobody gets a descriptor from *limit* on. *beginning* is None
        where bytes are opaque. *totals* are what is added up when they are closed. *adopter* makes the object of a link
        that needs one, and returns its streams.

        Return five values: how many links were opened; the last descriptor that was used, or -1; and, if the last
        client has no link yet, its descriptor, that of its backend, and an errno: 0 if they are connected, EALREADY if
        they may soon be, or why they cannot be. If no client is left, both descriptors are -1, and the errno says why
        none was accepted.
        """
        cdef const sockaddr *there = <const sockaddr *><const char *>address
        cdef socklen_t size = len(address)
        cdef int opened = 0, last = -1, client = -1, backend = -1, error = 0
        self.reserve(2 * CLIENTS)
        self.totals, self.adopter = totals, adopter
        if beginning is not None and beginning not in self.beginnings:
            self.beginnings = [one for one in self.beginnings if (<Beginning>one).users]
            self.beginnings.append(beginning)
        with nogil:
            while opened < CLIENTS:
                client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
                if client < 0:
                    error = errno
                    break
                backend = socket(there.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                last = max(client, backend)
                error = errno if backend < 0 else dial(backend, there, size, keepalive)
                if error or last >= limit or not self.join(client, backend, number + opened, beginning):
                    break
                client = backend = -1
                opened += 1
        return opened, last, client, backend, error

    cdef bint join(self, int client, int backend, long long number, Beginning beginning) noexcept nogil:
        """Move what comes from both; return False if that is not possible."""
        cdef timespec now
        cdef bint is_framed = beginning is not None
        cdef Bare *bare = <Bare *>calloc(1, sizeof(Bare) + is_framed * sizeof(Talk))
        if bare is NULL:
            return False
        clock_gettime(CLOCK_MONOTONIC, &now)
        bare.number = number
        bare.began = now.tv_sec + now.tv_nsec * 1e-9
        self.take_lane(bare, &bare.up, client, backend)
        self.take_lane(bare, &bare.down, backend, client)
        bare.down.often_last = 1
        if is_framed:
            bare.talk = <Talk *>(bare + 1)
            bare.talk[0] = beginning.talk
            if beginning.asks:
                bare.talk.quiet = find_quiet(beginning, number)
            bare.users = &beginning.users
            bare.users[0] += 1
            bare.up.talk = bare.down.talk = bare.talk
            bare.up.tapped = bare.down.tapped = bare.up.is_upstream = True
        if self.register(&bare.up) and self.register(&bare.down):
            self.bare_count += 1
            return True
        self.free_bare(bare)
        return False

    cdef void take_lane(self, Bare *bare, Lane *lane, int source, int sink) noexcept nogil:
        lane.bare, lane.source, lane.sink = bare, source, sink
        lane.direct = lane.wanted = True
        self.take_slot(lane)

    cdef bint pass_end(self, Lane *lane) noexcept nogil:
        """Pass the end of a bare link's stream on; return False if it is for the object."""
        cdef Bare *bare = lane.bare
        cdef bint is_last = bare.down.ended if lane is &bare.up else bare.up.ended
        lane.wanted = False
        lane.ended = True
        if is_last:
            self.close_bare(bare)
        elif shutdown(lane.sink, SHUT_WR) < 0:
            self.outcome = SINK_BROKEN
            self.count = 0
            return False
        return True

    cdef void close_bare(self, Bare *bare) noexcept nogil:
        cdef int client = bare.up.source, backend = bare.up.sink
        self.totals.exchanges += count_exchanges(bare)
        self.totals.upstream += bare.up.received
        self.totals.upstream_sent += count_sent(bare)
        self.totals.downstream += bare.down.received
        self.forget(bare)
        close_descriptor(backend)
        close_descriptor(client)

    cdef void forget(self, Bare *bare) noexcept nogil:
        self.bare_count -= 1
        self.free_bare(bare)

    cdef void free_bare(self, Bare *bare) noexcept nogil:
        self.drop(&bare.up)
        self.drop(&bare.down)
        if bare.users is not NULL:
            bare.users[0] -= 1
        free(bare)

    cdef Bare *find_bare(self, uint32_t slot) noexcept nogil:
        """Return the bare link whose client has that slot; NULL: there is none."""
        cdef Lane *lane = self.slots[slot].lane
        return NULL if lane is NULL or lane.bare is NULL or lane is not &lane.bare.up else lane.bare

    cdef close_all_bare(self):
        cdef uint32_t slot
        cdef Bare *bare
        for slot in range(self.slot_count):
            bare = self.find_bare(slot)
            if bare is not NULL:
                self.close_bare(bare)

    def adopt_all(self, pause):
        """Have each bare link adopted, and *pause* after it. Meanwhile others may come."""
        cdef uint32_t slot = 0
        cdef Bare *bare
        while slot < self.slot_count and self.bare_count:
            bare = self.find_bare(slot)
            if bare is not NULL:
                self.adopt(bare)
                pause()
            slot += 1

    cdef tuple adopt(self, Bare *bare):
        """Return the streams of the object that a bare link gets."""
        cdef Bare was = bare[0]
        cdef Passage passage = None if bare.talk is NULL else self.make_passage(bare)
        self.forget(bare)
        return self.adopter(
            was.number,
            was.began,
            was.up.source,
            was.up.sink,
            (was.up.received, was.up.chunks, bool(was.up.ended)),
            (was.down.received, was.down.chunks, bool(was.down.ended)),
            passage,
        )

    cdef Passage make_passage(self, const Bare *bare):
        """Return what goes on with the messages of a bare link."""
        cdef Passage passage = Passage.__new__(Passage)
        cdef Beginning beginning
        passage.talk = bare.talk[0]
        passage.up_before, passage.down_before = bare.up.passed, bare.down.passed
        for beginning in self.beginnings:
            if &beginning.users == bare.users:
                passage.gate, passage.passing, passage.terms = beginning.gate, beginning.passing, beginning.terms
                return passage
        raise AssertionError('nobody knows how the link has begun')

    def count_bare(self):
        """Return the numbers of the bare links that are open, as `Totals` has them."""
        cdef uint32_t slot
        cdef Bare *bare
        cdef long long exchanges = 0, upstream = 0, upstream_sent = 0, downstream = 0
        if self.bare_count:
            for slot in range(self.slot_count):
                bare = self.find_bare(slot)
                if bare is not NULL:
                    exchanges += count_exchanges(bare)
                    upstream += bare.up.received
                    upstream_sent += count_sent(bare)
                    downstream += bare.down.received
        return exchanges, upstream, upstream_sent, downstream

    # Events

    def on_ready(self):
        """Deal with the events that there are."""
        cdef int ready, i = 0
        with nogil:
            ready = epoll_wait(self.epoll, self.events, EVENTS, 0)
            i = self.move(0, ready)
        while i < ready:
            self.tell_recorders()
            self.hand_over(<uint32_t>self.events[i].data.u64)
            with nogil:
                i = self.move(i + 1, ready)
        self.tell_recorders()

    cdef tell_recorders(self):
        """Tell recorders what there is to tell. They only take note of it: there may be a chunk in hand."""
        if not self.untold:
            return
        untold, self.untold = self.untold, []
        for tell, message, now in untold:
            try:
                tell(message, now)
            except BaseException:  # as the event loop does with the callback of a watcher
                self.loop.handle_error(tell, *sys.exc_info())

    cdef int move(self, int i, int ready) noexcept nogil:
        """Deal with the events from number *i* on; return the number of one that needs the interpreter."""
        cdef uint64_t data
        cdef Slot *slot
        while i < ready:
            data = self.events[i].data.u64
            slot = &self.slots[<uint32_t>data]
            if slot.lane is not NULL and slot.generation == <uint32_t>(data >> 32):
                if not slot.lane.wanted:
                    self.unregister(slot.lane)
                elif not (self.move_chunk(slot.lane) or (slot.lane.bare is not NULL and self.ends_well(slot.lane))):
                    break
            i += 1
        return i

    cdef bint ends_well(self, Lane *lane) noexcept nogil:
        """Deal with what has come to a bare link; return False if there is something to decide."""
        if self.outcome == SOURCE_ENDED or (self.outcome == ENDED_BEHIND and self.sent == self.count):
            return (lane.talk is NULL or is_between(&lane.talk.course)) and self.pass_end(lane)
        return False

    cdef bint move_chunk(self, Lane *lane) noexcept nogil:
        """Receive and send; return False if the interpreter has to do something, and note the outcome."""
        if not lane.direct or lane.sink < 0 or (lane.tapped and lane.talk is NULL):
            self.outcome = CALL_BACK
            return False
        # In front of what is framed, there is room for a host.
        self.chunk = self.data + HOST_ROOM if lane.tapped else self.data
        self.count = recv(lane.source, self.chunk, self.size - (self.chunk - self.data), MSG_DONTWAIT)
        if self.count <= 0:
            if self.count < 0 and is_passing(errno):
                return True
            self.outcome = SOURCE_BROKEN if self.count < 0 else SOURCE_ENDED
            return False
        lane.received += self.count
        lane.chunks += 1
        if lane.tapped and not (self.frame_requests(lane) if lane.is_upstream else self.frame_replies(lane)):
            self.outcome = NOT_ORDINARY
            return False
        return self.pass_on(lane)

    cdef bint pass_on(self, Lane *lane) noexcept nogil:
        cdef ssize_t behind = 1
        cdef bint is_broken = False
        cdef char peeked
        if lane.chunks == lane.often_last:
            behind = recv(lane.source, &peeked, 1, MSG_DONTWAIT | MSG_PEEK)
            is_broken = behind < 0 and not is_passing(errno)
        cdef bint is_sent = self.send_chunk(lane, MSG_MORE if behind == 0 else 0)
        if not is_sent and self.outcome == SINK_BROKEN:
            return False
        if behind == 0:
            self.outcome = ENDED_BEHIND
        elif is_broken:
            self.outcome = BROKEN_BEHIND
        elif self.count >= self.large and not lane.tapped:
            self.outcome = LARGE
        else:
            lane.bulk = 0
            return is_sent
        return False

    cdef bint send_chunk(self, Lane *lane, int flags) noexcept nogil:
        self.sent = send(lane.sink, self.chunk, self.count, MSG_DONTWAIT | MSG_NOSIGNAL | flags)
        if self.sent < 0:
            if not is_passing(errno):
                self.outcome = SINK_BROKEN
                return False
            self.sent = 0
        self.outcome = SINK_FULL
        return self.sent == self.count

    cdef bint frame_requests(self, Lane *lane) noexcept nogil:
        """Frame a chunk of requests; return False, and change nothing, if it is for the protocol object."""
        cdef Talk *talk = lane.talk
        cdef Course before = talk.course
        cdef bint was_open = before.up.left > 0 or before.up.awaited > 0, is_open
        cdef unsigned char *chunk = <unsigned char *>self.chunk
        cdef unsigned char[HOST_END] with_host
        cdef size_t begin = 0
        cdef ssize_t count = self.count
        if talk.is_open[0]:
            return False
        talk.course.host_end = 0
        cdef int found = talk.framer.requests(chunk, self.count, &talk.course, self.ends, MESSAGES)
        if found == UNSURE:
            return False
        is_open = talk.course.up.left > 0 or talk.course.up.awaited > 0
        if talk.course.host_end > HOST_END:
            talk.course = before
            return False
        if talk.course.host_end:
            memcpy(with_host, chunk, talk.course.host_end)
            chunk = put_host(chunk, &talk.course)
            count += <ssize_t>talk.course.host_size - <ssize_t>(talk.course.host_end - talk.course.host_begin)
        if is_open and found:
            begin = self.ends[found - 2] if found > 1 else 0
        if not self.may_pass(talk, before.outstanding, chunk, count, found, was_open, is_open):
            if talk.course.host_end:
                memcpy(self.chunk, with_host, talk.course.host_end)
            talk.course = before
            return False
        self.chunk, self.count = <char *>chunk, count
        if talk.recorder is not NULL:
            self.note(talk.recorder, True, found)
        talk.requests += found
        talk.quiet -= found
        talk.open = 0 if not is_open else count - begin if found else talk.open + count
        lane.passed += count
        return True

    cdef bint may_pass(
        self,
        Talk *talk,
        unsigned int outstanding,
        unsigned char *chunk,
        ssize_t count,
        int found,
        bint was_open,
        bint is_open,
    ) noexcept nogil:
        """Return whether a chunk with the ends of so many requests may go on; *outstanding* were so before it.

        *was_open* and *is_open*: it begins, or ends, in the middle of a request.
        """
        if found > talk.quiet or (is_open and was_open and found == 1):  # where the last one begins is not known
            return False
        if found and talk.passing is not NULL and (was_open or not all_pass(talk.passing, chunk, self.ends, found)):
            return False
        if talk.recorder is NULL:
            return True
        cdef bint has_replies = talk.course.outstanding == outstanding + <unsigned int>found
        return has_replies and not (was_open or is_open) and self.is_whole(found, count)

    cdef bint frame_replies(self, Lane *lane) noexcept nogil:
        """Frame a chunk of replies likewise."""
        cdef Talk *talk = lane.talk
        cdef Course before = talk.course
        cdef int found = talk.framer.replies(
            <unsigned char *>self.chunk, self.count, &talk.course, self.ends, MESSAGES
        )
        if found == UNSURE:
            return False
        if talk.recorder is not NULL:
            if not self.is_whole(found, self.count):
                talk.course = before
                return False
            self.note(talk.recorder, False, found)
        talk.replies += found
        lane.passed += self.count
        return True

    cdef bint is_whole(self, int found, ssize_t count) noexcept nogil:
        """Return whether a chunk of so many messages ends with the last of them, or with its head if it is open."""
        return found > 0 and self.ends[found - 1] == <size_t>count

    cdef void note(self, void *recorder, bint is_request, int found) noexcept with gil:
        """Note that the recorder is to be told of the messages of the chunk."""
        cdef const char *data = self.chunk
        cdef size_t begin = 0
        cdef int number
        cdef timespec time
        clock_gettime(CLOCK_MONOTONIC, &time)
        now = time.tv_sec + time.tv_nsec * 1e-9
        tell = (<object>recorder).on_whole_request if is_request else (<object>recorder).on_whole_reply
        for number in range(found):
            self.untold.append((tell, data[begin : self.ends[number]], now))
            begin = self.ends[number]

    cdef hand_over(self, uint32_t slot):
        """Have the stream do what the outcome asks for, in the order in which it does that itself."""
        cdef Lane *lane = self.slots[slot].lane
        cdef Outcome outcome = self.outcome
        cdef bint is_upstream
        cdef Reader reader
        cdef Flow flow
        stream = None
        try:
            if lane.bare is not NULL:
                is_upstream = lane is &lane.bare.up
                flow = self.adopt(lane.bare)[0 if is_upstream else 1]
                slot = flow.lane.slot
            reader = self.readers[slot]
            if reader is None:  # adopting has failed
                return
            stream = flow = reader.flow
            if outcome == CALL_BACK:
                reader.callback()
            elif outcome == NOT_ORDINARY:
                stream.give(self.chunk[: self.count])
            elif outcome == SOURCE_ENDED:
                stream.on_source_ended()
            elif outcome == SOURCE_BROKEN:
                stream.on_source_broken()
            elif outcome == SINK_BROKEN:
                stream.lose(self.count)
            else:
                self.finish_chunk(stream, outcome)
            if flow.lane.due and flow.lane.tapped and (outcome == CALL_BACK or outcome == NOT_ORDINARY):
                flow.lane.due -= 1
                if not flow.lane.due:
                    stream.ask_for_passage()
        except BaseException:  # as the event loop does with the callback of a watcher
            if stream is not None:
                reader.stop()
            self.loop.handle_error(self if stream is None else stream, *sys.exc_info())

    cdef finish_chunk(self, stream, Outcome outcome):
        cdef ssize_t count = self.count
        if self.sent < count:
            stream.block(PyByteArray_FromStringAndSize(self.chunk + self.sent, count - self.sent))
        if outcome == ENDED_BEHIND:
            stream.on_source_ended()
        elif outcome == BROKEN_BEHIND:
            stream.on_source_broken()
        elif outcome == LARGE:
            stream.count_bulk()


cdef inline long long count_exchanges(const Bare *bare) noexcept nogil:
    return bare.up.chunks if bare.talk is NULL else bare.talk.requests


cdef inline long long count_sent(const Bare *bare) noexcept nogil:
    return bare.up.received if bare.talk is NULL else <long long>bare.up.passed


cdef inline bint is_between(const Course *course) noexcept nogil:
    """Return whether no message is open, and no reply is awaited."""
    return not (course.outstanding or course.up.left or course.up.awaited or course.down.left or course.down.awaited)


cdef bint all_pass(void *passing, const unsigned char *data, const size_t *ends, int found) noexcept with gil:
    """Return whether all requests in *data* are in the set *passing*."""
    cdef size_t i = 0
    cdef int number
    for number in range(found):
        if data[i : ends[number]] not in <set>passing:
            return False
        i = ends[number]
    return True


cdef inline bint is_passing(int error) noexcept nogil:
    return error == EAGAIN or error == EINTR


cdef int dial(int sock, const sockaddr *address, socklen_t size, int keepalive) noexcept nogil:
    """Connect; return 0, EALREADY if it soon may be connected, or the errno of what went wrong.

    This is what `begin_connecting` of the engine does.
    """
    cdef int on = 1
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))
    if keepalive:
        setsockopt(sock, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on))
        setsockopt(sock, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive, sizeof(keepalive))
        setsockopt(sock, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive, sizeof(keepalive))
    if connect(sock, address, size) == 0:
        return 0
    if errno == EINPROGRESS and connect(sock, address, size) == 0:
        return 0
    return errno
