"""What is about HTTP: a server that no client can harm, a guard at its door, bodies, and requests of our own.

server        the server
listening     listens at every address of a name
clients       who has to leave when there is no room for another client
wsgi_handler  the connection of one client
request_head  the head of a request
chunked       a body in chunks
body          bodies up to a limit
guard         who may ask
router        which responder a request has
segment       names that are a segment of a path
url           URLs of http and https

ask           a request to a server that may be anything
call          a call of a control API
follow        server-sent events
"""
