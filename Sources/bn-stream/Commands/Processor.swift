import CProcessor
import Foundation

/// What the program was built for.
enum Processor {
  /// Ends the program with a clear line on a processor that lacks the instructions it was built with, instead of leaving
  /// that to an illegal instruction in the middle of a run.
  static func check() {
    #if arch(x86_64)
      guard processor_supports_avx2_and_fma() == 0 else { return }
      Failure(
        message: "this build needs a processor with AVX2, FMA and F16C, and this one lacks some; "
          + "build without `processorFlags` in Package.swift",
        status: .internal
      ).report(asJSON: false)
    #endif
  }
}
