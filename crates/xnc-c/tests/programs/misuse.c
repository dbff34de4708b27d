/*
 * What callers get wrong: each is an error with a message, and nothing else happens.
 *
 *     misuse FILE TABLE DAMAGED
 */
#include "check.h"

enum { ARGUMENT = XNC_STATUS_ARGUMENT, LENGTH = XNC_STATUS_LENGTH, RANGE = XNC_STATUS_RANGE };

static void files(const char *path, const char *name, const char *damaged) {
    xnc_model *model = (xnc_model *)&model;
    FAILS(xnc_model_open(NULL, &model), ARGUMENT, "`path` is null");
    CHECK(model == NULL);
    FAILS(xnc_model_open(path, NULL), ARGUMENT, "`model` is null");
    FAILS(xnc_model_open("no such file", &model), XNC_STATUS_IO, "no such file");
    FAILS(xnc_model_open(".", &model), XNC_STATUS_IO, "directory");
    FAILS(xnc_model_open("", &model), XNC_STATUS_IO, "");
    FAILS(xnc_model_open(path, (xnc_model **)((char *)&model + 1)), ARGUMENT, "aligned");
    FAILS(xnc_model_open_bytes("a text", 6, NULL, NULL, &model), XNC_STATUS_NOT_A_MODEL, "");
    FAILS(xnc_model_open_bytes(NULL, 6, NULL, NULL, &model), ARGUMENT, "`bytes` is null");
    FAILS(xnc_model_open_bytes(NULL, 0, NULL, NULL, &model), XNC_STATUS_NOT_A_MODEL, "");
    FAILS(xnc_model_open_bytes("a text", SIZE_MAX, NULL, NULL, &model), ARGUMENT, "memory ends");
    FAILS(xnc_model_open_bytes("a text", 6, NULL, NULL, NULL), ARGUMENT, "`model` is null");

    CHECK(xnc_model_table_count(NULL) == 0 && strstr(xnc_last_error(), "`model` is null") != NULL);
    CHECK(xnc_model_table_name(NULL, 0) == NULL);
    xnc_model_free(NULL);
    xnc_table_free(NULL);

    xnc_table *table = (xnc_table *)&table;
    CHECK(xnc_model_open(path, &model) == XNC_STATUS_OK && model != NULL);
    CHECK(xnc_model_table_count(model) == 1 && strcmp(xnc_model_table_name(model, 0), name) == 0);
    CHECK(xnc_model_table_name(model, 1) == NULL && strstr(xnc_last_error(), "no table 1") != NULL);
    CHECK(xnc_model_table_name(model, SIZE_MAX) == NULL);
    FAILS(xnc_model_table(NULL, name, &table), ARGUMENT, "`model` is null");
    CHECK(table == NULL);
    FAILS(xnc_model_table(model, NULL, &table), ARGUMENT, "`name` is null");
    FAILS(xnc_model_table(model, name, NULL), ARGUMENT, "`table` is null");
    FAILS(xnc_model_table(model, "no table", &table), XNC_STATUS_NOT_FOUND, name);
    FAILS(xnc_model_table(model, "\xff", &table), ARGUMENT, "UTF-8");
    xnc_model_free(model);

    /* What is damaged is found when it is read. */
    CHECK(xnc_model_open(damaged, &model) == XNC_STATUS_OK);
    CHECK(xnc_model_table(model, name, &table) == XNC_STATUS_OK);
    xnc_model_free(model);
    xnc_table_info info;
    CHECK(xnc_table_get_info(table, &info, sizeof info) == XNC_STATUS_OK);
    uint16_t *row = exactly(info.columns * sizeof *row);
    FAILS(xnc_table_row(table, 0, row, info.columns), XNC_STATUS_CORRUPT, name);
    float *x = calloc(info.columns, sizeof *x), *out = exactly(info.rows * sizeof *out);
    for (size_t threads = 0; threads < 3; threads++) {
        FAILS(xnc_table_product(table, x, info.columns, threads, out, info.rows), XNC_STATUS_CORRUPT, name);
    }
    xnc_table *result = (xnc_table *)&result;
    FAILS(xnc_table_transcode(table, XNC_CODEC_DENSE, 2, &result), XNC_STATUS_CORRUPT, name);
    CHECK(result == NULL);
    free(out);
    free(x);
    free(row);
    xnc_table_free(table);
}

static void tables(void) {
    enum { ROWS = 64, COLUMNS = 32, WORDS = ROWS * COLUMNS };
    uint16_t *words = exactly(WORDS * sizeof *words), *out = exactly(2 * COLUMNS * sizeof *out);
    for (int i = 0; i < WORDS; i++) {
        words[i] = (uint16_t)(0x3f00 + i % 251);
    }
    xnc_table *table = NULL, *result = NULL;
#define ENCODE(dtype, rows, columns, words, length, codec, table) \
    xnc_table_encode(dtype, rows, columns, words, length, codec, 1, table)
    FAILS(ENCODE(0, ROWS, COLUMNS, words, WORDS, XNC_CODEC_FAST, &table), ARGUMENT, "number 0");
    FAILS(ENCODE(3, ROWS, COLUMNS, words, WORDS, XNC_CODEC_FAST, &table), ARGUMENT, "number 3");
    FAILS(ENCODE(XNC_DTYPE_F16, ROWS, COLUMNS, words, WORDS, XNC_CODEC_PLAIN, &table), ARGUMENT, "number 0");
    FAILS(ENCODE(XNC_DTYPE_F16, ROWS, COLUMNS, words, WORDS, 5, &table), ARGUMENT, "number 5");
    FAILS(ENCODE(XNC_DTYPE_F16, ROWS, COLUMNS, NULL, WORDS, XNC_CODEC_FAST, &table), ARGUMENT, "`words` is null");
    FAILS(ENCODE(XNC_DTYPE_F16, ROWS, COLUMNS, words, WORDS - 1, XNC_CODEC_FAST, &table), LENGTH, "2048");
    FAILS(ENCODE(XNC_DTYPE_F16, SIZE_MAX / 2, 4, words, WORDS, XNC_CODEC_FAST, &table), LENGTH, "");
    FAILS(ENCODE(XNC_DTYPE_F16, SIZE_MAX, SIZE_MAX, words, SIZE_MAX, XNC_CODEC_FAST, &table), ARGUMENT, "");
    FAILS(ENCODE(XNC_DTYPE_F16, ROWS, COLUMNS, words, WORDS, XNC_CODEC_FAST, NULL), ARGUMENT, "`table` is null");
    FAILS(ENCODE(XNC_DTYPE_F16, 1, COLUMNS, (uint16_t *)((char *)words + 1), COLUMNS, XNC_CODEC_FAST, &table),
          ARGUMENT, "aligned");
    CHECK(table == NULL);
    CHECK(ENCODE(XNC_DTYPE_BF16, 0, COLUMNS, NULL, 0, XNC_CODEC_FAST, &table) == XNC_STATUS_OK);
    FAILS(xnc_table_row(table, 0, out, COLUMNS), RANGE, "0 rows");
    xnc_table_free(table);
    CHECK(ENCODE(XNC_DTYPE_BF16, ROWS, COLUMNS, words, WORDS, XNC_CODEC_FAST, &table) == XNC_STATUS_OK);

    /* Part of the structure; a later, larger one. */
    struct {
        xnc_table_info info;
        char more[16];
        char guard;
    } later;
    memset(&later, 1, sizeof later);
    FAILS(xnc_table_get_info(table, &later.info, sizeof later.info - 1), LENGTH, "size");
    FAILS(xnc_table_get_info(table, &later.info, SIZE_MAX), LENGTH, "size");
    FAILS(xnc_table_get_info(table, NULL, sizeof later.info), ARGUMENT, "`info` is null");
    FAILS(xnc_table_get_info(NULL, &later.info, sizeof later.info), ARGUMENT, "`table` is null");
    CHECK(later.info.rows != ROWS && later.guard == 1);
    CHECK(xnc_table_get_info(table, &later.info, sizeof later.info + 16) == XNC_STATUS_OK);
    CHECK(later.info.rows == ROWS && later.info.columns == COLUMNS && later.info.dtype == XNC_DTYPE_BF16);
    CHECK(later.info.codec == XNC_CODEC_FAST && later.info.stored_bytes > 0);
    CHECK(later.more[0] == 0 && later.more[15] == 0 && later.guard == 1);

    FAILS(xnc_table_row(NULL, 0, out, COLUMNS), ARGUMENT, "`table` is null");
    FAILS(xnc_table_row(table, 0, NULL, COLUMNS), ARGUMENT, "`out` is null");
    FAILS(xnc_table_row(table, 0, out, COLUMNS - 1), LENGTH, "31");
    FAILS(xnc_table_row(table, 0, out, 2 * COLUMNS), LENGTH, "64");
    FAILS(xnc_table_row(table, 0, NULL, 0), LENGTH, "0");
    FAILS(xnc_table_row(table, 0, out, SIZE_MAX), ARGUMENT, "memory ends");
    FAILS(xnc_table_row(table, ROWS, out, COLUMNS), RANGE, "64 rows");
    FAILS(xnc_table_row(table, SIZE_MAX, out, COLUMNS), RANGE, "64 rows");
    FAILS(xnc_table_row(table, 0, (uint16_t *)((char *)out + 1), COLUMNS), ARGUMENT, "aligned");

    size_t ids[2] = {0, ROWS};
    FAILS(xnc_table_gather(table, ids, 2, out, 2 * COLUMNS), RANGE, "row 64");
    FAILS(xnc_table_gather(table, ids, 1, out, 2 * COLUMNS), LENGTH, "");
    FAILS(xnc_table_gather(table, NULL, 1, out, COLUMNS), ARGUMENT, "`rows` is null");
    FAILS(xnc_table_gather(table, ids, SIZE_MAX / 8, out, COLUMNS), ARGUMENT, "memory ends");
    FAILS(xnc_table_gather(table, (size_t *)(void *)out, 1, out, COLUMNS), ARGUMENT, "overlap");
    CHECK(xnc_table_gather(table, NULL, 0, NULL, 0) == XNC_STATUS_OK);

    float *x = calloc(3 * COLUMNS, sizeof *x), *products = exactly(2 * ROWS * sizeof *products);
    FAILS(xnc_table_gather_f32(table, ids, 1, x, COLUMNS + 1), LENGTH, "33");
    FAILS(xnc_table_gather_f32(table, ids + 1, 1, x, COLUMNS), RANGE, "row 64");
    FAILS(xnc_table_product(NULL, x, COLUMNS, 1, products, ROWS), ARGUMENT, "`table` is null");
    FAILS(xnc_table_product(table, NULL, COLUMNS, 1, products, ROWS), ARGUMENT, "`x` is null");
    FAILS(xnc_table_product(table, x, COLUMNS, 1, NULL, ROWS), ARGUMENT, "`out` is null");
    FAILS(xnc_table_product(table, x, COLUMNS + 1, 1, products, ROWS), LENGTH, "33");
    FAILS(xnc_table_product(table, x, COLUMNS, 1, products, ROWS - 1), LENGTH, "63");
    FAILS(xnc_table_product(table, x, 2 * COLUMNS, 2, products, ROWS), LENGTH, "64");
    FAILS(xnc_table_product(table, x, 2 * COLUMNS, 1, x + COLUMNS, ROWS), ARGUMENT, "overlap");
    CHECK(xnc_table_product(table, NULL, 0, 1, NULL, 0) == XNC_STATUS_OK);
    CHECK(xnc_table_product(table, x, COLUMNS, SIZE_MAX, products, ROWS) == XNC_STATUS_OK);
    FAILS(xnc_table_product_rows(table, x, COLUMNS, ROWS - 1, 2, products, 2), RANGE, "row 64");
    FAILS(xnc_table_product_rows(table, x, COLUMNS, SIZE_MAX, 1, products, 1), RANGE, "64 rows");
    FAILS(xnc_table_product_rows(table, x, COLUMNS, ROWS + 1, 0, NULL, 0), RANGE, "row 64");
    FAILS(xnc_table_product_rows(table, x, COLUMNS, 0, ROWS, products, ROWS - 1), LENGTH, "63");
    CHECK(xnc_table_product_rows(table, x, COLUMNS, ROWS, 0, NULL, 0) == XNC_STATUS_OK);

    FAILS(xnc_table_transcode(NULL, XNC_CODEC_FAST, 1, &result), ARGUMENT, "`table` is null");
    FAILS(xnc_table_transcode(table, XNC_CODEC_PLAIN, 1, &result), ARGUMENT, "number 0");
    FAILS(xnc_table_transcode(table, XNC_CODEC_DENSE, 1, NULL), ARGUMENT, "`result` is null");
    CHECK(xnc_codec_name(5) == NULL && strcmp(xnc_codec_name(XNC_CODEC_PLAIN), "plain") == 0);

    free(products);
    free(x);
    free(out);
    free(words);
    xnc_table_free(table);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        return 2;
    }
    CHECK(strcmp(xnc_last_error(), "") == 0);
    files(argv[1], argv[2], argv[3]);
    tables();
    return 0;
}
