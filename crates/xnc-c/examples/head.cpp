// Encodes a table of a model file in memory, as a program would that has its words from elsewhere, and uses it as an
// output head: prints the rows whose product with one of them is largest.
//
//     head FILE TABLE ROW THREADS
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>
#include <xnc.h>

namespace {

void check(xnc_status status) {
    if (status != XNC_STATUS_OK) {
        throw std::runtime_error(xnc_last_error());
    }
}

struct Free {
    void operator()(xnc_model *model) const { xnc_model_free(model); }
    void operator()(xnc_table *table) const { xnc_table_free(table); }
};
using Model = std::unique_ptr<xnc_model, Free>;
using Table = std::unique_ptr<xnc_table, Free>;

Table open(const char *path, const char *name) {
    xnc_model *model = nullptr;
    check(xnc_model_open(path, &model));
    const Model owner(model); // Freed at the end of this function; the table keeps the file.
    xnc_table *table = nullptr;
    check(xnc_model_table(model, name, &table));
    return Table(table);
}

xnc_table_info info_of(const Table &table) {
    xnc_table_info info;
    check(xnc_table_get_info(table.get(), &info, sizeof info));
    return info;
}

Table encode(const Table &source, std::size_t threads) {
    const xnc_table_info info = info_of(source);
    std::vector<std::size_t> all(info.rows);
    std::iota(all.begin(), all.end(), std::size_t(0));
    std::vector<std::uint16_t> words(info.rows * info.columns);
    check(xnc_table_gather(source.get(), all.data(), all.size(), words.data(), words.size()));
    xnc_table *table = nullptr;
    check(xnc_table_encode(info.dtype, info.rows, info.columns, words.data(), words.size(), XNC_CODEC_FAST,
                           threads, &table));
    return Table(table);
}

void run(char **argv) {
    const std::size_t row = std::strtoull(argv[3], nullptr, 10), threads = std::strtoull(argv[4], nullptr, 10);
    const Table table = encode(open(argv[1], argv[2]), threads);
    const xnc_table_info info = info_of(table);
    std::vector<float> x(info.columns), products(info.rows);
    check(xnc_table_gather_f32(table.get(), &row, 1, x.data(), x.size()));
    check(xnc_table_product(table.get(), x.data(), x.size(), threads, products.data(), products.size()));

    std::vector<std::size_t> best(info.rows);
    std::iota(best.begin(), best.end(), std::size_t(0));
    const auto largest = [&](std::size_t a, std::size_t b) { return products[a] > products[b]; };
    const auto shown = best.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(5, best.size()));
    std::partial_sort(best.begin(), shown, best.end(), largest);
    std::printf("%llu of %llu bytes\n", static_cast<unsigned long long>(info.stored_bytes),
                static_cast<unsigned long long>(2 * info.rows * info.columns));
    std::for_each(best.begin(), shown, [&](std::size_t i) { std::printf("%zu: %.9g\n", i, products[i]); });
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: head FILE TABLE ROW THREADS\n");
        return 2;
    }
    try {
        run(argv);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "head: %s\n", error.what());
        return 1;
    }
    return 0;
}
