/*
 * Who owns what: tables outlive their model, bytes are released once and last, descriptors stay the caller's.
 *
 *     ownership FILE TABLE
 */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *path, *name;
static int released;

static void release(void *context) {
    free(context);
    released++;
}

/* The file's bytes, after as many others. */
static char *bytes_of(size_t before, size_t *length) {
    struct stat stat_of;
    int file = open(path, O_RDONLY);
    CHECK(file >= 0 && fstat(file, &stat_of) == 0);
    *length = (size_t)stat_of.st_size;
    char *bytes = exactly(before + *length);
    memset(bytes, 0, before);
    CHECK(read(file, bytes + before, *length) == (ssize_t)*length);
    close(file);
    return bytes;
}

/* Row 7 of the one table of a model, which is freed first. */
static void check_row(xnc_model *model, const uint16_t *expected, size_t columns) {
    xnc_table *table, *second;
    CHECK(xnc_model_table(model, name, &table) == XNC_STATUS_OK);
    CHECK(xnc_model_table(model, name, &second) == XNC_STATUS_OK);
    xnc_model_free(model);
    xnc_table_free(second);
    uint16_t *row = exactly(columns * sizeof *row);
    CHECK(xnc_table_row(table, 7, row, columns) == XNC_STATUS_OK);
    CHECK(memcmp(row, expected, columns * sizeof *row) == 0);
    free(row);
    xnc_table_free(table);
}

static void bytes(const uint16_t *expected, size_t columns) {
    size_t length;
    char *all = bytes_of(0, &length);
    xnc_model *model;
    CHECK(xnc_model_open_bytes(all, length / 2, release, all, &model) != XNC_STATUS_OK && model == NULL);
    CHECK(released == 0);
    CHECK(xnc_model_open_bytes(all, length, NULL, NULL, &model) == XNC_STATUS_OK);
    check_row(model, expected, columns);
    CHECK(xnc_model_open_bytes(all, length, release, all, &model) == XNC_STATUS_OK);
    xnc_table *table;
    CHECK(xnc_model_table(model, name, &table) == XNC_STATUS_OK && released == 0);
    check_row(model, expected, columns);
    CHECK(released == 0);
    xnc_table_free(table);
    CHECK(released == 1);
}

static void descriptors(const uint16_t *expected, size_t columns) {
    enum { BEFORE = 4097 };
    size_t length;
    char *all = bytes_of(BEFORE, &length), place[] = "ownership.XXXXXX";
    int file = mkstemp(place);
    CHECK(file >= 0 && write(file, all, BEFORE + length) == (ssize_t)(BEFORE + length));
    CHECK(write(file, all, 100) == 100);
    free(all);
    unlink(place);
    off_t at = lseek(file, 5, SEEK_SET);

    xnc_model *model;
    CHECK(xnc_model_open_descriptor(file, BEFORE, length, &model) == XNC_STATUS_OK);
    CHECK(lseek(file, 0, SEEK_CUR) == at);
    xnc_model_free(model);
    FAILS(xnc_model_open_descriptor(file, BEFORE, length + 101, &model), XNC_STATUS_IO, "part");
    CHECK(model == NULL);
    FAILS(xnc_model_open_descriptor(file, BEFORE, XNC_TO_END - 1, &model), XNC_STATUS_IO, "part");
    FAILS(xnc_model_open_descriptor(file, XNC_TO_END, XNC_TO_END, &model), XNC_STATUS_IO, "part");
    CHECK(xnc_model_open_descriptor(file, BEFORE, XNC_TO_END, &model) != XNC_STATUS_OK);
    CHECK(ftruncate(file, (off_t)(BEFORE + length)) == 0);
    CHECK(xnc_model_open_descriptor(file, BEFORE, XNC_TO_END, &model) == XNC_STATUS_OK);
    CHECK(close(file) == 0);
    check_row(model, expected, columns);

    FAILS(xnc_model_open_descriptor(file, 0, XNC_TO_END, &model), XNC_STATUS_IO, "descriptor");
    FAILS(xnc_model_open_descriptor(-1, 0, XNC_TO_END, &model), XNC_STATUS_IO, "negative");
    FAILS(xnc_model_open_descriptor(INTPTR_MAX, 0, XNC_TO_END, &model), XNC_STATUS_IO, "");
    int pipes[2], write_only = open(path, O_WRONLY);
    CHECK(pipe(pipes) == 0 && write_only >= 0);
    CHECK(xnc_model_open_descriptor(pipes[0], 0, XNC_TO_END, &model) != XNC_STATUS_OK);
    FAILS(xnc_model_open_descriptor(write_only, 0, XNC_TO_END, &model), XNC_STATUS_IO, "denied");
    close(pipes[0]);
    close(pipes[1]);
    close(write_only);
}

/* A process that forked has none of the library's threads, and can go on alone. */
static void forked(xnc_table *table, const xnc_table_info *info) {
    size_t columns = (size_t)info->columns, rows = (size_t)info->rows;
    float *x = exactly(columns * sizeof *x), *out = exactly(rows * sizeof *out), *own = exactly(rows * sizeof *own);
    for (size_t i = 0; i < columns; i++) {
        x[i] = (float)i;
    }
    CHECK(xnc_table_product(table, x, columns, 0, out, rows) == XNC_STATUS_OK);
    fflush(stderr);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        _exit(xnc_table_product(table, x, columns, 1, own, rows) != XNC_STATUS_OK ||
              memcmp(out, own, rows * sizeof *own) != 0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(own);
    free(out);
    free(x);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        return 2;
    }
    path = argv[1], name = argv[2];
    xnc_model *model;
    xnc_table *table;
    xnc_table_info info;
    CHECK(xnc_model_open(path, &model) == XNC_STATUS_OK);
    CHECK(xnc_model_table(model, name, &table) == XNC_STATUS_OK);
    CHECK(xnc_table_get_info(table, &info, sizeof info) == XNC_STATUS_OK);
    size_t columns = (size_t)info.columns;
    uint16_t *expected = exactly(columns * sizeof *expected);
    CHECK(xnc_table_row(table, 7, expected, columns) == XNC_STATUS_OK);
    check_row(model, expected, columns);
    bytes(expected, columns);
    descriptors(expected, columns);
    forked(table, &info);
    xnc_table_free(table);
    free(expected);
    return 0;
}
