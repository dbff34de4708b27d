// Test bench of both modules. It drives one of them with the records of a file, writes what comes out to another file, and
// checks the handshake. Whether the answers are right is judged by who wrote the input: `cargo xtask rtl`.
//
//   xnc_tb INPUT OUTPUT SEED STALL
//
// A record is 64 bytes of words, or 70 bytes of block (stream bit k is bit k mod 8 of byte k div 8) and 2 bytes of length.
// STALL is the percentage of cycles in which sender and receiver pause, each on its own. With 0, latency and throughput
// are held to what the module promises.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>

#include "verilated.h"

constexpr size_t kWordsRecord = 64;
constexpr size_t kBlockRecord = 72;
constexpr size_t kBlockBytes = 70;

#ifdef XNC_COMPRESSOR
#include "Vxnc_compressor.h"
using Dut = Vxnc_compressor;
constexpr const char* kName = "xnc_compressor";
constexpr uint64_t kLatency = 4;
constexpr size_t kInput = kWordsRecord, kOutput = kBlockRecord;

void put(Dut& dut, const uint8_t* record) { memcpy(dut.words_i.m_storage, record, kWordsRecord); }

void get(const Dut& dut, uint8_t* record) {
  memcpy(record, dut.block_o.m_storage, kBlockBytes);
  const uint16_t length = dut.length_o;
  memcpy(record + kBlockBytes, &length, sizeof length);
}
#else
#include "Vxnc_decompressor.h"
using Dut = Vxnc_decompressor;
constexpr const char* kName = "xnc_decompressor";
constexpr uint64_t kLatency = 3;
constexpr size_t kInput = kBlockRecord, kOutput = kWordsRecord;

void put(Dut& dut, const uint8_t* record) {
  memcpy(dut.block_i.m_storage, record, kBlockBytes);
  dut.block_i.m_storage[17] &= 1;  // 545 bits; Verilator wants the rest of the last word zero
}

void get(const Dut& dut, uint8_t* record) { memcpy(record, dut.words_o.m_storage, kWordsRecord); }
#endif

/// What the outputs show before a clock edge.
struct Outputs {
  bool ready, valid;
  uint8_t record[kOutput];

  explicit Outputs(const Dut& dut) : ready(dut.ready_o), valid(dut.valid_o) { get(dut, record); }
  bool same_record(const Outputs& other) const { return memcmp(record, other.record, kOutput) == 0; }
};

struct Bench {
  VerilatedContext context;
  std::unique_ptr<Dut> dut;
  std::mt19937_64 random;
  uint64_t cycle = 0;

  explicit Bench(uint64_t seed) : random(seed) {
    context.randReset(2);  // every register starts random; X in the source is random too, see the build flags
    context.randSeed(static_cast<int>(seed & 0x7fffffff) | 1);
    dut = std::make_unique<Dut>(&context);
  }

  [[noreturn]] void fail(const char* what) {
    fprintf(stderr, "%s: cycle %llu: %s\n", kName, static_cast<unsigned long long>(cycle), what);
    exit(1);
  }

  bool chance(unsigned percent) { return random() % 100 < percent; }

  void put_junk() {
    uint8_t junk[kInput];
    for (size_t i = 0; i < kInput; i += 8) {
      const uint64_t bits = random();
      memcpy(junk + i, &bits, 8);
    }
    put(*dut, junk);
  }

  void edge() {
    dut->clk_i = 1;
    dut->eval();
    dut->clk_i = 0;
    dut->eval();
    cycle++;
  }

  /// Outputs for the inputs as they are set; no input of the same cycle may have a say in them.
  Outputs sample(bool probe) {
    dut->eval();
    const Outputs seen(*dut);
    if (!probe) return seen;
    const bool valid = dut->valid_i, ready = dut->ready_i;
    for (int other = 0; other < 4; other++) {
      dut->valid_i = other & 1;
      dut->ready_i = other >> 1;
      put_junk();
      dut->eval();
      const Outputs now(*dut);
      if (now.ready != seen.ready || now.valid != seen.valid || !now.same_record(seen)) fail("combinational path");
    }
    dut->valid_i = valid;
    dut->ready_i = ready;
    return seen;
  }

  /// Leaves blocks under way inside, then resets between two clock edges: none of them may come out.
  void reset() {
    dut->clk_i = 0;
    dut->rst_ni = 0;
    dut->eval();
    dut->rst_ni = 1;
    for (int i = 0; i < 16; i++) {
      put_junk();
      dut->valid_i = chance(80);
      dut->ready_i = chance(20);
      dut->eval();
      edge();
    }
    dut->rst_ni = 0;
    dut->valid_i = 1;
    dut->ready_i = 0;
    dut->eval();
    for (int i = 0; i < 3; i++) {
      if (dut->valid_o) fail("valid in reset");
      edge();
    }
    dut->rst_ni = 1;
    dut->valid_i = 0;
    dut->eval();
    for (int i = 0; i < 16; i++) {
      dut->ready_i = chance(50);
      put_junk();
      dut->eval();
      if (dut->valid_o) fail("a block from before the reset came out");
      if (!dut->ready_o) fail("not ready after reset");
      edge();
    }
  }
};

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: xnc_tb INPUT OUTPUT SEED STALL\n");
    return 2;
  }
  FILE* const input = fopen(argv[1], "rb");
  FILE* const output = fopen(argv[2], "wb");
  if (!input || !output) {
    perror("xnc_tb");
    return 2;
  }
  const unsigned stall = static_cast<unsigned>(strtoul(argv[4], nullptr, 10));

  Bench bench(strtoull(argv[3], nullptr, 10));
  bench.reset();
  Dut& dut = *bench.dut;

  constexpr uint64_t kProbedCycles = 20000;
  const uint64_t start = bench.cycle;
  std::deque<uint64_t> accepted_at;
  uint64_t blocks = 0, least = UINT64_MAX, most = 0, first_out = 0, last_out = 0, idle = 0;
  uint8_t record[kInput];
  bool pending = fread(record, kInput, 1, input) == 1;
  bool offered = false, waited = false;
  std::unique_ptr<Outputs> before;

  while (pending || !accepted_at.empty()) {
    // A sender that has offered a block keeps offering it.
    offered = pending && (offered || !bench.chance(stall));
    dut.valid_i = offered;
    dut.ready_i = !bench.chance(stall);
    const bool probe = bench.cycle - start < kProbedCycles;
    const Outputs seen = bench.sample(probe);
    if (offered) put(dut, record); else if (stall) bench.put_junk();
    dut.eval();

    if (waited && !seen.valid) bench.fail("valid_o fell before the block was taken");
    if (waited && !seen.same_record(*before)) bench.fail("the block changed before it was taken");
    waited = seen.valid && !dut.ready_i;
    if (waited) before = std::make_unique<Outputs>(seen);

    if (offered && seen.ready) {
      accepted_at.push_back(bench.cycle);
      pending = fread(record, kInput, 1, input) == 1;
      offered = false;
    }
    if (seen.valid && dut.ready_i) {
      if (accepted_at.empty()) bench.fail("a block came out that never went in");
      const uint64_t latency = bench.cycle - accepted_at.front();
      accepted_at.pop_front();
      if (latency < least) least = latency;
      if (latency > most) most = latency;
      if (blocks == 0) first_out = bench.cycle;
      last_out = bench.cycle;
      blocks++;
      idle = 0;
      if (fwrite(seen.record, kOutput, 1, output) != 1) bench.fail("cannot write the output");
    } else if (++idle > 10000) {
      bench.fail("nothing came out for 10000 cycles");
    }
    bench.edge();
  }
  if (fclose(output) != 0 || blocks == 0) bench.fail("no output");

  if (least < kLatency) bench.fail("faster than the latency promised");
  if (stall == 0) {
    if (most != kLatency) bench.fail("latency is not what is promised");
    if (last_out - first_out != blocks - 1) bench.fail("less than one block per cycle");
  }
  printf("latency_least %llu latency_most %llu blocks %llu cycles %llu\n", static_cast<unsigned long long>(least),
         static_cast<unsigned long long>(most), static_cast<unsigned long long>(blocks),
         static_cast<unsigned long long>(last_out - first_out + 1));
  return 0;
}
