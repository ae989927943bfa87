// The least that a proxy can do: level-triggered epoll, recv, send. What the others take beyond it is their own.
// bare_loop PORT BACKEND_PORT, both of 127.0.0.1. No back-pressure, no half-close: it is for loads that fit.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int sinks[65536], on = 1;
static char buffer[256 * 1024];

static void join(int epoll, int source, int sink) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = source};
    sinks[source] = sink;
    setsockopt(source, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(epoll, EPOLL_CTL_ADD, source, &event);
}

int main(int argc, char **argv) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in here = {AF_INET, htons(argc > 2 ? atoi(argv[1]) : 0), {htonl(INADDR_LOOPBACK)}}, there = here;
    there.sin_port = htons(argc > 2 ? atoi(argv[2]) : 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 4096))
        return 1;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    for (struct epoll_event events[256];;) {
        for (int i = epoll_wait(epoll, events, 256, -1); i-- > 0;) {
            int source = events[i].data.fd, sink = sinks[source];
            if (source == listener) {
                int client = accept(listener, 0, 0), backend = socket(AF_INET, SOCK_STREAM, 0);
                if (connect(backend, (struct sockaddr *)&there, sizeof there))
                    return 1;
                join(epoll, client, backend);
                join(epoll, backend, client);
                continue;
            }
            if (sink < 0)  // the other one of the two was closed before, in this very turn
                continue;
            ssize_t count = recv(source, buffer, sizeof buffer, MSG_DONTWAIT);
            if (count > 0)
                send(sink, buffer, count, MSG_NOSIGNAL);
            if (count == 0) {
                sinks[source] = sinks[sink] = -1;
                close(source);
                close(sink);
            }
        }
    }
}
