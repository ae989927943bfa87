"""The data plane: the only room that moves bytes.

The path of a chunk, from the client to the backend:

1. `Stream._on_readable` receives it. If nothing looks at the bytes (`traffic.PLAIN`), it sends the chunk on at once.
   Then the pump of `native` does it instead, where there is one, and in a passage also what follows.
2. Else it gives the chunk to its tap: `Dispatcher._on_requests`, which feeds the protocol and gets marks back.
3. `Dispatcher._forward` draws a behavior for each request. None is the usual outcome: the tap returns the chunk.
4. `Stream.send` sends on what the tap returned: to the sink, or into the `Chain` of toxics before it.
5. A request that drew a behavior is kept in `Held`, and becomes an `Exchange`; the tap returns nothing.
6. The exchange gets a greenlet, which takes the steps of the behavior over two ends (`LinkEnd`).
7. `Exchange._send_held` releases what the behavior lets pass. Replies take the same way, by `Dispatcher._on_replies`.
8. `Dispatcher.on_exchange_over` goes on with whatever was held meanwhile.

From the bottom up; each file says in a `Protocol` what it asks of those above it, and imports none of them:

turns       what takes long, bit by bit
runtime     the event loop, the buffer, greenlets and the clock
held        bytes that are kept back, with their marks
kernel      what only Linux does for sockets, and what is done in its place
reserve     the file descriptors that links leave to others
tls_socket  TLS over a socket, which looks like a socket
cable       a cable that is pulled
absent      what stands in the place of a backend that cannot be reached
lookup      the addresses of host names
admission   a client that waits before anything is done for it
splice      long transfers inside the kernel
chain       the toxics on one stream
stream      one direction of a link
slices      large chunks, fed to a protocol bit by bit
addressed   faults that requests ask for themselves
breakpoints requests that are held until somebody decides
arming      what is armed, at work: draws, faults
expiry      the time of the rules that are armed for a while
traffic     what a link does with its bytes, and `PLAIN`, which is nothing
end         the two ends of a link, as behaviors see them
chooser     who chooses faults in place of the draw
unrecorded  what is told of exchanges where nobody wants to know
record      an exchange while it lasts
recorder    the exchanges of a link, for observers
recording   what the recorders of one proxy share
exchange    one request that drew a behavior
tls_exchange one request for TLS inside the protocol
dispatcher  messages and exchanges
handler     protocols that move the bytes themselves
loops       backends that are the proxy itself
resolver    the addresses of the backend
dialer      the connection to the backend
departure   a client that leaves while nobody reads from it
tls_opening the handshakes of a link, before its streams begin
tls_upgrade the handshake of one connection while the link is at work
opening     the steps until a link has both its connections
leaving     the stream of a link that is left when a toxic has ended the other one
link        one client joined to the backend
idle        closes links on which nothing moves
commons     what stages of toxics share
toxicity    the toxics of a proxy
listener    accepts clients
port        where a proxy listens, moves to, and keeps others out while it is disabled
links       the links of a proxy that are open, with and without an object
proxy       one address, its backend, and all links between them
proxies     the proxies of a process
memory      returns what links have left free
forks       what a fork means for proxies that run in threads
thread      a proxy in a thread of its own
"""
