/*
 * Lists the tables of a model file, or prints rows of one.
 *
 *     lookup FILE
 *     lookup FILE TABLE ROW...
 */
#include <stdio.h>
#include <stdlib.h>
#include <xnc.h>

/* Ends the program when a call failed. */
static void must(xnc_status status) {
    if (status != XNC_STATUS_OK) {
        fprintf(stderr, "lookup: %s\n", xnc_last_error());
        exit(1);
    }
}

static xnc_table *open_table(const xnc_model *model, const char *name, xnc_table_info *info) {
    xnc_table *table;
    must(xnc_model_table(model, name, &table));
    must(xnc_table_get_info(table, info, sizeof *info));
    return table;
}

static void list(const xnc_model *model) {
    for (size_t i = 0; i < xnc_model_table_count(model); i++) {
        const char *name = xnc_model_table_name(model, i);
        xnc_table_info info;
        xnc_table *table = open_table(model, name, &info);
        printf("%s: %llu x %llu %s, %s, %llu bytes\n", name, (unsigned long long)info.rows,
               (unsigned long long)info.columns, info.dtype == XNC_DTYPE_BF16 ? "BF16" : "F16",
               xnc_codec_name(info.codec), (unsigned long long)info.stored_bytes);
        xnc_table_free(table);
    }
}

static void print_rows(xnc_table *table, size_t columns, char **numbers, size_t count) {
    size_t *rows = malloc(count * sizeof *rows);
    float *values = malloc(count * columns * sizeof *values);
    if (rows == NULL || values == NULL) {
        fprintf(stderr, "lookup: no memory\n");
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = strtoull(numbers[i], NULL, 10);
    }
    must(xnc_table_gather_f32(table, rows, count, values, count * columns));
    for (size_t i = 0; i < count; i++) {
        printf("%zu:", rows[i]);
        for (size_t j = 0; j < columns; j++) {
            printf(" %.9g", values[i * columns + j]);
        }
        printf("\n");
    }
    free(values);
    free(rows);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc < 4) {
        fprintf(stderr, "usage: lookup FILE [TABLE ROW...]\n");
        return 2;
    }
    xnc_model *model;
    must(xnc_model_open(argv[1], &model));
    if (argc == 2) {
        list(model);
        xnc_model_free(model);
        return 0;
    }
    xnc_table_info info;
    xnc_table *table = open_table(model, argv[2], &info);
    xnc_model_free(model); /* The table keeps the file. */
    print_rows(table, (size_t)info.columns, argv + 3, (size_t)argc - 3);
    xnc_table_free(table);
    return 0;
}
