/*
 * One table in eight threads at once, which look up, multiply, and fail, each with its own messages; the last of them
 * frees it.
 *
 *     threads FILE TABLE
 */
#include "check.h"

#include <pthread.h>

enum { THREADS = 8, TURNS = 20, IDS = 5 };

static xnc_table *shared;
static size_t rows, columns;
static const float *x, *products;
static const char *name;
static xnc_model *model;
static int running = THREADS;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *argument) {
    size_t self = *(size_t *)argument;
    float *values = exactly(IDS * columns * sizeof *values), *out = exactly(rows * sizeof *out);
    uint16_t *words = exactly(columns * sizeof *words);
    char expected[40];
    snprintf(expected, sizeof expected, "row %zu is out of range", rows + self);
    for (size_t turn = 0; turn < TURNS; turn++) {
        CHECK(xnc_table_row(shared, rows + self, words, columns) == XNC_STATUS_RANGE);
        xnc_table *own;
        CHECK(xnc_model_table(model, name, &own) == XNC_STATUS_OK);
        size_t ids[IDS];
        for (size_t i = 0; i < IDS; i++) {
            ids[i] = (turn * 977 + self * 131 + i * 17) % rows;
        }
        CHECK(xnc_table_gather_f32(own, ids, IDS, values, IDS * columns) == XNC_STATUS_OK);
        for (size_t i = 0; i < IDS; i++) {
            CHECK(xnc_table_row(shared, ids[i], words, columns) == XNC_STATUS_OK);
            for (size_t j = 0; j < columns; j++) {
                uint32_t wide = (uint32_t)words[j] << 16;
                CHECK(memcmp(&wide, &values[i * columns + j], sizeof wide) == 0);
            }
        }
        CHECK(xnc_table_product(turn % 2 ? own : shared, x, columns, turn % 4, out, rows) == XNC_STATUS_OK);
        CHECK(memcmp(out, products, rows * sizeof *out) == 0);
        size_t first = rows / THREADS * self, count = rows / THREADS;
        CHECK(xnc_table_product_rows(own, x, columns, first, count, out, count) == XNC_STATUS_OK);
        CHECK(memcmp(out, products + first, count * sizeof *out) == 0);
        CHECK(strstr(xnc_last_error(), expected) != NULL);
        xnc_table_free(own);
    }
    free(words);
    free(out);
    free(values);
    pthread_mutex_lock(&lock);
    if (--running == 0) {
        xnc_model_free(model);
        xnc_table_free(shared);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    name = argv[2];
    xnc_table_info info;
    CHECK(xnc_model_open(argv[1], &model) == XNC_STATUS_OK);
    CHECK(xnc_model_table(model, name, &shared) == XNC_STATUS_OK);
    CHECK(xnc_table_get_info(shared, &info, sizeof info) == XNC_STATUS_OK);
    CHECK(info.dtype == XNC_DTYPE_BF16);
    rows = (size_t)info.rows, columns = (size_t)info.columns;

    float *vector = exactly(columns * sizeof *vector), *all = exactly(rows * sizeof *all);
    for (size_t i = 0; i < columns; i++) {
        vector[i] = (float)(i % 13) - 6;
    }
    /* From another handle, so that the threads are the first to read the shared one. */
    xnc_table *other;
    CHECK(xnc_model_table(model, name, &other) == XNC_STATUS_OK);
    CHECK(xnc_table_product(other, vector, columns, 1, all, rows) == XNC_STATUS_OK);
    xnc_table_free(other);
    x = vector, products = all;

    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    free(all);
    free(vector);
    return 0;
}
