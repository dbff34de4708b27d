"""Runs a static Linux program on the processor of Bochs, without a system below it: system calls are answered here.

Arguments: a library with symbols that the emulator wants from a newer C library; a processor; the program;
its arguments.

One thread, one GiB of memory, no files. Threads are refused: the first of a test as if there were too many, so
that the test runs in place, the others as if there were none at all, so that thread pools do without.
"""

import ctypes
import mmap
import os
import re
import struct
import sys
import time

ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
import bochscpu
import bochscpu.cpu
import bochscpu.memory

SIZE = 1 << 30
# Virtual addresses are physical ones.
TABLES, STUB, DETOURS, IMAGE, HEAP, MAPPED = 0x1000, 0x10000, 0x200000, 0x400000, 0x10000000, 0x18000000
STACK = HEAP - 0x1000

# Switches the AVX-512 registers on and jumps to r15, the program.
#   xor ecx, ecx; mov eax, 0xe7; xor edx, edx; xsetbv; jmp r15
START = bytes.fromhex("31c9 b8e7000000 31d2 0f01d1 41ffe7")
# What `syscall` jumps to. 158 is arch_prctl, by which the C library sets fs. WBINVD does nothing but call a hook.
#   cmp eax, 158; je 1f; wbinvd; jmp rcx; 1: wrfsbase rsi; xor eax, eax; jmp rcx
CALL = bytes.fromhex("3d9e000000 7404 0f09 ffe1 f3480faed6 31c0 ffe1")

ram = mmap.mmap(-1, SIZE)
RAM_AT = ctypes.addressof(ctypes.c_char.from_buffer(ram))


def put(at, *values):
    struct.pack_into(f"<{len(values)}Q", ram, at, *values)


def mended(code, begin):
    """Two instructions of 512 bits that Bochs gets wrong become jumps to what does the same, and back.

    It takes the short displacement of vdpbf16ps in units of 4 bytes, processors in units of 64: a long one is
    used. Of vpmultishiftqb that makes other bytes zero, it takes a bit of the mask for eight bytes: bytes are made
    zero by an instruction of their own.
    """
    code, detours = bytearray(code), bytearray()
    for match in re.finditer(rb"\x62...[\x52\x83].", bytes(code), flags=re.DOTALL):
        first = match.start()
        _, p0, p1, p2, opcode, modrm = instead = bytearray(match[0])
        after = first + 6
        if opcode == 0x52 and p0 & 7 == 2 and p1 & 0x87 == 6 and p2 & 0x70 == 0x40 and modrm >> 6 == 1:
            instead[5] = modrm & 0x3F | 0x80
            if modrm & 7 == 4:
                instead.append(code[after])
                after += 1
            instead += struct.pack("<i", 64 * struct.unpack_from("b", code, after)[0])
            after += 1
        elif opcode == 0x83 and p0 & 7 == 2 and p1 & 0x87 == 0x85 and p2 & 0xE0 == 0xC0 and modrm >> 6 == 3:
            # vmovdqu8 of the result to where it stands. In p0, the bits of 8 and 16 of the source's number, inverted,
            # are bits 5 and 6, and of the result's number, bits 7 and 4.
            number, of_result = modrm >> 3 & 7, p0 & 0x90
            source = of_result >> 2 & 0x20 | of_result << 2 & 0x40
            instead[3] = p2 & 0x78
            instead += bytes([0x62, of_result | source | 1, 0x7F, p2 & 0xC7 | 8, 0x6F, 0xC0 | number << 3 | number])
        else:
            continue
        detour = DETOURS + len(detours)
        detours += instead + b"\xe9" + struct.pack("<i", begin + after - (detour + len(instead) + 5))
        jump = b"\xe9" + struct.pack("<i", detour - begin - first - 5)
        code[first:after] = jump.ljust(after - first, b"\x90")
    assert DETOURS + len(detours) < IMAGE and not ram[DETOURS], "room for one piece of code"
    ram[DETOURS : DETOURS + len(detours)] = detours
    return code


def load(path):
    """Lays out the program and its stack; returns where both begin."""
    image = open(path, "rb").read()
    (kind,) = struct.unpack_from("<H", image, 16)
    entry, headers = struct.unpack_from("<QQ", image, 24)
    size, count = struct.unpack_from("<HH", image, 54)
    base = IMAGE if kind == 3 else 0
    for i in range(count):
        kind, flags, offset, at, _, stored, length, _ = struct.unpack_from("<IIQQQQQQ", image, headers + i * size)
        if kind == 1:
            assert base + at + length < STACK - (8 << 20), "the program is too large"
            bytes_of = image[offset : offset + stored]
            # Bit 0: code.
            ram[base + at : base + at + stored] = mended(bytes_of, base + at) if flags & 1 else bytes_of
    top = STACK

    def text(value):
        nonlocal top
        top -= len(value) + 1
        ram[top : top + len(value)] = value
        return top

    arguments = [text(os.fsencode(value)) for value in sys.argv[3:]]
    # Program headers, page size, entry, user and group ids, clock ticks, not privileged, sixteen random bytes.
    auxiliary = {3: base + headers, 4: size, 5: count, 6: 4096, 9: base + entry}
    auxiliary |= {11: 0, 12: 0, 13: 0, 14: 0, 17: 100, 23: 0}
    auxiliary[25] = text(os.urandom(16))
    # Random tests are cut short.
    variable = text(b"PROPTEST_CASES=8")
    words = [len(arguments), *arguments, 0, variable, 0, *(word for pair in auxiliary.items() for word in pair), 0, 0]
    top = (top - 8 * len(words)) & ~63
    put(top, *words)
    return base + entry, top


class System:
    """The system calls that the C library and the test harness make."""

    heap, mapped, in_test, status = HEAP, MAPPED, False, None

    def write(self, file, at, length):
        self.in_test &= file != 1
        return os.write(file, ram[at : at + length])

    def answer(self, session, number, a, b, c, d):
        match number:
            case 0 if a == 100:  # read, of the file below
                ram[b : b + c] = os.urandom(c)
                return c
            case 1:  # write
                return self.write(a, b, c)
            case 7:  # poll: only that file is ready
                ready = struct.unpack_from("<i", ram, a)[0] == 100
                struct.pack_into("<H", ram, a + 6, ready)
                return int(ready)
            case 9:  # mmap: anonymous only, never given back
                if not d & 0x20 or self.mapped + b > SIZE:
                    return -12
                if d & 0x10:
                    ram[a : a + b] = bytes(b)
                    return a
                self.mapped += (b + 4095) & ~4095
                return self.mapped - ((b + 4095) & ~4095)
            case 12:  # brk: what a program gives back comes again as zeros, on which its allocator relies
                if HEAP <= a < MAPPED:
                    ram[a : self.heap] = bytes(max(self.heap - a, 0))
                    self.heap = a
                return self.heap
            case 20:  # writev
                return sum(self.write(a, *struct.unpack_from("<QQ", ram, b + 16 * i)) for i in range(c))
            case 60 | 231 | 200 | 234:  # exit; tkill and tgkill, when a program aborts
                self.status = a if number in (60, 231) else 134
                session.stop()
                return 0
            case 228:  # clock_gettime
                put(b, *divmod(time.monotonic_ns(), 10**9))
                return 0
            case 257 if ram[b : b + 12] in (b"/dev/urandom", b"/dev/random\0"):  # openat
                return 100
            case 257 | 89 | 79:  # openat, readlink, getcwd
                return -2
            case 302:  # prlimit64: the stack's
                if d:
                    put(d, 8 << 20, 8 << 20)
                return 0
            case 318:  # getrandom
                ram[a : a + b] = os.urandom(b)
                return b
            case 204:  # sched_getaffinity: one
                put(c, 1)
                return 8
            case 39 | 186 | 218:  # getpid, gettid, set_tid_address
                return 1
            # close, mprotect, munmap, rt_sigaction, rt_sigprocmask, sched_yield, madvise, sigaltstack, futex,
            # set_robust_list
            case 3 | 10 | 11 | 13 | 14 | 24 | 28 | 131 | 202 | 273:
                return 0
            case 435 if not self.in_test:  # clone3
                self.in_test = True
                return -11
            case 16 | 25 | 56 | 334 | 435:  # ioctl, mremap, clone, rseq, clone3
                return -38
        print(f"emulate: no system call {number} here", file=sys.stderr)
        return -38


def segment(selector, attributes):
    made = bochscpu.Segment()
    made.present, made.selector, made.base, made.limit, made.attr = True, selector, 0, 0xFFFFFFFF, attributes
    return made


def prepare(processor):
    """Changes the emulator in three places: what processor it is, and two instructions that it gets wrong."""
    library, system = ctypes.CDLL(bochscpu._bochscpu.__file__), ctypes.CDLL(None)

    def address(name):
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value

    def replace(at, code):
        assert system.mprotect(ctypes.c_void_p(at & ~4095), 8192, 7) == 0
        ctypes.memmove(at, code, len(code))

    def maker(name):
        name = f"create_{name}_cpuid"
        return address(f"_Z{len(name)}{name}P8BX_CPU_C")

    # Bochs makes one processor here, without VBMI2: its maker jumps to that of the wanted one.
    replace(maker("corei3_cnl"), b"\x48\xb8" + struct.pack("<Q", maker(processor)) + b"\xff\xe0")
    # vpcompressw of all 32 words makes zeros: 1 << 32 is 1 in 32 bits. So that is done in 64:
    #   mov eax, 1; shl eax, cl; sub eax, 1 -> push 1; pop rax; shl rax, cl; dec eax; nop
    compress = address("_ZN8BX_CPU_C23VPCOMPRESSW_MASK_WdqVdqEP15bxInstruction_c")
    code, wrong = ctypes.string_at(compress, 512), bytes.fromhex("b801000000 d3e0 83e801")
    assert code.count(wrong) == 1
    replace(compress + code.index(wrong), bytes.fromhex("6a01 58 48d3e0 ffc8 6690"))
    # vpexpandb from memory loads the bytes at which the mask has a bit, where as many bytes as the mask has bits
    # are meant: in the table of instructions, it shall load all.
    expand = address("_ZN8BX_CPU_C22VPEXPANDB_MASK_VdqWdqREP15bxInstruction_c")
    masked, whole = (
        struct.pack("<Q", address(f"_ZN8BX_CPU_C{name}EP15bxInstruction_c"))
        for name in ("17LOAD_MASK_VectorB", "11LOAD_Vector")
    )
    table = address("BxOpcodesTable")
    entries, wrong = ctypes.string_at(table, 86352), masked + struct.pack("<Q", expand)
    assert entries.count(wrong) == 1
    replace(table + entries.index(wrong), whole)


def main():
    prepare(sys.argv[2])
    session, system, state, hook = bochscpu.Session(), System(), bochscpu.State(), bochscpu.Hook()
    session.missing_page_handler = lambda at: bochscpu.memory.page_insert(at & ~4095, RAM_AT + (at & ~4095))
    # Pages of 2 MiB; everything runs in ring 0.
    put(TABLES, TABLES + 0x1000 | 7)
    put(TABLES + 0x1000, TABLES + 0x2000 | 7)
    put(TABLES + 0x2000, *(page << 21 | 0x87 for page in range(SIZE >> 21)))
    ram[STUB : STUB + len(START)] = START
    ram[STUB + 64 : STUB + 64 + len(CALL)] = CALL
    bochscpu.cpu.set_long_mode(state)
    # CR4: PAE, FXSR, SIMD exceptions, FSGSBASE, XSAVE. EFER: SYSCALL, long mode, no-execute.
    state.cr0, state.cr3, state.cr4, state.efer = 0x80010033, TABLES, 0x50620, 0xD01
    state.r15, state.rsp = load(sys.argv[3])
    state.rip, state.lstar, state.star, state.rflags = STUB, STUB + 64, 8 << 32, 2
    state.mxcsr, state.mxcsr_mask, state.fpcw, state.xcr0 = 0x1F80, 0xFFFF, 0x37F, 1
    state.cs = segment(8, 0xA09B)
    state.ss = state.ds = state.es = state.fs = state.gs = segment(16, 0xC093)
    session.cpu.state = state

    def call(session, *_):
        cpu = session.cpu
        cpu.rax = system.answer(session, cpu.rax, cpu.rdi, cpu.rsi, cpu.rdx, cpu.r10) & (1 << 64) - 1

    def exception(session, _, vector, *__):
        print(f"emulate: exception {vector} at {session.cpu.rip - IMAGE:#x} of the image", file=sys.stderr)
        system.status = 139
        session.stop()

    hook.cache_cntrl, hook.exception = call, exception
    session.run([hook])
    sys.stdout.flush()
    # Not the ordinary end: the emulator's destructors crash.
    os._exit(1 if system.status is None else system.status)


main()
