/*
 * A program that loads the library, has it start threads, and lets it go, twice: nothing runs on code that is gone.
 *
 *     unload LIBRARY FILE TABLE
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xnc.h>

/* That of the other programs asks the library, which this one is not linked with. */
#define CHECK(condition)                                                 \
    do {                                                                 \
        if (!(condition)) {                                              \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                     \
        }                                                                \
    } while (0)

/* A function of the library; C99 has no cast from an object to a function. */
#define LOAD(name)                                     \
    do {                                               \
        void *place = dlsym(library, #name);           \
        CHECK(place != NULL);                          \
        memcpy(&functions.name, &place, sizeof place); \
    } while (0)

static struct {
    xnc_status (*xnc_model_open)(const char *, xnc_model **);
    xnc_status (*xnc_model_table)(const xnc_model *, const char *, xnc_table **);
    xnc_status (*xnc_table_get_info)(const xnc_table *, xnc_table_info *, size_t);
    xnc_status (*xnc_table_product)(const xnc_table *, const float *, size_t, size_t, float *, size_t);
    void (*xnc_model_free)(xnc_model *);
    void (*xnc_table_free)(xnc_table *);
} functions;

static void use(const char *path, const char *file, const char *name) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    LOAD(xnc_model_open);
    LOAD(xnc_model_table);
    LOAD(xnc_table_get_info);
    LOAD(xnc_table_product);
    LOAD(xnc_model_free);
    LOAD(xnc_table_free);
    xnc_model *model;
    xnc_table *table;
    xnc_table_info info;
    CHECK(functions.xnc_model_open(file, &model) == XNC_STATUS_OK);
    CHECK(functions.xnc_model_table(model, name, &table) == XNC_STATUS_OK);
    CHECK(functions.xnc_table_get_info(table, &info, sizeof info) == XNC_STATUS_OK);
    float *x = calloc((size_t)info.columns, sizeof *x), *out = calloc((size_t)info.rows, sizeof *out);
    CHECK(x != NULL && out != NULL);
    CHECK(functions.xnc_table_product(table, x, info.columns, 0, out, info.rows) == XNC_STATUS_OK);
    functions.xnc_model_free(model);
    functions.xnc_table_free(table);
    free(out);
    free(x);
    CHECK(dlclose(library) == 0);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        return 2;
    }
    /* Also where no thread of it has anything to clean up, for which some systems keep a library. */
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL && dlclose(library) == 0);
    library = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    CHECK(library != NULL && dlclose(library) == 0);
    for (int turn = 0; turn < 2; turn++) {
        use(argv[1], argv[2], argv[3]);
        const struct timespec pause = {0, 50 * 1000 * 1000};
        nanosleep(&pause, NULL);
    }
    return 0;
}
