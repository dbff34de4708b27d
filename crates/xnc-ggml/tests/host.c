/* A program that loads backends as ggml does, of a version and an API number that the test chooses. It has the
   functions that the library looks for and nothing behind them. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *version;
static struct { int api; } registry;

const char *ggml_version(void) { return version; }
size_t ggml_backend_reg_count(void) { return registry.api ? 1 : 0; }
void *ggml_backend_reg_get(size_t at) { return at == 0 ? &registry : NULL; }
size_t ggml_tensor_overhead(void) { return getenv("OVERHEAD") ? (size_t)atoi(getenv("OVERHEAD")) : 368; }
const char *ggml_op_name(int op) {
    static const char *names[] = {"NONE", "DUP", "RESHAPE", "VIEW", "PERMUTE", "TRANSPOSE", "GET_ROWS", "MUL_MAT"};
    return op < 8 ? names[op] : "OTHER";
}
void *ggml_backend_buffer_init(void) { return NULL; }
void *ggml_backend_buffer_get_type(void) { return NULL; }
int ggml_backend_buffer_get_usage(void) { return 0; }
int ggml_backend_buft_is_host(void) { return 0; }
int ggml_graph_n_nodes(void) { return 0; }
void *ggml_graph_node(void) { return NULL; }

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    version = argv[2];
    registry.api = atoi(argv[3]);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) return fprintf(stderr, "%s\n", dlerror()), 3;
    int *(*init)(void) = (int *(*)(void))dlsym(library, "ggml_backend_init");
    if (!init) return 4;
    int *made = init();
    printf("%d\n", made ? *made : 0);
    return 0;
}
