//! Processors that are estimated, and what machines have for memory; each figure with where it is from.

use super::assembly::Family::{self, Arm, X86};

/// A processor, and the clock that is assumed.
pub struct Processor {
    pub name: &'static str,
    /// As llvm-mca knows it.
    pub name_in_llvm: &'static str,
    pub family: Family,
    /// In GHz, of which machine it is, and where that is from.
    pub clock: f64,
    pub machine: &'static str,
    pub source: &'static str,
}

/// Clocks are those that makers name for all cores, or for the fastest core of a phone.
pub const PROCESSORS: &[Processor] = &[
    Processor {
        name: "Ice Lake",
        name_in_llvm: "icelake-server",
        family: X86,
        clock: 3.5,
        machine: "AWS m6i",
        source: "https://aws.amazon.com/ec2/instance-types/m6i/",
    },
    Processor {
        name: "Sapphire Rapids",
        name_in_llvm: "sapphirerapids",
        family: X86,
        clock: 3.2,
        machine: "AWS m7i",
        source: "https://aws.amazon.com/ec2/instance-types/m7i/",
    },
    Processor {
        name: "Zen 4",
        name_in_llvm: "znver4",
        family: X86,
        clock: 3.7,
        machine: "AWS m7a",
        source: "https://aws.amazon.com/ec2/instance-types/m7a/",
    },
    Processor {
        name: "Zen 5",
        name_in_llvm: "znver5",
        family: X86,
        clock: 4.5,
        machine: "AWS m8a",
        source: "https://aws.amazon.com/ec2/instance-types/m8a/",
    },
    Processor {
        name: "Neoverse N1",
        name_in_llvm: "neoverse-n1",
        family: Arm,
        clock: 2.5,
        machine: "AWS Graviton2",
        source: "https://www.anandtech.com/show/15578",
    },
    Processor {
        name: "Neoverse V2",
        name_in_llvm: "neoverse-v2",
        family: Arm,
        clock: 2.8,
        machine: "AWS Graviton4",
        source: "https://chipsandcheese.com/p/arms-neoverse-v2-in-awss-graviton-4",
    },
    Processor {
        name: "Cortex-X1",
        name_in_llvm: "cortex-x1",
        family: Arm,
        clock: 2.84,
        machine: "Snapdragon 888",
        source: "https://www.financialexpress.com/industry/technology/\
            qualcomm-snapdragon-888-announced-with-big-focus-on-speed-photography-ai-and-5g/2142275/",
    },
    Processor {
        name: "Cortex-X4",
        name_in_llvm: "cortex-x4",
        family: Arm,
        clock: 3.3,
        machine: "Snapdragon 8 Gen 3",
        source: "https://droidholic.com/snapdragon-8-gen-3-launched/",
    },
];

/// Memory of a machine.
pub struct Memory {
    pub machine: &'static str,
    /// Cores that share it; of a phone or a board those that are fast.
    pub cores: u32,
    /// Its memory: bits side by side and millions of transfers a second, of which the most that it can give
    /// follows.
    pub memory: &'static str,
    pub bits: u32,
    pub rate: u32,
    /// What a core was seen to copy, or to read, in GB/s.
    pub seen: &'static str,
    pub source: &'static str,
}

impl Memory {
    /// What the memory could give at most, in GB/s.
    pub fn peak(&self) -> f64 {
        f64::from(self.bits) / 8.0 * f64::from(self.rate) / 1000.0
    }
}

/// sbc-bench: its results are those of tinymembench's `memcpy`, with one thread on the fastest core.
macro_rules! sbc_bench {
    ($result:literal) => {
        concat!("https://github.com/ThomasKaiser/sbc-bench/blob/master/results/", $result, ".txt")
    };
}

const fn memory(
    machine: &'static str,
    cores: u32,
    memory: &'static str,
    [bits, rate]: [u32; 2],
    seen: &'static str,
    source: &'static str,
) -> Memory {
    Memory { machine, cores, memory, bits, rate, seen, source }
}

const SNAPDRAGONS: &str = "https://en.wikipedia.org/wiki/List_of_Qualcomm_Snapdragon_systems_on_chips";

/// Boards, then phones, then laptops, then servers.
pub const MEMORY: &[Memory] = &[
    memory("Raspberry Pi 5", 4, "LPDDR4X", [32, 4267], "copies 6.0", sbc_bench!("8-NK")),
    memory("Rock 5B (RK3588)", 4, "LPDDR4X", [64, 4267], "copies 10.8", sbc_bench!("41BH")),
    memory("Jetson Orin Nano", 6, "LPDDR5", [128, 4266], "copies 6.7", sbc_bench!("4vy7")),
    memory("Snapdragon 888", 4, "LPDDR5", [64, 6400], "", SNAPDRAGONS),
    memory("Snapdragon 8 Gen 2", 5, "LPDDR5X", [64, 8400], "", SNAPDRAGONS),
    memory("Snapdragon 8 Gen 3", 6, "LPDDR5X", [64, 9600], "", SNAPDRAGONS),
    memory("Snapdragon 8cx Gen 3", 8, "LPDDR4X", [128, 4266], "copies 17.5 to 21.0", sbc_bench!("4xwT")),
    memory(
        "Apple M1",
        4,
        "LPDDR4X",
        [128, 4266],
        "reads 58",
        "https://www.anandtech.com/show/16252/mac-mini-apple-m1-tested",
    ),
    memory(
        "Apple M2",
        4,
        "LPDDR5",
        [128, 6400],
        "",
        "https://www.apple.com/newsroom/2022/06/apple-unveils-m2/",
    ),
    memory("Apple M1 Pro", 8, "LPDDR5", [256, 6400], "copies 27.1", sbc_bench!("443N")),
    memory("AWS Graviton2", 64, "DDR4", [512, 3200], "", "https://www.anandtech.com/show/15578"),
    memory("Ampere Altra Q80-26", 80, "DDR4", [512, 3200], "copies 11.7", sbc_bench!("4zkJ")),
    memory("AWS Graviton3", 64, "DDR5", [512, 4800], "", "https://www.anandtech.com/show/21172"),
    memory("AWS Graviton4", 96, "DDR5", [768, 5600], "", "https://www.anandtech.com/show/21172"),
];
