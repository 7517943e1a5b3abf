/* Loads an MLLP server: N links, one message in flight on each, every answer checked.
 *
 *   mllp_load HOST PORT LINKS SECONDS WARMUP_SECONDS FILE
 *
 * FILE holds one message with the text @CONTROL-ID@ in MSH-10, and wherever else it shall differ
 * from the others; lines end in LF or CR. An answer counts when it says MSA|AA or MSA|CA and repeats
 * the message's own id in MSA-2. A server that closes after its answer is connected to again.
 * Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PLACE "@CONTROL-ID@"
#define ID_BYTES 18 /* MSH-10 may have 20 */
#define MOST_PLACES 8
#define ANSWER_BYTES 16384
#define ANSWER_SECONDS 30.0
#define MOST_SAMPLES (16 * 1024 * 1024)

struct link {
    int fd, is_connecting;
    size_t sent, received;
    double began;
    char id[ID_BYTES + 1];
    char *frame;
    char answer[ANSWER_BYTES + 1];
};

static struct sockaddr_in server;
static int epoll_fd;
static char *message; /* framed, with room for an id */
static size_t message_bytes, places, place_at[MOST_PLACES];
static unsigned run;
static unsigned long number, counted, wrong, reconnected;
static float *samples;
static double count_from;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void read_message(const char *path) {
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n') text[i] = '\r';
    message = malloc(length + MOST_PLACES * ID_BYTES + 3);
    message[message_bytes++] = 0x0b;
    char *from = text, *place;
    while ((place = strstr(from, PLACE)) && places < MOST_PLACES) {
        memcpy(message + message_bytes, from, (size_t)(place - from));
        message_bytes += (size_t)(place - from);
        place_at[places++] = message_bytes;
        message_bytes += ID_BYTES;
        from = place + strlen(PLACE);
    }
    memcpy(message + message_bytes, from, strlen(from));
    message_bytes += strlen(from);
    memcpy(message + message_bytes, "\x1c\r", 2);
    message_bytes += 2;
    if (!places) {
        fprintf(stderr, "%s: no %s\n", path, PLACE);
        exit(1);
    }
}

static void watch(struct link *link, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = link};
    if (epoll_ctl(epoll_fd, how, link->fd, &event)) fail("epoll_ctl");
}

/* Begin to connect; epoll tells when there is room to send. */
static void connect_link(struct link *link) {
    int yes = 1;
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (link->fd < 0) fail("socket");
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(link->fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) fail("connect");
    link->is_connecting = 1;
    watch(link, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

/* A new link, on which the message goes from its beginning. */
static void reconnect(struct link *link) {
    close(link->fd);
    link->sent = link->received = 0;
    reconnected++;
    connect_link(link);
}

/* Send what is left of the frame; epoll calls again when there is room. */
static void send_rest(struct link *link) {
    while (!link->is_connecting && link->sent < message_bytes) {
        ssize_t n = send(link->fd, link->frame + link->sent, message_bytes - link->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(link, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n < 0) reconnect(link); /* it was closed after the last answer */
        else link->sent += (size_t)n;
    }
}

/* Letters only: the id also makes family names differ, and names have no digits. */
static void name(char *id) {
    uint64_t rest[2] = {run, ++number};
    for (int i = 0; i < ID_BYTES; i++) {
        uint64_t *from = &rest[i >= ID_BYTES / 2];
        id[i] = (char)('A' + *from % 26);
        *from /= 26;
    }
    id[ID_BYTES] = 0;
}

static void begin(struct link *link) {
    name(link->id);
    for (size_t i = 0; i < places; i++) memcpy(link->frame + place_at[i], link->id, ID_BYTES);
    link->sent = link->received = 0;
    link->began = now();
    send_rest(link);
}

static int is_accepted(const struct link *link) {
    const char *msa = strstr(link->answer, "\rMSA|");
    if (!msa || (strncmp(msa + 5, "AA|", 3) && strncmp(msa + 5, "CA|", 3))) return 0;
    return strncmp(msa + 8, link->id, ID_BYTES) == 0;
}

static void finish(struct link *link, double at) {
    link->answer[link->received] = 0;
    if (!is_accepted(link)) {
        if (wrong++ < 3) fprintf(stderr, "not accepted: %.300s\n", link->answer);
    } else if (at >= count_from) {
        if (counted < MOST_SAMPLES) samples[counted] = (float)(at - link->began);
        counted++;
    }
}

/* Return whether the link is free for the next message. */
static int receive(struct link *link) {
    ssize_t n = recv(link->fd, link->answer + link->received, ANSWER_BYTES - link->received, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) { /* closed: after its answer is well, before it the message goes again */
        reconnect(link);
        return 0;
    }
    link->received += (size_t)n;
    char *end = memchr(link->answer, 0x1c, link->received);
    if (!end && link->received < ANSWER_BYTES) return 0;
    finish(link, now());
    return 1;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double share, unsigned long kept) {
    if (!kept) return 0;
    unsigned long at = (unsigned long)(share * (double)kept);
    return 1000.0 * samples[at < kept ? at : kept - 1];
}

int main(int count, char **given) {
    if (count != 7) {
        fprintf(stderr, "mllp_load HOST PORT LINKS SECONDS WARMUP_SECONDS FILE\n");
        return 2;
    }
    server.sin_family = AF_INET;
    server.sin_port = htons((uint16_t)atoi(given[2]));
    if (inet_pton(AF_INET, given[1], &server.sin_addr) != 1) fail(given[1]);
    int links = atoi(given[3]);
    double seconds = atof(given[4]), warmup = atof(given[5]);
    read_message(given[6]);
    run = (unsigned)time(NULL) ^ ((unsigned)getpid() << 16);
    samples = malloc(MOST_SAMPLES * sizeof *samples);
    epoll_fd = epoll_create1(0);
    struct link *all = calloc((size_t)links, sizeof *all);
    count_from = now() + warmup;
    double until = count_from + seconds, last_answer = now();
    for (int i = 0; i < links; i++) {
        all[i].frame = malloc(message_bytes);
        memcpy(all[i].frame, message, message_bytes);
        connect_link(&all[i]);
        begin(&all[i]);
    }
    struct epoll_event events[256];
    while (now() < until) {
        int ready = epoll_wait(epoll_fd, events, 256, 50);
        for (int i = 0; i < ready; i++) {
            struct link *link = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                link->is_connecting = 0;
                watch(link, EPOLLIN, EPOLL_CTL_MOD);
                send_rest(link);
            } else if (receive(link)) {
                last_answer = now();
                begin(link);
            }
        }
        if (now() - last_answer > ANSWER_SECONDS) {
            fprintf(stderr, "no answer for %.0f s\n", ANSWER_SECONDS);
            return 1;
        }
    }
    unsigned long kept = counted < MOST_SAMPLES ? counted : MOST_SAMPLES;
    qsort(samples, kept, sizeof *samples, compare);
    printf("{\"answered\": %lu, \"wrong\": %lu, \"reconnected\": %lu, \"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           counted, wrong, reconnected, (double)counted / seconds, percentile(0.5, kept), percentile(0.99, kept));
    return 0;
}
