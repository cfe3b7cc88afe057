//! The instruction set architecture of functions.

use super::aws_names::aws_enum;

aws_enum! {
    /// An instruction set architecture of functions.
    Architecture {
        /// 64-bit ARM (Graviton).
        Arm64 = "arm64",
        /// 64-bit x86.
        X86_64 = "x86_64",
    }
}
