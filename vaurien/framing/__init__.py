"""Pieces that several protocols are made of. No socket, no clock.

- `marks`: what a protocol says of a stream: where messages end, and why framing does
- `head`: how long the head of a request may be, and how much of it is shown
- `lines`: lines, and stretches of known length between them
- `statements`: prepared statements by their names
- `error_reply`: an error, as the bytes that a server would send
- `finder`: where in a reply the third of something ends
- `malformation`: a reply whose form is made wrong
- `parts`: the statements of one request, and how the backend is made to refuse one of them
- `sql`: where the statements of a text end
- `sql_meaning`: what statements do to a database
- `client_hello`: how a client begins TLS, and what it asks for
- `records`: the records of TLS
- `meaning`: what a request does to the backend, and what a reply says of it
- `trials`: the faults that are worth trying on a request
- `late_pattern`: regular expressions that most processes never use
- `traceparent`: the trace context that a request carries
- `effects`: what an error that was made up has to change in the backend
"""
