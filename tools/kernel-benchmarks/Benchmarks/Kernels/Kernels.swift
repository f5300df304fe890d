import Benchmark
import Foundation
import KernelDriver

/// Forward and backward in memory for each shape, and a triad for what memory allows; with 1 and all threads.
///
/// Names are "shape threads", as `tools/bench` reads them, with "apart" between if the results do not take the place of the inputs:
/// "4096x1024 2", "4096x1024 apart 2", "triad 1".
let benchmarks: @Sendable () -> Void = {
  Benchmark.defaultConfiguration = .init(
    metrics: [.wallClock, .throughput], timeUnits: .nanoseconds, warmupIterations: 5,
    maxDuration: .seconds(1),
    maxIterations: 100_000)
  let shapes = [
    [4096, 1024], [256, 1024], [65536, 64], [32, 64, 56, 56], [32, 256, 14, 14], [8192, 3],
  ]
  let processors = ProcessInfo.processInfo.activeProcessorCount
  for threads in processors > 1 ? [1, processors] : [1] {
    Benchmark("triad \(threads)") { benchmark, triad in
      for _ in benchmark.scaledIterations { triad.run() }
    } setup: {
      Triad(threads: threads)
    }
    for shape in shapes {
      let name = shape.map(String.init).joined(separator: "x")
      for inPlace in [true, false] {
        Benchmark("\(name) \(inPlace ? "" : "apart ")\(threads)") { benchmark, batch in
          for _ in benchmark.scaledIterations { batch.run() }
        } setup: {
          InMemoryBatch(shape: shape, threads: threads, inPlace: inPlace)
        }
      }
    }
  }
}
