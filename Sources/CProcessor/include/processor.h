#pragma once

/// 1 if the processor has AVX2, FMA and F16C, which the kernels are built with on x86-64; 0 if not.
int processor_supports_avx2_and_fma(void);
