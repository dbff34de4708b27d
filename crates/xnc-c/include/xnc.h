/*
 * XNC: 16-bit embedding tables, compressed without loss, looked up and multiplied by as they are.
 *
 * Made by cbindgen from crates/xnc-c/src; docs/c.md explains it with examples.
 *
 * Failure. A function that can fail returns an xnc_status; xnc_last_error() has the message, for the calling
 * thread. A function that returns a handle through a pointer sets it to NULL first, so that it is NULL after a
 * failure. Null pointers, pointers that are not aligned for their type, wrong lengths and buffers that overlap
 * are errors. Dangling pointers, and lengths that promise more memory than there is, cannot be told. What a
 * buffer holds after a failure is not defined. A fault inside the library is a status as well, never a C++
 * exception; only where the system has no memory left, the process ends.
 *
 * Ownership. Handles that a function returns are the caller's, who frees them with the function of their type.
 * Buffers are lent for the call and stay the caller's. Strings that a function returns stay the library's.
 *
 * Threads. Every function may be called from any thread at any time, several with the same handle, but for a
 * handle that is being freed. Handles may be freed on any thread.
 *
 * Units. Every length of a buffer counts elements of its type, except that those of files count bytes. Rows lie
 * one after another, without gaps. A word is one 16-bit value of a table, in the byte order of the machine.
 */

#ifndef XNC_H
#define XNC_H

#include <stddef.h>
#include <stdint.h>

// Version of this header: the first number changes when programs have to be compiled anew.
#define XNC_VERSION_MAJOR 0

// Version of this header: the second number changes when something was added.
#define XNC_VERSION_MINOR 1

// The length of a part of a file that goes on to the file's end.
#define XNC_TO_END UINT64_MAX

// How a call ended.
enum xnc_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The call did what it says.
  XNC_STATUS_OK = 0,
  // A pointer is null or not aligned, buffers overlap, a number names no type or codec, a text is not UTF-8.
  XNC_STATUS_ARGUMENT = 1,
  // A buffer has more or fewer elements than the call asks for.
  XNC_STATUS_LENGTH = 2,
  // A row or a place in a list is past the end.
  XNC_STATUS_RANGE = 3,
  // The operating system refused to open or map a file.
  XNC_STATUS_IO = 4,
  // The file is no model file that this library reads.
  XNC_STATUS_NOT_A_MODEL = 5,
  // Stored bytes contradict themselves or a checksum.
  XNC_STATUS_CORRUPT = 6,
  // The file was written by a newer version than this library reads.
  XNC_STATUS_UNSUPPORTED = 7,
  // No tensor of that name; the message has the nearest names.
  XNC_STATUS_NOT_FOUND = 8,
  // The tensor is no table of 16-bit words, or no table that the codec takes.
  XNC_STATUS_NOT_A_TABLE = 9,
  // The environment variable XNC_BACKEND names an instruction set that this machine does not have.
  XNC_STATUS_NO_BACKEND = 10,
  // The system starts no threads.
  XNC_STATUS_THREADS = 11,
  // A fault of the library itself.
  XNC_STATUS_INTERNAL = 12,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum xnc_status xnc_status;
#else
typedef int32_t xnc_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Type of the words of a table.
enum xnc_dtype
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // bfloat16: 1 sign, 8 exponent, 7 mantissa bits.
  XNC_DTYPE_BF16 = 1,
  // IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
  XNC_DTYPE_F16 = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum xnc_dtype xnc_dtype;
#else
typedef uint32_t xnc_dtype;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How a table is stored.
enum xnc_codec
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Plain words.
  XNC_CODEC_PLAIN = 0,
  // For running: every row decodes alone, products straight from compressed rows.
  XNC_CODEC_FAST = 1,
  // As XNC_CODEC_FAST and smaller; quick with AVX-512 alone.
  XNC_CODEC_TIGHT = 2,
  // The published scheme, for hardware.
  XNC_CODEC_XNC = 3,
  // The smallest, for storage; slow to look up and to multiply.
  XNC_CODEC_DENSE = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum xnc_codec xnc_codec;
#else
typedef uint32_t xnc_codec;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// An open model file, compressed or plain.
typedef struct xnc_model xnc_model;

// A table whose rows are read from disk when they are asked for.
typedef struct xnc_store xnc_store;

// A table: of a file, compressed or plain, or encoded in memory.
typedef struct xnc_table xnc_table;

// Called once, when the library needs some bytes no more, with what was passed along with them; on the thread
// that freed the last handle to them. It must not throw.
typedef void (*xnc_release)(void *context);

// What a table is. Later versions may add to its end.
typedef struct {
  // Number of rows.
  uint64_t rows;
  // Words in a row. In a table without rows this is whatever the file says, and no size for a buffer.
  uint64_t columns;
  // Bytes that the table takes: in its file all that it adds there, in memory what is held.
  uint64_t stored_bytes;
  // Type of the words.
  xnc_dtype dtype;
  // How they are stored.
  xnc_codec codec;
} xnc_table_info;

// What a store has done since it was opened.
typedef struct {
  // Rows that were asked for; one that stands twice in a call counts twice.
  uint64_t rows;
  // Those of them that were in the cache.
  uint64_t hits;
  // Reads that were asked of the system.
  uint64_t reads;
  // Bytes that these asked for.
  uint64_t bytes;
  // How often a call waited for a read to end.
  uint64_t waits;
  // Rows that xnc_store_prefetch() had read.
  uint64_t prefetched;
} xnc_store_counters;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The message of the last call that failed on this thread; empty before the first. Calls that succeed leave it.
//
// The text is UTF-8 and the library's, and lasts until the next call that fails on this thread, or the thread
// ends.
const char *xnc_last_error(void);

// Version of the library that is running, as in "0.1.0". The text is the library's and lasts.
const char *xnc_version(void);

// The highest version of the file format that the library reads, as in "1.0". The text is the library's and
// lasts.
const char *xnc_format_version(void);

// Name of a codec, an xnc_codec: "plain", "fast", "tight", "xnc" or "dense". The text is the library's and lasts.
// NULL for another number.
const char *xnc_codec_name(uint32_t codec);

// Opens a file: .safetensors or .gguf, compressed by XNC or plain. It is mapped, and little of it is read.
//
// `path` is lent for the call: bytes as the system has them, on Windows UTF-8. `*model` is the caller's, who
// frees it with xnc_model_free(). The file must keep its length while a handle to it or to one of its tables
// lives: where another program cuts it, reading beyond its end raises SIGBUS.
xnc_status xnc_model_open(const char *path,
                          xnc_model **model);

// Opens a part of a file that is open already, such as a model stored in an archive: `length` bytes from
// `offset` on, XNC_TO_END for all that follow.
//
// `descriptor` is a file descriptor, on Windows a HANDLE. It stays the caller's, and may be closed after the
// call; where it stands in the file does not matter and does not change. The rest is as for xnc_model_open().
xnc_status xnc_model_open_descriptor(ptrdiff_t descriptor,
                                     uint64_t offset,
                                     uint64_t length,
                                     xnc_model **model);

// Opens a file that is in memory; nothing is copied.
//
// `bytes` are lent for longer than the call: they must stay, and stay the same, until the library calls
// `release` with `context`, which it does when this model and the last of its tables are freed. `release` may be
// NULL: then the caller knows when that is. After a failure the bytes are the caller's at once, and `release`
// is not called. `*model` is the caller's, who frees it with xnc_model_free().
xnc_status xnc_model_open_bytes(const void *bytes,
                                size_t length,
                                xnc_release release,
                                void *context,
                                xnc_model **model);

// Frees a model; NULL is none. Tables that came from it go on to work, and keep its file mapped.
void xnc_model_free(xnc_model *model);

// Number of tables: compressed tensors, then plain 16-bit ones of two dimensions. 0 when `model` is NULL, which
// xnc_last_error() tells.
//
// A table whose name holds a zero byte cannot be named in C, and is not among them.
size_t xnc_model_table_count(const xnc_model *model);

// Name of a table, of xnc_model_table_count(): UTF-8, the model's, and there until the model is freed. NULL
// after a failure, which xnc_last_error() tells.
const char *xnc_model_table_name(const xnc_model *model,
                                 size_t index);

// Opens a table by its name.
//
// `name` is lent for the call. `*table` is the caller's, who frees it with xnc_table_free(), before or after the
// model.
xnc_status xnc_model_table(const xnc_model *model,
                           const char *name,
                           xnc_table **table);

// Opens a table of a file, or of a model folder, for rows that are read from disk: the tensor `name`, or the tensors
// `name`.0, `name`.1 and so on, which follow each other. It must be plain, or under XNC_CODEC_FAST or XNC_CODEC_TIGHT.
//
// The index of the table is held in memory, and up to `cache_bytes` of rows that were read; of the table's bytes
// nothing else is. `direct` other than 0 by-passes the system's page cache, on Linux. `depth` is the most reads of one
// call that are in flight at a time, 0 for 64. `path` and `name` are lent for the call. `*store` is the caller's, who
// frees it with xnc_store_free(). Unlike a mapped file, one that is cut gives errors, not signals.
xnc_status xnc_store_open(const char *path,
                          const char *name,
                          uint64_t cache_bytes,
                          uint32_t direct,
                          size_t depth,
                          xnc_store **store);

// Frees a store; NULL is none.
void xnc_store_free(xnc_store *store);

// Tells what a store's table is, as xnc_table_get_info() does; `stored_bytes` are those of its index, in memory.
xnc_status xnc_store_get_info(const xnc_store *store,
                              xnc_table_info *info,
                              size_t size);

// Reads `count` rows, by their numbers in `rows`, into `out`: `length` words, `count` times as many as the table
// has columns. A row that is asked for several times is read once. After an error, `out` may hold some of the rows.
xnc_status xnc_store_gather(const xnc_store *store,
                            const size_t *rows,
                            size_t count,
                            uint16_t *out,
                            size_t length);

// As xnc_store_gather(), but gives the exact values of the words.
xnc_status xnc_store_gather_f32(const xnc_store *store,
                                const size_t *rows,
                                size_t count,
                                float *out,
                                size_t length);

// Has `count` rows read into the cache, and returns at once. Does nothing where the store has no cache, or earlier
// calls still wait for their turn.
xnc_status xnc_store_prefetch(const xnc_store *store,
                              const size_t *rows,
                              size_t count);

// Tells what a store has done. `counters` is the caller's; `size` is sizeof(xnc_store_counters) where the caller was
// compiled.
xnc_status xnc_store_get_counters(const xnc_store *store,
                                  xnc_store_counters *counters,
                                  size_t size);

// Encodes a table in memory.
//
// `dtype` is an xnc_dtype, `codec` an xnc_codec, but not XNC_CODEC_PLAIN. `words` are lent for the call, `length`
// of them: `rows` times `columns`, row after row. No copy of them is made, and the table keeps none. At most
// `threads` threads encode, 0 for one a processor. `*table` is the caller's, who frees it with xnc_table_free().
//
// A table without words stays plain.
xnc_status xnc_table_encode(uint32_t dtype,
                            size_t rows,
                            size_t columns,
                            const uint16_t *words,
                            size_t length,
                            uint32_t codec,
                            size_t threads,
                            xnc_table **table);

// The same table in memory under another codec: one of XNC_CODEC_DENSE becomes one of XNC_CODEC_FAST, for running.
//
// `table` is lent for the call. `codec` and `threads` are as for xnc_table_encode(). `*result` is the caller's,
// who frees it with xnc_table_free(); a table that is under that codec already becomes a second handle to it.
xnc_status xnc_table_transcode(const xnc_table *table,
                               uint32_t codec,
                               size_t threads,
                               xnc_table **result);

// Frees a table; NULL is none. The last of a file's handles to be freed lets the file go.
void xnc_table_free(xnc_table *table);

// Tells what a table is. `info` is the caller's; `size` is sizeof(xnc_table_info) where the caller was compiled,
// so that a later library does not write beyond it.
xnc_status xnc_table_get_info(const xnc_table *table,
                              xnc_table_info *info,
                              size_t size);

// Reads row `row` into `out`: `length` words, as many as the table has columns.
xnc_status xnc_table_row(const xnc_table *table, size_t row, uint16_t *out, size_t length);

// Reads `count` rows, by their numbers in `rows`, into `out`: `length` words, `count` times as many as the table
// has columns. A row may be asked for several times.
xnc_status xnc_table_gather(const xnc_table *table,
                            const size_t *rows,
                            size_t count,
                            uint16_t *out,
                            size_t length);

// As xnc_table_gather(), but gives the exact values of the words.
xnc_status xnc_table_gather_f32(const xnc_table *table,
                                const size_t *rows,
                                size_t count,
                                float *out,
                                size_t length);

// Multiplies the table with `x`: `x_length` values, one or more vectors of as many as the table has columns. `out`
// becomes as many vectors of as many values as the table has rows, `length` in all.
//
// At most `threads` threads work, the calling one among them: 1 for it alone, 0 for one a processor. The others
// are the library's; it starts them with the first product or table that asks for more than one, and keeps them.
// A process that forked afterwards has none of them, and must pass 1. Results do not depend on `threads`.
xnc_status xnc_table_product(const xnc_table *table,
                             const float *x,
                             size_t x_length,
                             size_t threads,
                             float *out,
                             size_t length);

// As xnc_table_product(), of `count` rows from `first` on, on the calling thread alone: for callers that share the
// rows out to threads of their own. `out` becomes as many vectors of `count` values as `x` has vectors, `length`
// in all.
xnc_status xnc_table_product_rows(const xnc_table *table,
                                  const float *x,
                                  size_t x_length,
                                  size_t first,
                                  size_t count,
                                  float *out,
                                  size_t length);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* XNC_H */
