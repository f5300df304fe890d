import CPlatform

/// The processor that the program runs on.
enum Processor {
  /// True if its registers hold eight Doubles, so that the kernels of `WideKernels` run.
  static let isWide = processor_supports_avx512() == 1
}
