/* What the programs of the tests share: a check that tells the line where it fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xnc.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: %s; last error: %s\n", __FILE__, __LINE__, #condition,   \
                    xnc_last_error());                                                       \
            exit(1);                                                                         \
        }                                                                                    \
    } while (0)

/* That a call fails with a status, and with a message that has a text in it. */
#define FAILS(call, status, text)                          \
    do {                                                   \
        CHECK((call) == (status));                         \
        CHECK(strstr(xnc_last_error(), (text)) != NULL);   \
    } while (0)

/* A buffer of exactly this length, so that a tool sees what passes its end. */
static inline void *exactly(size_t bytes) {
    void *buffer = malloc(bytes);
    CHECK(buffer != NULL);
    return buffer;
}
